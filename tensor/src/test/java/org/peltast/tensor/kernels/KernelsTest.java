package org.peltast.tensor.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.HostBuffer;
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

  private static HostBuffer kept(Tensor t) {
    HostBuffer f = HostBuffer.allocate(t.shape());
    f.tensor().copyFrom(t.detach());
    return f;
  }

  private static void close(Tensor actual, Tensor wanted) {
    double size = Math.max(1e-3, wanted.detach().square().mean().sqrt().item());
    double error =
        actual.reshape(wanted.shape()).sub(wanted.detach()).square().mean().sqrt().item();
    assertThat(error / size).isLessThan(3e-6);
  }

  private static void close(float[] actual, Tensor wanted) {
    close(Tensor.of(actual, actual.length), wanted);
  }

  private static Tensor norm(Tensor x, double eps) {
    return x.mul(x.square().mean(true, -1).add(eps).rsqrt());
  }

  private static Norms.Layout layout(int dim, double eps) {
    return new Norms.Layout(ITEMS, TOKENS, TOKENS, dim, (float) eps);
  }

  @Test
  void normAndItsGradient() {
    for (boolean shared : new boolean[] {true, false}) {
      for (int vectors : new int[] {1, 2, 3, 4, 9}) {
        try (Scope scope = Scope.open()) {
          int dim = vectors * Fused.width();
          Norms.Layout l = layout(dim, 1e-5);
          Tensor x = rng.normal(ITEMS, TOKENS, dim).requireGrad(true);
          Tensor f = rng.fork("f").normal(shared ? 1 : ITEMS, 1, dim).requireGrad(true);
          Tensor dn = rng.fork("dn").normal(ITEMS, TOKENS, dim);
          Tensor wanted = norm(x, 1e-5).mul(f);
          wanted.backward(dn);

          float[] stream = x.toFloats();
          HostBuffer keptX = HostBuffer.allocate(ITEMS, TOKENS, dim);
          HostBuffer n = HostBuffer.allocate(ITEMS, TOKENS, dim);
          float[] r = new float[ITEMS * TOKENS];
          Factor factor = factor(f, shared, dim);
          l.pass(Norms.keep(l, stream, keptX).then(Norms.norm(l, stream, factor, n, r)));
          close(n.tensor(), wanted);
          HostBuffer again = HostBuffer.allocate(ITEMS, TOKENS, dim);
          l.pass(Norms.again(l, keptX, r, factor, again));
          assertThat(again.tensor().toFloats()).isEqualTo(n.tensor().toFloats());
          assertThat(keptX.tensor().toFloats()).isEqualTo(x.toFloats()).isEqualTo(stream);

          float[] dx = new float[stream.length];
          Arrays.fill(dx, 1);
          float[] df = new float[(int) f.count()];
          l.pass(Norms.normBack(l, dx, keptX, r, factor, kept(dn), factor(df, shared, dim)));
          close(Tensor.of(dx, dx.length).sub(1), x.grad());
          close(df, f.grad());

          float[] alone = new float[stream.length];
          Arrays.fill(alone, 1);
          long summed = Factor.summed();
          l.pass(Norms.normBack(l, alone, keptX, r, factor, kept(dn), Factor.NONE));
          assertThat(alone).isEqualTo(dx);
          assertThat(Factor.summed()).isEqualTo(summed);
        }
      }
    }
  }

  private static Factor factor(Tensor f, boolean shared, int dim) {
    return factor(f.toFloats(), shared, dim);
  }

  private static Factor factor(float[] f, boolean shared, int dim) {
    return shared ? Factor.shared(f) : Factor.each(f, dim);
  }

  @Test
  void answersJoinNormedAndGatedAndItsGradient() {
    try (Scope scope = Scope.open()) {
      int dim = 2 * Fused.width();
      Norms.Layout l = layout(dim, 1e-6);
      Tensor x = rng.normal(ITEMS, TOKENS, dim);
      Tensor o = rng.fork("o").normal(ITEMS, TOKENS, dim).requireGrad(true);
      Tensor g = rng.fork("g").normal(ITEMS, 1, dim).requireGrad(true);
      Tensor dy = rng.fork("dy").normal(ITEMS, TOKENS, dim);
      Tensor wanted = x.add(norm(o, 1e-6).mul(g));
      wanted.backward(dy);

      float[] stream = x.toFloats();
      float[] r = new float[ITEMS * TOKENS];
      Factor gate = Factor.each(g.toFloats(), dim);
      l.pass(Norms.join(l, stream, kept(o), gate, r));
      close(stream, wanted);

      float[] d = dy.toFloats();
      HostBuffer answer = HostBuffer.allocate(ITEMS, TOKENS, dim);
      float[] dg = new float[ITEMS * dim];
      l.pass(Norms.joinBack(l, d, kept(o), r, gate, answer, Factor.each(dg, dim)));
      close(answer.tensor(), o.grad());
      close(dg, g.grad());
      assertThat(d).isEqualTo(dy.toFloats());

      HostBuffer alone = HostBuffer.allocate(ITEMS, TOKENS, dim);
      long summed = Factor.summed();
      l.pass(Norms.joinBack(l, d, kept(o), r, gate, alone, Factor.NONE));
      assertThat(alone.tensor().toFloats()).isEqualTo(answer.tensor().toFloats());
      assertThat(Factor.summed()).isEqualTo(summed);
    }
  }

  /** As in a last block, whose answer has fewer rows than the stream. */
  @Test
  void onlyTheFirstRowsOfEachItemAreTouched() {
    try (Scope scope = Scope.open()) {
      int dim = 2 * Fused.width();
      int asked = 3;
      Norms.Layout l = new Norms.Layout(ITEMS, asked, TOKENS, dim, 1e-5f);
      Tensor x = rng.normal(ITEMS, TOKENS, dim);
      Tensor o = rng.fork("o").normal(ITEMS, asked, dim);
      Tensor g = rng.fork("g").normal(ITEMS, 1, dim);
      float[] stream = x.toFloats();
      HostBuffer n = HostBuffer.allocate(ITEMS, asked, dim);
      float[] r = new float[ITEMS * asked];
      l.pass(
          Norms.join(l, stream, kept(o), Factor.each(g.toFloats(), dim), r),
          Norms.norm(l, stream, Factor.each(g.toFloats(), dim), n, r));
      Tensor joined = x.narrow(1, 0, asked).add(norm(o, 1e-5).mul(g));
      Tensor after = Tensor.of(stream, ITEMS, TOKENS, dim);
      close(after.narrow(1, 0, asked), joined);
      assertThat(after.narrow(1, asked, TOKENS - asked).toFloats())
          .isEqualTo(x.narrow(1, asked, TOKENS - asked).toFloats());
      close(n.tensor(), norm(joined, 1e-5).mul(g));
    }
  }

  @Test
  void rotationAndItsGradient() {
    for (boolean shared : new boolean[] {true, false}) {
      try (Scope scope = Scope.open()) {
        int heads = 2;
        int headDim = 2 * Fused.width();
        Rotary.Layout l = new Rotary.Layout(ITEMS, TOKENS, TOKENS, heads, headDim, 1e-5f);
        Tensor x = rng.normal(ITEMS, TOKENS, heads, headDim).requireGrad(true);
        Tensor f = rng.fork("f").normal(headDim).requireGrad(true);
        Tensor angles = rng.fork("angles").normal(shared ? 1 : ITEMS, TOKENS, headDim / 2, 1);
        Tensor turns =
            Tensor.cat(List.of(angles.cos(), angles.sin()), 3)
                .reshape(shared ? 1 : ITEMS, TOKENS, headDim);
        Tensor dy = rng.fork("dy").normal(ITEMS, TOKENS, heads, headDim);
        Tensor wanted =
            norm(x, 1e-5).mul(f).asComplex().mul(turns.asComplex().unsqueeze(2)).asReal();
        wanted.backward(dy);

        RotaryTable places = RotaryTable.of(turns.toFloats(), TOKENS, headDim);
        HostBuffer y = HostBuffer.allocate(ITEMS, TOKENS, heads, headDim);
        Rotary.forward(l, kept(x), f.toFloats(), places, y);
        close(y.tensor(), wanted);
        HostBuffer inPlace = kept(x);
        Rotary.forward(l, inPlace, f.toFloats(), places, inPlace);
        assertThat(inPlace.tensor().toFloats()).isEqualTo(y.tensor().toFloats());

        HostBuffer d = kept(dy);
        float[] df = new float[headDim];
        Rotary.backward(l, kept(x), f.toFloats(), places, d, d, df);
        close(d.tensor(), x.grad());
        close(df, f.grad());

        HostBuffer alone = kept(dy);
        Rotary.backward(l, kept(x), f.toFloats(), places, alone, alone, new float[0]);
        assertThat(alone.tensor().toFloats()).isEqualTo(d.tensor().toFloats());
      }
    }
  }

  @Test
  void rowsThatAreNotTurnedHaveNoGradient() {
    try (Scope scope = Scope.open()) {
      int headDim = Fused.width();
      int asked = 2;
      Rotary.Layout some = new Rotary.Layout(ITEMS, asked, TOKENS, 2, headDim, 1e-5f);
      Rotary.Layout all = new Rotary.Layout(ITEMS, TOKENS, TOKENS, 2, headDim, 1e-5f);
      Tensor x = rng.normal(ITEMS, TOKENS, 2 * headDim);
      RotaryTable places =
          RotaryTable.of(rng.fork("turns").normal(TOKENS, headDim).toFloats(), TOKENS, headDim);
      float[] f = rng.fork("f").normal(headDim).toFloats();
      HostBuffer dy = kept(rng.fork("dy").normal(ITEMS, TOKENS, 2 * headDim));
      HostBuffer whole = HostBuffer.allocate(ITEMS, TOKENS, 2 * headDim);
      Rotary.backward(all, kept(x), f, places, dy, whole, new float[headDim]);
      HostBuffer dx = kept(Tensor.ones(ITEMS, TOKENS, 2 * headDim));
      Rotary.backward(some, kept(x), f, places, dy, dx, new float[headDim]);
      assertThat(dx.tensor().narrow(1, 0, asked).toFloats())
          .isEqualTo(whole.tensor().narrow(1, 0, asked).toFloats());
      assertThat(dx.tensor().narrow(1, asked, TOKENS - asked).toFloats()).containsOnly(0);
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

      HostBuffer p = kept(scores);
      Softmax.forward(p, ITEMS, keys, Factor.each(absent, keys));
      close(p.tensor(), wanted);
      assertThat(p.tensor().toFloats()[3]).isZero();
      HostBuffer ds = kept(dp);
      Softmax.backward(p, keys, ds);
      close(ds.tensor(), scores.grad());
    }
  }

  @Test
  void theLargestScoreIsFoundWhateverItsSignAndPlace() {
    try (Scope scope = Scope.open()) {
      int keys = 3 * Fused.width();
      for (double shift : new double[] {-1000, 0, 1000}) {
        for (int place = 0; place < keys; place += 5) {
          float[] scores = rng.normal(keys).toFloats();
          for (int i = 0; i < keys; i++) {
            scores[i] += (float) (i == place ? shift + 200 : shift);
          }
          HostBuffer p = kept(Tensor.of(scores, 1, 1, 1, keys));
          Softmax.forward(p, 1, keys, null);
          assertThat(p.tensor().toFloats()[place]).isEqualTo(1);
        }
      }
    }
  }

  @Test
  void scoresThatAreNoNumbersStayNone() {
    try (Scope scope = Scope.open()) {
      int keys = Fused.width();
      HostBuffer p = kept(Tensor.full(Double.NaN, DType.FLOAT32, Device.CPU, 1, 1, 1, keys));
      Softmax.forward(p, 1, keys, null);
      assertThat(p.tensor().toFloats()[0]).isNaN();
    }
  }

  @Test
  void rowsThatThreadsShareAreTheSameBits() {
    int before = Engine.threads();
    try (Scope scope = Scope.open()) {
      Engine.threads(1);
      List<float[]> alone = ofManyRows();
      Engine.threads(3);
      assertThat(ofManyRows()).usingRecursiveComparison().isEqualTo(alone);
    } finally {
      Engine.threads(before);
    }
  }

  /** Softmax and gate, forward and backward, of 2 items of as many rows as threads share. */
  private List<float[]> ofManyRows() {
    int rows = 301;
    int width = 1024;
    float[] absent = new float[2 * width];
    absent[width + 7] = Float.NEGATIVE_INFINITY;
    HostBuffer p = kept(rng.fork("p").normal(2, rows, width));
    Softmax.forward(p, 2, width, Factor.each(absent, width));
    HostBuffer dp = kept(rng.fork("dp").normal(2, rows, width));
    Softmax.backward(p, width, dp);
    Gate.Layout l = new Gate.Layout(2 * rows, width, width);
    HostBuffer u = kept(rng.fork("u").normal(2, rows, width));
    HostBuffer v = kept(rng.fork("v").normal(2, rows, width));
    HostBuffer y = HostBuffer.allocate(2, rows, width);
    Gate.forward(l, u, v, y);
    HostBuffer dy = kept(rng.fork("dy").normal(2, rows, width));
    Gate.backward(l, u, v, dy);
    return Stream.of(p, dp, u, v, y, dy).map(f -> f.tensor().toFloats()).toList();
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

      Gate.Layout l = new Gate.Layout(1, n, n);
      HostBuffer y = HostBuffer.allocate(n);
      Gate.forward(l, kept(u), kept(v), y);
      close(y.tensor(), wanted);
      HostBuffer inPlace = kept(u);
      Gate.forward(l, inPlace, kept(v), inPlace);
      assertThat(inPlace.tensor().toFloats()).isEqualTo(y.tensor().toFloats());
      HostBuffer du = kept(u);
      HostBuffer dv = kept(v);
      HostBuffer out = kept(dy);
      Gate.backward(l, du, dv, out);
      close(du.tensor(), u.grad());
      close(dv.tensor(), v.grad());
      assertThat(out.tensor().toFloats()).isEqualTo(y.tensor().toFloats());
    }
  }

  @Test
  void modulationAndItsGradient() {
    try (Scope scope = Scope.open()) {
      int dim = 3 * Fused.width();
      Tensor m = rng.normal(ITEMS, 4 * dim).requireGrad(true);
      Tensor bias = rng.fork("bias").normal(4 * dim).requireGrad(true);
      float[] a = m.toFloats();
      Modulations.activate(a, bias.toFloats());
      for (int quarter = 0; quarter < 4; quarter++) {
        Tensor w = rng.fork("w").fork(quarter).normal(dim).requireGrad(true);
        Tensor df = rng.fork("df").fork(quarter).normal(ITEMS, dim);
        Tensor moved = m.add(bias).narrow(1, (long) quarter * dim, dim);
        Tensor wanted = (quarter % 2 == 0 ? moved.add(1) : moved.tanh()).mul(w);
        wanted.backward(df);

        close(Modulations.factors(a, quarter, w.toFloats()), wanted);
        float[] dw = new float[dim];
        Modulations.back(a, quarter, w.toFloats(), df.toFloats(), dw);
        close(dw, w.grad());
      }
      close(a, m.grad());
      close(Modulations.sum(a, 4 * dim), bias.grad());
      assertThatThrownBy(() -> Modulations.activate(new float[dim], new float[4 * dim]))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> Modulations.factors(a, 0, new float[dim - 1]))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(
              () -> Modulations.back(a, 0, new float[dim], new float[dim], new float[dim]))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  /** Products read what fills rows up, and no number times zero is none. */
  @Test
  void whatFillsRowsUpIsWrittenAsZeros() {
    for (DType dtype : new DType[] {DType.FLOAT32, DType.BFLOAT16}) {
      try (Scope scope = Scope.open()) {
        int step = 2 * Fused.width();
        int width = step - 3;
        int rows = 100; // more than a piece
        Gate.Layout l = new Gate.Layout(rows, width, step);
        HostBuffer u = numbers(dtype, "u", rows, step);
        HostBuffer v = numbers(dtype, "v", rows, step);
        HostBuffer dy = numbers(dtype, "dy", rows, step);
        for (HostBuffer f : List.of(u, v, dy)) {
          Tensor none = Tensor.full(Double.NaN, DType.FLOAT32, Device.CPU, rows, step - width);
          f.tensor().narrow(1, width, step - width).copyFrom(none);
        }
        HostBuffer y = HostBuffer.allocate(dtype, rows, step);
        Gate.forward(l, u, v, y);
        Gate.backward(l, u, v, dy);
        for (HostBuffer f : List.of(y, u, v, dy)) {
          Tensor all = f.tensor().to(DType.FLOAT32);
          assertThat(all.narrow(1, width, step - width).toFloats()).containsOnly(0);
          assertThat(all.narrow(1, 0, width).toFloats()).doesNotContain(0).isNotEmpty();
          assertThat(all.allFinite()).isTrue();
        }
      }
    }
  }

  /** The exponential, number by number, over all that it is asked for. */
  @Test
  void sigmoidsAreThoseOfDoublePrecision() {
    try (Scope scope = Scope.open()) {
      int n = 256 * Fused.width();
      float[] u = new float[n];
      float[] ones = new float[n];
      for (int i = 0; i < n; i++) {
        u[i] = -85 + 170f * i / n;
        ones[i] = 1;
      }
      HostBuffer y = HostBuffer.allocate(n);
      Gate.forward(new Gate.Layout(1, n, n), kept(Tensor.of(u, n)), kept(Tensor.of(ones, n)), y);
      float[] actual = y.tensor().toFloats();
      for (int i = 0; i < n; i++) {
        double wanted = u[i] / (1 + Math.exp(-u[i]));
        assertThat(Math.abs(actual[i] - wanted)).isLessThanOrEqualTo(4e-6 * Math.abs(wanted));
      }
    }
  }

  /** The same numbers in another dtype, by a kernel that multiplies them by 1. */
  private static HostBuffer converted(HostBuffer from, DType dtype) {
    int n = from.count();
    HostBuffer to = HostBuffer.allocate(dtype, n);
    // Rows of one vector each, turned by no angle; r is 1 as the norm of no row is taken.
    float[] all = from.tensor().to(DType.FLOAT32).toFloats();
    int width = Fused.width();
    for (int at = 0; at < n; at += width) {
      RowBuffer window = RowBuffer.on(to, width);
      System.arraycopy(all, at, window.floats, 0, width);
      window.write(at, width);
    }
    return to;
  }

  /** What a window shows of memory. */
  private static float[] shown(HostBuffer from) {
    float[] all = new float[from.count()];
    int width = Fused.width();
    for (int at = 0; at < all.length; at += width) {
      RowBuffer window = RowBuffer.on(from, width);
      window.read(at, width);
      System.arraycopy(window.floats, 0, all, at, width);
    }
    return all;
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
      HostBuffer rounded = converted(kept(exact), DType.BFLOAT16);
      assertThat(rounded.bytes().slice()).isEqualTo(wanted.bytes());
      assertThat(shown(rounded)).isEqualTo(wanted.to(DType.FLOAT32).toFloats());
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
      HostBuffer rounded = converted(kept(Tensor.of(values, values.length)), DType.BFLOAT16);
      for (float v : shown(rounded)) {
        assertThat(v).isNaN();
      }
    }
  }

  /** Random numbers that bfloat16 holds exactly, in either dtype. */
  private HostBuffer numbers(DType dtype, String name, long... shape) {
    HostBuffer f = HostBuffer.allocate(dtype, shape);
    f.tensor().copyFrom(rng.fork(name).normal(shape).to(DType.BFLOAT16));
    return f;
  }

  private float[] array(String name, long... shape) {
    return numbers(DType.FLOAT32, name, shape).tensor().toFloats();
  }

  private static HostBuffer floats(float[] values) {
    return kept(Tensor.of(values, values.length));
  }

  /**
   * Every kernel with what a block holds in the products' dtype in that dtype.
   *
   * @return what it wrote, by name
   */
  private Map<String, HostBuffer> results(DType dtype) {
    Map<String, HostBuffer> all = new LinkedHashMap<>();
    int heads = 2;
    int headDim = 2 * Fused.width();
    int dim = heads * headDim;
    int rows = ITEMS * TOKENS;
    Norms.Layout l = layout(dim, 1e-5);
    float[] x = array("x", rows, dim);
    HostBuffer keptX = floats(x);
    Factor f = Factor.each(array("f", ITEMS, dim), dim);
    float[] r = new float[rows];
    HostBuffer n = HostBuffer.allocate(dtype, rows, dim);
    l.pass(Norms.norm(l, x, f, n, r));
    all.put("norm", n);
    all.put("1/rms", floats(r));
    HostBuffer again = HostBuffer.allocate(dtype, rows, dim);
    l.pass(Norms.again(l, keptX, r, f, again));
    all.put("norm again", again);
    float[] d = array("d", rows, dim);
    float[] df = new float[ITEMS * dim];
    l.pass(
        Norms.normBack(l, d, keptX, r, f, numbers(dtype, "dn", rows, dim), Factor.each(df, dim)));
    all.put("gradient by the stream", floats(d));
    all.put("gradient by the factor", floats(df));

    HostBuffer o = numbers(dtype, "o", rows, dim);
    l.pass(Norms.join(l, x, o, f, r));
    all.put("joined", floats(x));
    all.put("1/rms of the answer", floats(r));
    HostBuffer dOut = HostBuffer.allocate(dtype, rows, dim);
    float[] dGate = new float[ITEMS * dim];
    l.pass(Norms.joinBack(l, array("dy", rows, dim), o, r, f, dOut, Factor.each(dGate, dim)));
    all.put("gradient by the answer", dOut);
    all.put("gradient by the gate", floats(dGate));

    Rotary.Layout turning = new Rotary.Layout(ITEMS, TOKENS, TOKENS, heads, headDim, 1e-5f);
    float[] factor = array("factor", headDim);
    RotaryTable turns = RotaryTable.of(array("turns", TOKENS, headDim), TOKENS, headDim);
    HostBuffer turned = HostBuffer.allocate(dtype, rows, dim);
    Rotary.forward(turning, o, factor, turns, turned);
    all.put("turned", turned);
    HostBuffer dq = numbers(dtype, "dTurned", rows, dim);
    float[] dFactor = new float[headDim];
    Rotary.backward(turning, o, factor, turns, dq, dq, dFactor);
    all.put("gradient by queries", dq);
    all.put("gradient by their factor", floats(dFactor));

    HostBuffer p = numbers(dtype, "scores", ITEMS, heads, TOKENS, headDim);
    Softmax.forward(p, ITEMS, headDim, Factor.each(array("mask", ITEMS, headDim), headDim));
    all.put("softmax", p);
    HostBuffer dp = numbers(dtype, "dp", ITEMS, heads, TOKENS, headDim);
    Softmax.backward(numbers(dtype, "p", ITEMS, heads, TOKENS, headDim), headDim, dp);
    all.put("gradient by scores", dp);

    // Longer than a piece, and not by a whole one.
    int count = 1024 + 8 * Fused.width();
    Gate.Layout flat = new Gate.Layout(count / Fused.width(), Fused.width(), Fused.width());
    HostBuffer u = numbers(dtype, "u", count);
    HostBuffer v = numbers(dtype, "v", count);
    HostBuffer gated = HostBuffer.allocate(dtype, count);
    Gate.forward(flat, u, v, gated);
    all.put("gated", gated);
    HostBuffer dGated = numbers(dtype, "dGated", count);
    Gate.backward(flat, u, v, dGated);
    all.put("gated once more", dGated);
    all.put("gradient by u", u);
    all.put("gradient by v", v);
    return all;
  }

  /** Between reading and writing they compute in float32: only what is written is rounded. */
  @Test
  void bfloat16KernelsAreFloat32OnesThatRoundWhatTheyWrite() {
    try (Scope scope = Scope.open()) {
      Map<String, HostBuffer> exact = results(DType.FLOAT32);
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
    Norms.Layout l = new Norms.Layout(2, 2, 2, w, 1e-5f);
    HostBuffer narrow = HostBuffer.allocate(DType.BFLOAT16, 4, w);
    assertThatThrownBy(() -> Norms.keep(l, new float[4 * w], narrow))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("float32");
  }

  @Test
  void memoryOfAnotherSizeIsRefusedBeforeAnythingIsRead() {
    int w = Fused.width();
    Norms.Layout l = new Norms.Layout(2, 2, 2, w, 1e-5f);
    HostBuffer right = HostBuffer.allocate(4, w);
    HostBuffer wrong = HostBuffer.allocate(3, w);
    float[] x = new float[4 * w];
    float[] r = new float[4];
    Factor f = Factor.shared(new float[w]);
    assertThatThrownBy(() -> Norms.norm(l, x, f, wrong, r))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("numbers are needed");
    assertThatThrownBy(() -> Norms.norm(l, new float[3 * w], f, right, r))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("stream");
    assertThatThrownBy(() -> Norms.norm(l, x, Factor.shared(new float[w + 1]), right, r))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("factors");
    assertThatThrownBy(() -> Norms.norm(l, x, Factor.each(new float[w], w), right, r))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Norms.join(l, x, right, f, new float[3]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("norms");
    assertThatThrownBy(
            () -> Norms.norm(new Norms.Layout(2, 3, 2, w, 1e-5f), x, f, right, new float[6]))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Factor.each(new float[2 * w], w).from(2))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> RotaryTable.of(new float[w + 1], 1, w))
        .isInstanceOf(IllegalArgumentException.class);
    Rotary.Layout turning = new Rotary.Layout(2, 2, 2, 1, w, 1e-5f);
    assertThatThrownBy(
            () ->
                Rotary.forward(
                    turning, right, new float[w], RotaryTable.of(new float[w], 1, w), right))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("rotary table");
    assertThatThrownBy(() -> Softmax.forward(right, 1, 2 * w + 1, null))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Gate.forward(new Gate.Layout(4, w, w), right, wrong, right))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
