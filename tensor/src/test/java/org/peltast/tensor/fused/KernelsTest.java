package org.peltast.tensor.fused;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.peltast.tensor.Floats;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/** Each kernel against its formula in libtorch's operators, and against autograd's gradient. */
class KernelsTest {
  private static final int ITEMS = 3;
  private static final int TOKENS = 5;

  private final Rng rng = Rng.of(5);

  @BeforeEach
  void canRun() {
    Assumptions.assumeTrue(Fused.obstacle() == null, () -> "" + Fused.obstacle());
  }

  private static Floats kept(Tensor t) {
    Floats f = Floats.allocate(t.shape());
    f.tensor().copyFrom(t.detach());
    return f;
  }

  private static void close(Tensor actual, Tensor wanted) {
    double size = Math.max(1e-3, wanted.detach().square().mean().sqrt().item());
    double error =
        actual.reshape(wanted.shape()).sub(wanted.detach()).square().mean().sqrt().item();
    assertThat(error / size).isLessThan(3e-6);
  }

  private static Tensor norm(Tensor x, double eps) {
    return x.mul(x.square().mean(true, -1).add(eps).rsqrt());
  }

  @Test
  void normAndItsGradient() {
    for (boolean shared : new boolean[] {true, false}) {
      for (int vectors : new int[] {1, 2, 3}) {
        try (Scope scope = Scope.open()) {
          int dim = vectors * Fused.width();
          Norms.Layout l = new Norms.Layout(ITEMS, TOKENS, dim, 1e-5f);
          Tensor x = rng.normal(ITEMS, TOKENS, dim).requireGrad(true);
          Tensor f = rng.fork("f").normal(shared ? 1 : ITEMS, 1, dim).requireGrad(true);
          Tensor dy = rng.fork("dy").normal(ITEMS, TOKENS, dim);
          Tensor wanted = norm(x, 1e-5).mul(f);
          wanted.backward(dy);

          Floats y = Floats.allocate(ITEMS, TOKENS, dim);
          Floats r = Floats.allocate(ITEMS * TOKENS);
          Norms.forward(l, kept(x), kept(f), y, r);
          close(y.tensor(), wanted);
          Floats again = Floats.allocate(ITEMS, TOKENS, dim);
          Norms.again(l, kept(x), r, kept(f), again);
          assertThat(again.tensor().toFloats()).isEqualTo(y.tensor().toFloats());

          Floats dx = kept(Tensor.ones(ITEMS, TOKENS, dim));
          Floats df = Floats.allocate(ITEMS, 1, dim);
          Norms.backward(l, kept(x), r, kept(f), kept(dy), dx, true, df);
          close(dx.tensor().sub(1), x.grad());
          close(shared ? df.tensor().sum(true, 0) : df.tensor(), f.grad());
        }
      }
    }
  }

  @Test
  void residualJoinsNormedAndGated() {
    try (Scope scope = Scope.open()) {
      int dim = 2 * Fused.width();
      Norms.Layout l = new Norms.Layout(ITEMS, TOKENS, dim, 1e-6f);
      Tensor x = rng.normal(ITEMS, TOKENS, dim);
      Tensor o = rng.fork("o").normal(ITEMS, TOKENS, dim);
      Tensor g = rng.fork("g").normal(ITEMS, 1, dim);
      Floats y = Floats.allocate(ITEMS, TOKENS, dim);
      Floats r = Floats.allocate(ITEMS * TOKENS);
      Norms.join(l, kept(x), kept(o), kept(g), y, r);
      close(y.tensor(), x.add(norm(o, 1e-6).mul(g)));
    }
  }

