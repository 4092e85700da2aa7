package org.peltast.tensor.fused;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.peltast.tensor.DType;
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
              Tensor.full(Double.NaN, DType.FLOAT32, org.peltast.tensor.Device.CPU, 1, 1, 1, keys));
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

  /** The same numbers in another dtype, by a kernel that adds −0 to them. */
  private static Floats converted(Floats from, DType dtype) {
    int n = from.count();
    Floats to = Floats.allocate(dtype, n);
    Norms.join(
        new Norms.Layout(1, 1, n, 1),
        from,
        kept(Tensor.zeros(n).neg()),
        kept(Tensor.ones(n)),
        to,
        Floats.allocate(1));
    return to;
  }

  @Test
  void numbersAreRoundedToBfloat16AsByLibtorch() {
    try (Scope scope = Scope.open()) {
      int[] bits = {
        0x3f808000,
        0x3f818000, // ties, to the even one below and above
        0x3f807fff,
        0x3f808001,
        0xbf808001, // nearly ties
        0x7f7fffff,
        0xff7fffff,
        0x7f7f7fff, // the largest, to infinity and not
        0x7f800000,
        0xff800000, // infinities
        0x00000000,
        0x80000000, // zeros
        0x00000001,
        0x00008000,
        0x00018000,
        0x00017fff,
        0x807fffff,
        0x80012345 // subnormal
      };
      int n = 64 * Fused.width();
      float[] values = rng.normal(n).toFloats();
      for (int i = 0; i < bits.length; i++) {
        values[7 * i] = Float.intBitsToFloat(bits[i]);
      }
      Tensor exact = Tensor.of(values, n);
      Tensor wanted = exact.to(DType.BFLOAT16);
      Floats rounded = converted(kept(exact), DType.BFLOAT16);
      assertThat(rounded.bytes().slice()).isEqualTo(wanted.bytes());
      Floats back = converted(rounded, DType.FLOAT32);
      assertThat(back.bytes().slice()).isEqualTo(wanted.to(DType.FLOAT32).bytes());
    }
  }

  @Test
  void whatIsNoNumberStaysNoneInBfloat16() {
    try (Scope scope = Scope.open()) {
      int[] bits = {0x7fc00000, 0xffc00000, 0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff};
      float[] values = new float[Fused.width()];
      for (int i = 0; i < values.length; i++) {
        values[i] = Float.intBitsToFloat(bits[i % bits.length]);
      }
      Floats rounded = converted(kept(Tensor.of(values, values.length)), DType.BFLOAT16);
      for (float v : rounded.tensor().to(DType.FLOAT32).toFloats()) {
        assertThat(v).isNaN();
      }
    }
  }

  /** Random numbers that bfloat16 holds exactly, in either dtype. */
  private Floats numbers(DType dtype, String name, long... shape) {
    Floats f = Floats.allocate(dtype, shape);
    f.tensor().copyFrom(rng.fork(name).normal(shape).to(DType.BFLOAT16));
    return f;
  }

  /**
   * Every kernel with what a block holds in the products' dtype in that dtype.
   *
   * @return what it wrote, by name
   */
  private Map<String, Floats> results(DType dtype) {
    Map<String, Floats> all = new LinkedHashMap<>();
    int heads = 2;
    int headDim = 2 * Fused.width();
    int dim = heads * headDim;
    int rows = ITEMS * TOKENS;
    Norms.Layout l = new Norms.Layout(ITEMS, TOKENS, dim, 1e-5f);
    Floats x = numbers(DType.FLOAT32, "x", rows, dim);
    Floats f = numbers(DType.FLOAT32, "f", ITEMS, dim);
    Floats r = Floats.allocate(rows);
    Floats n = Floats.allocate(dtype, rows, dim);
    Norms.forward(l, x, f, n, r);
    all.put("norm", n);
    Floats again = Floats.allocate(dtype, rows, dim);
    Norms.again(l, x, r, f, again);
    all.put("norm again", again);
    Floats d = numbers(DType.FLOAT32, "d", rows, dim);
    Floats df = Floats.allocate(ITEMS, dim);
    Norms.backward(l, x, r, f, numbers(dtype, "dn", rows, dim), d, true, df);
    all.put("gradient by the stream", d);
    all.put("gradient by the factor", df);

    Floats o = numbers(dtype, "o", rows, dim);
    Floats y = Floats.allocate(rows, dim);
    Norms.join(l, x, o, f, y, r);
    all.put("joined", y);
    all.put("1/rms", r);
    Floats dOut = Floats.allocate(dtype, rows, dim);
    Floats dGate = Floats.allocate(ITEMS, dim);
    Norms.backward(l, o, r, f, numbers(DType.FLOAT32, "dy", rows, dim), dOut, false, dGate);
    all.put("gradient by the answer", dOut);
    all.put("gradient by the gate", dGate);

    Rotary.Layout turning = new Rotary.Layout(ITEMS, TOKENS, heads, headDim, 1e-5f);
    Floats factor = numbers(DType.FLOAT32, "factor", headDim);
    Floats turns = numbers(DType.FLOAT32, "turns", TOKENS, headDim);
    Floats turned = Floats.allocate(dtype, ITEMS, heads, TOKENS, headDim);
    Rotary.forward(turning, o, factor, turns, turned);
    all.put("turned", turned);
    Floats dTurned = numbers(dtype, "dTurned", ITEMS, heads, TOKENS, headDim);
    Floats dq = Floats.allocate(dtype, rows, dim);
    Floats dFactor = Floats.allocate(headDim);
    Rotary.backward(turning, o, factor, turns, dTurned, dq, dFactor);
    all.put("gradient by queries", dq);
    all.put("gradient by their factor", dFactor);

    Floats p = numbers(dtype, "scores", ITEMS, heads, TOKENS, headDim);
    Softmax.forward(p, ITEMS, headDim, numbers(DType.FLOAT32, "mask", ITEMS, headDim));
    all.put("softmax", p);
    Floats dp = numbers(dtype, "dp", ITEMS, heads, TOKENS, headDim);
    Softmax.backward(numbers(dtype, "p", ITEMS, heads, TOKENS, headDim), headDim, dp);
    all.put("gradient by scores", dp);

    // Longer than a piece, and not by a whole one.
    int count = 1024 + 8 * Fused.width();
    Floats u = numbers(dtype, "u", count);
    Floats v = numbers(dtype, "v", count);
    Floats gated = Floats.allocate(dtype, count);
    Gate.forward(u, v, gated);
    all.put("gated", gated);
    Floats dGated = numbers(dtype, "dGated", count);
    Gate.backward(u, v, dGated);
    all.put("gated once more", dGated);
    all.put("gradient by u", u);
    all.put("gradient by v", v);
    return all;
  }

  /** Between reading and writing they compute in float32: only what is written is rounded. */
  @Test
  void bfloat16KernelsAreFloat32OnesThatRoundWhatTheyWrite() {
    try (Scope scope = Scope.open()) {
      Map<String, Floats> exact = results(DType.FLOAT32);
      results(DType.BFLOAT16)
          .forEach(
              (name, actual) ->
                  assertThat(actual.tensor().to(DType.FLOAT32).toFloats())
                      .as(name)
                      .isEqualTo(
                          exact
                              .get(name)
                              .tensor()
                              .to(actual.dtype())
                              .to(DType.FLOAT32)
                              .toFloats()));
    }
  }

  @Test
  void whatMustBeFloat32IsRefusedInBfloat16() {
    int w = Fused.width();
    Norms.Layout l = new Norms.Layout(2, 2, w, 1e-5f);
    Floats x = Floats.allocate(4, w);
    Floats narrow = Floats.allocate(DType.BFLOAT16, w);
    assertThatThrownBy(() -> Norms.forward(l, x, narrow, x, Floats.allocate(4)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("float32");
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
