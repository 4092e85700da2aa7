package org.peltast.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Products of matrices in kept memory, against libtorch's. */
class MatricesTest {
  private static final int ITEMS = 2;
  private static final int HEADS = 3;
  private static final int S = 5;
  private static final int D = 4;

  private static HostBuffer filled(DType dtype, int seed, long... shape) {
    HostBuffer f = HostBuffer.allocate(dtype, shape);
    f.tensor().copyFrom(Rng.of(seed).normal(shape));
    return f;
  }

  private static void assumeProducts(DType dtype) {
    Assumptions.assumeTrue(Matrices.obstacle(dtype) == null, () -> "" + Matrices.obstacle(dtype));
  }

  /** What the library lacks is found by asking it, and said; asked all the same, it refuses. */
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"FLOAT32", "BFLOAT16"})
  void anObstacleIsOneSentenceAndTrue(DType dtype) {
    String obstacle = Matrices.obstacle(dtype);
    try (Scope scope = Scope.open()) {
      WeightMatrix w = new WeightMatrix(Tensor.ones(32, 48), () -> 0);
      HostBuffer x = filled(dtype, 2, 16, 48);
      HostBuffer y = HostBuffer.allocate(dtype, 16, 32);
      Runnable product = () -> Matrices.one(y, 16, 32).assignLinear(Matrices.one(x, 16, 48), w);
      if (obstacle == null) {
        product.run();
        close(y.tensor().select(1, 0), x.tensor().to(DType.FLOAT32).sum(false, 1));
      } else {
        assertThat(obstacle).startsWith("oneDNN has no ").endsWith(" for this processor");
        assertThatThrownBy(product::run)
            .isInstanceOf(TensorException.class)
            .hasMessageContaining("oneDNN refuses");
      }
    }
  }

  /** [items, S, heads · D] as libtorch sees each head's matrix: [items, heads, S, D]. */
  private static Tensor heads(HostBuffer byRow) {
    return byRow.tensor().reshape(ITEMS, S, HEADS, D).transpose(1, 2);
  }

  /** To float32's rounding, or to bfloat16's. */
  private static void close(Tensor actual, Tensor expected) {
    float[] a = actual.contiguous().to(DType.FLOAT32).toFloats();
    float[] b = expected.contiguous().to(DType.FLOAT32).toFloats();
    float near = actual.dtype() == DType.FLOAT32 ? 1e-5f : 0.008f;
    assertThat(a).hasSameSizeAs(b);
    for (int i = 0; i < a.length; i++) {
      assertThat(a[i]).isCloseTo(b[i], within(near * Math.max(1, Math.abs(b[i]))));
    }
  }

  /** Attention's products and those of its gradient, in both layouts. */
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"FLOAT32", "BFLOAT16"})
  void productsOfHeadsAreLibtorchs(DType dtype) {
    assumeProducts(dtype);
    try (Scope scope = Scope.open()) {
      HostBuffer q = filled(dtype, 1, ITEMS, HEADS, S, D);
      HostBuffer v = filled(dtype, 2, ITEMS, S, HEADS * D);
      HostBuffer p = HostBuffer.allocate(dtype, ITEMS, HEADS, S, S);
      HostBuffer o = HostBuffer.allocate(dtype, ITEMS, S, HEADS * D);
      Matrices queries = Matrices.byHead(q, ITEMS, HEADS, S, D);
      Matrices values = Matrices.byRow(v, ITEMS, HEADS, S, D);
      Matrices weights = Matrices.byHead(p, ITEMS, HEADS, S, S);
      Matrices attended = Matrices.byRow(o, ITEMS, HEADS, S, D);

      weights.assignProduct(queries, values.transposed());
      close(p.tensor(), q.tensor().matmul(heads(v).transpose(2, 3)));
      attended.assignProduct(weights, values);
      close(heads(o), p.tensor().matmul(heads(v)));
      attended.assignProduct(weights.transposed(), queries);
      close(heads(o), p.tensor().transpose(2, 3).matmul(q.tensor()));
    }
  }

  /**
   * Query heads 0, 1, 2 share the first head of keys, 3, 4, 5 the second: a part has one of each.
   */
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"FLOAT32", "BFLOAT16"})
  void headsThatShareKeysAreMultipliedPartByPart(DType dtype) {
    assumeProducts(dtype);
    int groups = 2;
    int sharing = 3;
    try (Scope scope = Scope.open()) {
      HostBuffer q = filled(dtype, 1, ITEMS, S, groups * sharing * D);
      HostBuffer k = filled(dtype, 2, ITEMS, S, groups * D);
      HostBuffer p = HostBuffer.allocate(dtype, ITEMS, groups * sharing, S, S);
      HostBuffer dk = HostBuffer.allocate(dtype, ITEMS, S, groups * D);
      List<Matrices> queries = Matrices.byRow(q, ITEMS, groups * sharing, S, D).dealt(sharing);
      List<Matrices> weights = Matrices.byHead(p, ITEMS, groups * sharing, S, S).dealt(sharing);
      Matrices keys = Matrices.byRow(k, ITEMS, groups, S, D);
      for (int j = 0; j < sharing; j++) {
        weights.get(j).assignProduct(queries.get(j), keys.transposed());
      }
      Tensor grouped = q.tensor().reshape(ITEMS, S, groups, sharing, D).permute(0, 2, 3, 1, 4);
      Tensor shared = k.tensor().reshape(ITEMS, S, groups, 1, D).permute(0, 2, 3, 4, 1);
      Tensor scores = grouped.matmul(shared); // [items, groups, sharing, S, S]
      close(p.tensor(), scores.reshape(ITEMS, groups * sharing, S, S));

      Matrices gradient = Matrices.byRow(dk, ITEMS, groups, S, D);
      gradient.assignProduct(weights.get(0).transposed(), queries.get(0));
      close(
          dk.tensor().reshape(ITEMS, S, groups, D).transpose(1, 2),
          p.tensor()
              .reshape(ITEMS, groups, sharing, S, S)
              .narrow(2, 0, 1)
              .transpose(3, 4)
              .matmul(grouped.narrow(2, 0, 1))
              .reshape(ITEMS, groups, S, D));
      assertThatThrownBy(() -> keys.dealt(3))
          .isInstanceOf(TensorException.class)
          .hasMessageContaining("cannot be dealt into 3 parts");
    }
  }

  /** As in a last block: the first rows of each item ask, all are attended to. */
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"FLOAT32", "BFLOAT16"})
  void firstRowsAloneCanBeMultiplied(DType dtype) {
    assumeProducts(dtype);
    try (Scope scope = Scope.open()) {
      int asked = 2;
      HostBuffer q = filled(dtype, 1, ITEMS, S, HEADS * D);
      HostBuffer k = filled(dtype, 2, ITEMS, S, HEADS * D);
      HostBuffer p = HostBuffer.allocate(dtype, ITEMS, HEADS, asked, S);
      Matrices queries = Matrices.byRow(q, ITEMS, HEADS, S, D).first(asked);
      Matrices keys = Matrices.byRow(k, ITEMS, HEADS, S, D);
      Matrices.byHead(p, ITEMS, HEADS, asked, S).assignProduct(queries, keys.transposed());
      close(p.tensor(), heads(q).narrow(2, 0, asked).matmul(heads(k).transpose(2, 3)));

      HostBuffer dq = filled(dtype, 3, ITEMS, S, HEADS * D);
      Tensor before = dq.tensor().copy();
      Matrices.byRow(dq, ITEMS, HEADS, S, D)
          .first(asked)
          .assignProduct(Matrices.byHead(p, ITEMS, HEADS, asked, S), keys);
      close(heads(dq).narrow(2, 0, asked), p.tensor().matmul(heads(k)));
      assertThat(dq.tensor().narrow(1, asked, S - asked).to(DType.FLOAT32).toFloats())
          .isEqualTo(before.narrow(1, asked, S - asked).to(DType.FLOAT32).toFloats());
    }
  }

  /** The values of a weight [out, in]. */
  private static Tensor values(int out, int in) {
    return Rng.of(3).normal(out, in);
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"FLOAT32", "BFLOAT16"})
  void linearLayersAndTheirBackwardPassAreLibtorchs(DType dtype) {
    assumeProducts(dtype);
    for (int[] sizes : new int[][] {{7, 20, 12}, {40, 33, 65}, {96, 64, 170}, {1, 1, 1}}) {
      int rows = sizes[0];
      int in = sizes[1];
      int out = sizes[2];
      try (Scope scope = Scope.open()) {
        Tensor values = values(out, in);
        WeightMatrix w = new WeightMatrix(values, () -> 0);
        Tensor exact = values.to(dtype);
        HostBuffer x = HostBuffer.allocate(dtype, rows, Matrices.padded(in));
        HostBuffer dy = HostBuffer.allocate(dtype, rows, Matrices.padded(out));
        for (HostBuffer f : List.of(x, dy)) {
          f.tensor().copyFrom(Rng.of(f == x ? 1 : 2).normal(f.tensor().shape()));
        }
        Tensor xs = x.tensor().narrow(1, 0, in);
        Tensor dys = dy.tensor().narrow(1, 0, out);
        Matrices left = Matrices.one(x, rows, in);
        Matrices above = Matrices.one(dy, rows, out);

        HostBuffer y = HostBuffer.allocate(dtype, rows, Matrices.padded(out));
        Matrices.one(y, rows, out).assignLinear(left, w);
        close(y.tensor().narrow(1, 0, out), xs.matmul(exact.transpose(0, 1)));
        assertThat(y.tensor().narrow(1, out, Matrices.padded(out) - out).abs().sum().item())
            .isZero();

        HostBuffer dx = HostBuffer.allocate(dtype, rows, Matrices.padded(in));
        Matrices below = Matrices.one(dx, rows, in);
        below.assignLinearBack(above, w);
        Tensor back = dys.to(DType.FLOAT32).matmul(exact.to(DType.FLOAT32));
        Tensor dxs = dx.tensor().narrow(1, 0, in);
        assertNear(dxs, back, dtype);
        below.addLinearBack(above, w);
        assertNear(dxs, back.mul(2), dtype);
      }
    }
  }

  private static void assertNear(Tensor actual, Tensor wanted, DType rounding) {
    double size = wanted.square().mean().sqrt().item();
    double error = actual.to(DType.FLOAT32).sub(wanted).square().mean().sqrt().item();
    assertThat(error).isLessThanOrEqualTo((rounding == DType.FLOAT32 ? 2e-6 : 0.006) * size);
  }

  /** Right factors that are packed for one product, because they and the left ones are large. */
  @Test
  void productsByLargeFactorsAreLibtorchs() {
    assumeProducts(DType.FLOAT32);
    try (Scope scope = Scope.open()) {
      Tensor large = Rng.of(1).normal(1100, 1030);
      Tensor dy = Rng.of(2).normal(260, 1100);
      Tensor wanted = dy.matmul(large);
      Tensor dx = Tensor.zeros(260, 1030);
      Matrices to = Matrices.of(dx);
      to.assignLinearBack(Matrices.of(dy), new WeightMatrix(large, () -> 0));
      assertNear(dx, wanted, DType.FLOAT32);
      to.addLinearBack(Matrices.of(dy), new WeightMatrix(large, () -> 0));
      assertNear(dx, wanted.mul(2), DType.FLOAT32);

      Tensor dyByRow = Rng.of(3).normal(1100, 260);
      to.assignProduct(Matrices.of(dyByRow).transposed(), Matrices.of(large));
      assertNear(dx, dyByRow.transpose(0, 1).matmul(large), DType.FLOAT32);
    }
  }

  /** Heads among others' columns, transposed, and one that stands for all. */
  @Test
  void headsOfTensorsAreMultipliedWhereTheyAre() {
    try (Scope scope = Scope.open()) {
      Tensor a = Rng.of(1).normal(5, 3, 4).transpose(0, 1);
      Tensor b = Rng.of(2).normal(6, 3, 4).transpose(0, 1).transpose(1, 2);
      close(Internals.productsByHead(a, b), a.matmul(b));
      Tensor same = b.narrow(0, 1, 1).expand(3, 4, 6);
      close(Internals.productsByHead(a, same), a.matmul(same));
    }
  }

  @Test
  void tensorsAreMultipliedWhereTheyAre() {
    assumeProducts(DType.FLOAT32);
    try (Scope scope = Scope.open()) {
      Tensor a = Rng.of(1).normal(5, 7);
      Tensor b = Rng.of(2).normal(7, 3);
      Tensor c = Tensor.zeros(5, 3);
      Matrices.of(c).assignProduct(Matrices.of(a), Matrices.of(b));
      close(c, a.matmul(b));
      assertThatThrownBy(() -> Matrices.of(a.transpose(0, 1))).isInstanceOf(TensorException.class);
      assertThatThrownBy(() -> Matrices.of(Tensor.ones(3))).isInstanceOf(TensorException.class);
      assertThatThrownBy(() -> Matrices.of(Tensor.arange(4).reshape(2, 2)))
          .isInstanceOf(TensorException.class);
      Matrices gone;
      try (Scope inner = Scope.open()) {
        gone = Matrices.of(Tensor.ones(5, 3));
      }
      assertThatThrownBy(() -> gone.assignProduct(Matrices.of(a), Matrices.of(b)))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void aChangedWeightIsPackedAnew() {
    assumeProducts(DType.BFLOAT16);
    try (Scope scope = Scope.open()) {
      Tensor values = values(24, 40);
      AtomicInteger version = new AtomicInteger(-1);
      WeightMatrix w = new WeightMatrix(values, version::get);
      Matrices x = Matrices.one(filled(DType.BFLOAT16, 1, 8, 64), 8, 40);
      HostBuffer y = HostBuffer.allocate(DType.BFLOAT16, 8, 32);
      Matrices answer = Matrices.one(y, 8, 24);
      answer.assignLinear(x, w);
      float[] first = y.tensor().to(DType.FLOAT32).toFloats();
      values.scaleInPlace(2);
      answer.assignLinear(x, w);
      assertThat(y.tensor().to(DType.FLOAT32).toFloats()).isEqualTo(first);
      version.incrementAndGet();
      answer.assignLinear(x, w);
      float[] second = y.tensor().to(DType.FLOAT32).toFloats();
      for (int i = 0; i < first.length; i++) {
        assertThat(second[i]).isEqualTo(2 * first[i]);
      }
    }
  }

  /** What a child does: it packs a weight of the size that oneDNN is tried with, first of all. */
  static final class Child {
    private Child() {}

    public static void main(String[] args) {
      try (Scope scope = Scope.open()) {
        Tensor y = Tensor.zeros(2, 64);
        WeightMatrix w = new WeightMatrix(Tensor.ones(64, 64), () -> 0);
        Matrices.of(y).assignLinear(Matrices.of(Tensor.ones(2, 64)), w);
        System.out.println(y.sum().item());
      }
    }
  }

  @Test
  void aProgramMayBeginWithAWeight() throws Exception {
    assumeProducts(DType.FLOAT32);
    Process child =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Child.class.getName())
            .redirectErrorStream(true)
            .start();
    String said = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(child.waitFor()).as(said).isZero();
    assertThat(said).contains("8192.0");
  }

  /** Products are prepared for a thread's own number of threads, which may change. */
  @Test
  void threadsAndTheirNumbersChangeNothing() throws Exception {
    assumeProducts(DType.FLOAT32);
    int before = Engine.threads();
    try (Scope scope = Scope.open()) {
      HostBuffer a = filled(DType.FLOAT32, 1, 64, 64);
      HostBuffer b = filled(DType.FLOAT32, 2, 64, 64);
      HostBuffer c = HostBuffer.allocate(64, 64);
      HostBuffer d = HostBuffer.allocate(64, 64);
      Matrices.one(c, 64, 64).assignProduct(Matrices.one(a, 64, 64), Matrices.one(b, 64, 64));
      Engine.threads(before == 1 ? 2 : 1);
      Matrices.one(d, 64, 64).assignProduct(Matrices.one(a, 64, 64), Matrices.one(b, 64, 64));
      close(d.tensor(), c.tensor());
      Thread other =
          new Thread(
              () ->
                  Matrices.one(d, 64, 64)
                      .assignProduct(Matrices.one(b, 64, 64), Matrices.one(a, 64, 64)));
      other.start();
      other.join();
      close(d.tensor(), b.tensor().matmul(a.tensor()));
    } finally {
      Engine.threads(before);
    }
  }

  @Test
  void memoryIsOfFloat32OrBfloat16() {
    assertThat(HostBuffer.allocate(DType.BFLOAT16, 3, 5).count()).isEqualTo(15);
    assertThatThrownBy(() -> HostBuffer.allocate(DType.INT64, 3))
        .isInstanceOf(TensorException.class)
        .hasMessageContaining("float32 or bfloat16");
    HostBuffer wide = HostBuffer.allocate(ITEMS, HEADS, S, S);
    HostBuffer narrow = HostBuffer.allocate(DType.BFLOAT16, ITEMS, HEADS, S, S);
    Matrices a = Matrices.byHead(wide, ITEMS, HEADS, S, S);
    Matrices b = Matrices.byHead(narrow, ITEMS, HEADS, S, S);
    assertThatThrownBy(() -> b.assignProduct(a, a))
        .isInstanceOf(TensorException.class)
        .hasMessageContaining("bfloat16");
    assertThatThrownBy(() -> a.assignProduct(a.transposed(), b))
        .isInstanceOf(TensorException.class);
  }

  @Test
  void memoryIsUsedForOtherNumbersWhereItHoldsThem() {
    HostBuffer memory = HostBuffer.allocate(6, 4);
    HostBuffer narrow = memory.as(DType.BFLOAT16, 3, 16);
    assertThat(narrow.count()).isEqualTo(48);
    assertThat(narrow.bytes().capacity()).isEqualTo(96);
    assertThat(memory.holds(DType.FLOAT32, 5, 5)).isFalse();
    assertThatThrownBy(() -> memory.as(DType.FLOAT32, 5, 5))
        .isInstanceOf(TensorException.class)
        .hasMessageContaining("does not hold");
    try (Scope scope = Scope.open()) {
      memory.tensor().copyFrom(Rng.of(1).normal(6, 4));
      assertThat(memory.as(DType.FLOAT32, 2, 4).tensor().toFloats())
          .isEqualTo(memory.tensor().narrow(0, 0, 2).toFloats());
    }
  }

  @Test
  void whatDoesNotFitIsRefusedBeforeMemoryIsTouched() {
    try (Scope scope = Scope.open()) {
      HostBuffer small = HostBuffer.allocate(ITEMS, HEADS, S, D);
      HostBuffer square = HostBuffer.allocate(ITEMS, HEADS, S, S);
      Matrices a = Matrices.byHead(small, ITEMS, HEADS, S, D);
      Matrices b = Matrices.byHead(square, ITEMS, HEADS, S, S);
      assertThatThrownBy(() -> Matrices.byHead(small, ITEMS, HEADS, S, D + 1))
          .isInstanceOf(TensorException.class)
          .hasMessageContaining("are not what lies in");
      assertThatThrownBy(() -> Matrices.byRow(small, 0, HEADS, S, D))
          .isInstanceOf(TensorException.class);
      assertThatThrownBy(() -> Matrices.byRow(small, 1 << 16, 1 << 16, 1, 1))
          .isInstanceOf(TensorException.class);
      assertThatThrownBy(() -> Matrices.one(small, 7, 3)).isInstanceOf(TensorException.class);
      assertThatThrownBy(() -> Matrices.one(small, 30, 5)).isInstanceOf(TensorException.class);
      assertThatThrownBy(() -> a.first(S + 1)).isInstanceOf(TensorException.class);
      assertThatThrownBy(() -> b.assignProduct(a, a))
          .isInstanceOf(TensorException.class)
          .hasMessageContaining("2 × 3 matrices [5, 4]");
      assertThatThrownBy(() -> b.transposed().assignProduct(a, a.transposed()))
          .isInstanceOf(TensorException.class);
      assertThatThrownBy(() -> a.assignProduct(b, a)).isInstanceOf(TensorException.class);

      WeightMatrix w = new WeightMatrix(values(3, 4), () -> 0);
      Matrices rows = Matrices.one(small, ITEMS * HEADS * S, D);
      Matrices answer = Matrices.one(HostBuffer.allocate(30, 3), 30, 3);
      assertThatThrownBy(() -> answer.assignLinearBack(rows, w))
          .isInstanceOf(TensorException.class);
      assertThatThrownBy(() -> rows.assignLinear(rows, w)).isInstanceOf(TensorException.class);
      assertThatThrownBy(() -> a.assignLinear(a, w)).isInstanceOf(TensorException.class);
      assertThatThrownBy(() -> new WeightMatrix(Tensor.ones(4), () -> 0))
          .isInstanceOf(TensorException.class)
          .hasMessageContaining("products take contiguous matrices");
    }
  }
}