  @Test
  void rotationAndItsGradient() {
    for (boolean shared : new boolean[] {true, false}) {
      try (Scope scope = Scope.open()) {
        int heads = 2;
        int headDim = 2 * Fused.width();
        Rotary.Layout l = new Rotary.Layout(ITEMS, TOKENS, heads, headDim, 1e-5f);
        Tensor x = rng.normal(ITEMS, TOKENS, heads, headDim).requireGrad(true);
        Tensor f = rng.fork("f").normal(headDim).requireGrad(true);
        Tensor angles = rng.fork("angles").normal(shared ? 1 : ITEMS, TOKENS, headDim / 2, 1);
        Tensor turns =
            Tensor.cat(List.of(angles.cos(), angles.sin()), 3)
                .reshape(shared ? 1 : ITEMS, TOKENS, headDim);
        Tensor dy = rng.fork("dy").normal(ITEMS, heads, TOKENS, headDim);
        Tensor wanted =
            norm(x, 1e-5)
                .mul(f)
                .asComplex()
                .mul(turns.asComplex().unsqueeze(2))
                .asReal()
                .transpose(1, 2);
        wanted.backward(dy);

        Floats y = Floats.allocate(ITEMS, heads, TOKENS, headDim);
        Rotary.forward(l, kept(x), kept(f), kept(turns), y);
        close(y.tensor(), wanted.contiguous());
        Floats dx = Floats.allocate(ITEMS, TOKENS, heads, headDim);
        Floats df = Floats.allocate(headDim);
        Rotary.backward(l, kept(x), kept(f), kept(turns), kept(dy), dx, df);
        close(dx.tensor(), x.grad());
        close(df.tensor(), f.grad());
      }
    }
  }

  @Test
  void softmaxWithAbsentKeysAndItsGradient() {
    try (Scope scope = Scope.open()) {
      int keys = 2 * Fused.width();
      Tensor scores = rng.normal(ITEMS, 2, TOKENS, keys).mul(20).requireGrad(true);
      float[] absent = new float[ITEMS * keys];
      absent[3] = Float.NEGATIVE_INFINITY;
      absent[keys + 7] = Float.NEGATIVE_INFINITY;
      Tensor mask = Tensor.of(absent, ITEMS, 1, 1, keys);
      Tensor dp = rng.fork("dp").normal(ITEMS, 2, TOKENS, keys);
      Tensor wanted = scores.add(mask).softmax(-1);
      wanted.backward(dp);

      Floats p = kept(scores);
      Softmax.forward(p, ITEMS, keys, kept(mask));
      close(p.tensor(), wanted);
      assertThat(p.tensor().toFloats()[3]).isZero();
      Floats ds = kept(dp);
      Softmax.backward(p, keys, ds);
      close(ds.tensor(), scores.grad());
    }
  }

  @Test
  void scoresThatAreNoNumbersStayNone() {
    try (Scope scope = Scope.open()) {
      int keys = Fused.width();
      Floats p =
          kept(
              Tensor.full(
                  Double.NaN,
                  org.peltast.tensor.DType.FLOAT32,
                  org.peltast.tensor.Device.CPU,
                  1,
                  1,
                  1,
                  keys));
      Softmax.forward(p, 1, keys, null);
      assertThat(p.tensor().toFloats()[0]).isNaN();
    }
  }

  @Test
  void gateAndItsGradientFarOutToo() {
    try (Scope scope = Scope.open()) {
      int n = 8 * Fused.width();
      Tensor u = rng.normal(n).mul(40).requireGrad(true);
      Tensor v = rng.fork("v").normal(n).requireGrad(true);
      Tensor dy = rng.fork("dy").normal(n);
      Tensor wanted = u.silu().mul(v);
      wanted.backward(dy);

      Floats y = Floats.allocate(n);
      Gate.forward(kept(u), kept(v), y);
      close(y.tensor(), wanted);
      Floats du = kept(u);
      Floats dv = kept(v);
      Floats out = kept(dy);
      Gate.backward(du, dv, out);
      close(du.tensor(), u.grad());
      close(dv.tensor(), v.grad());
      assertThat(out.tensor().toFloats()).isEqualTo(y.tensor().toFloats());
    }
  }

  @Test
  void memoryOfAnotherSizeIsRefusedBeforeAnythingIsRead() {
    int w = Fused.width();
    Norms.Layout l = new Norms.Layout(2, 2, w, 1e-5f);
    Floats right = Floats.allocate(4, w);
    Floats wrong = Floats.allocate(3, w);
    Floats r = Floats.allocate(4);
    Floats f = Floats.allocate(w);
    assertThatThrownBy(() -> Norms.forward(l, wrong, f, right, r))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("numbers are needed");
    assertThatThrownBy(() -> Norms.forward(l, right, wrong, right, r))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Norms.forward(l, right, f, right, f))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Softmax.forward(right, 1, 2 * w + 1, null))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Gate.forward(right, wrong, right))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
