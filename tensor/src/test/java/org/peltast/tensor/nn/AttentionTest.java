package org.peltast.tensor.nn;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.CustomGradient;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Internals;
import org.peltast.tensor.MetaMemory;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/** All ways to compute attention agree, and long sequences keep no scores. */
class AttentionTest {
  private interface Way {
    Tensor of(Tensor q, Tensor k, Tensor v, @Nullable Tensor bias);
  }

  private static Tensor drawn(int seed, DType dtype, long... shape) {
    return Rng.of(seed).normal(shape).to(dtype).requireGrad(true);
  }

  private static double apart(double[] a, double[] b) {
    assertThat(a).hasSameSizeAs(b);
    double most = 0;
    for (int i = 0; i < a.length; i++) {
      most = Math.max(most, Math.abs(a[i] - b[i]));
    }
    return most;
  }

  /** The answer and the gradients by q, k and v. */
  private static List<double[]> computed(Way way, DType dtype, int items, int rows, boolean mask) {
    List<double[]> all = new ArrayList<>();
    try (Scope scope = Scope.open()) {
      Tensor qkv = drawn(1, dtype, items, rows, 9, 16); // of 3 heads, as one projection gives them
      Tensor q = qkv.narrow(2, 0, 3).transpose(1, 2).mul(0.25);
      Tensor k = qkv.narrow(2, 3, 3).transpose(1, 2);
      Tensor v = qkv.narrow(2, 6, 3).transpose(1, 2);
      Tensor bias = null;
      if (mask) {
        long[] there = new long[items * rows];
        for (int i = 0; i < there.length; i++) {
          there[i] = i % 7 == 3 ? 0 : 1;
        }
        bias = Attention.bias(Tensor.of(there, items, rows));
      }
      Tensor y = way.of(q, k, v, bias);
      Tensor towards = Rng.of(2).normal(y.shape()).to(dtype);
      y.backward(towards);
      all.add(y.toDoubles());
      all.add(qkv.grad().toDoubles());
    }
    return all;
  }

  @ParameterizedTest
  @CsvSource({
    "FLOAT32, 1, 1030, false",
    "FLOAT32, 2, 700, true",
    "BFLOAT16, 1, 1030, true",
    "FLOAT64, 1, 1200, true"
  })
  void inPartsItIsTheSame(DType dtype, int items, int rows, boolean mask) {
    List<double[]> whole = computed(Attention::whole, dtype, items, rows, mask);
    List<double[]> parts = computed(ChunkedAttention::of, dtype, items, rows, mask);
    double tolerance = dtype == DType.BFLOAT16 ? 2e-2 : 1e-5;
    for (int i = 0; i < whole.size(); i++) {
      assertThat(apart(parts.get(i), whole.get(i))).isLessThan(tolerance);
    }
    assertThat(Arrays.stream(whole.get(1)).map(Math::abs).max().orElse(0)).isGreaterThan(0.05);
  }

  @ParameterizedTest
  @CsvSource({"false", "true"})
  void libtorchsOwnIsTheSame(boolean mask) {
    List<double[]> whole = computed(Attention::whole, DType.FLOAT32, 2, 40, mask);
    List<double[]> own = computed(Internals::attention, DType.FLOAT32, 2, 40, mask);
    for (int i = 0; i < whole.size(); i++) {
      assertThat(apart(own.get(i), whole.get(i))).isLessThan(1e-5);
    }
  }

  /** Queries of several heads as rows of one, and fewer rows than keys. */
  @Test
  void groupedQueriesAreRowsOfOneHead() {
    try (Scope scope = Scope.open()) {
      Tensor q = drawn(1, DType.FLOAT32, 1, 2, 3 * 500, 8);
      Tensor k = drawn(2, DType.FLOAT32, 1, 2, 800, 8);
      Tensor v = drawn(3, DType.FLOAT32, 1, 2, 800, 4);
      Tensor parts = ChunkedAttention.of(q, k, v, null);
      Tensor whole = Attention.whole(q, k, v, null);
      assertThat(parts.shape()).containsExactly(1, 2, 1500, 4);
      assertThat(apart(parts.toDoubles(), whole.toDoubles())).isLessThan(1e-5);
      Tensor towards = Rng.of(4).normal(parts.shape());
      parts.backward(towards);
      List<double[]> own = List.of(q, k, v).stream().map(t -> t.grad().toDoubles()).toList();
      List.of(q, k, v).forEach(Tensor::clearGrad);
      whole.backward(towards);
      for (int i = 0; i < 3; i++) {
        Tensor t = List.of(q, k, v).get(i);
        assertThat(apart(own.get(i), t.grad().toDoubles())).isLessThan(1e-4);
      }
    }
  }

  @Test
  void asksOnlyForWhatIsAsked() {
    try (Scope scope = Scope.open()) {
      Tensor q = drawn(1, DType.FLOAT32, 1, 1, 1100, 4);
      Tensor k = Rng.of(2).normal(1, 1, 1100, 4);
      Tensor y = Attention.of(q, k, k, null);
      y.square().sum().backward();
      assertThat(q.grad()).isNotNull();
      assertThat(k.grad()).isNull();
      assertThat(CustomGradient.wanted(List.of(k))).isFalse();
      assertThat(Attention.of(k, k, k, null).requiresGrad()).isFalse();
    }
  }

  /** A sequence of 4096 tokens by two heads: 128 MiB of scores, and as much of weights. */
  @Test
  void longSequencesKeepNoScores() {
    peak(64); // so that what the first use of anything costs is not counted
    assertThat(peak(4096)).as("MiB").isLessThan(100);
  }

  private static long peak(int tokens) {
    try (Scope scope = Scope.open()) {
      Tensor qkv = drawn(1, DType.FLOAT32, 1, 6, tokens, 32);
      long before = Pointer.physicalBytes();
      Tensor y = Attention.of(qkv.narrow(1, 0, 2), qkv.narrow(1, 2, 2), qkv.narrow(1, 4, 2), null);
      long kept = Pointer.physicalBytes() - before;
      y.square().sum().backward();
      return Math.max(kept, Pointer.physicalBytes() - before) >> 20;
    }
  }

  @Test
  void onTheMetaDeviceAsMuchIsKept() {
    for (Device device : List.of(Device.CPU, Device.cuda(0))) {
      try (MetaMemory memory = MetaMemory.open(device);
          Scope scope = Scope.open()) {
        Tensor q = Tensor.zeros(DType.FLOAT32, Device.META, 1, 4, 2048, 64).requireGrad(true);
        long before = memory.live(); // 2 MiB
        Tensor y = Attention.of(q, q, q, null);
        long kept = memory.live() - before;
        // Scaled queries, the answer, the graph's own mark; on a GPU a number for each row of
        // scores.
        assertThat(kept)
            .isEqualTo((4 << 20) + 4 + (device.kind() == Device.Kind.CPU ? 0 : 4 << 13));
        y.sum().backward();
        assertThat(q.grad().shape()).containsExactly(q.shape());
      }
      try (Scope scope = Scope.open();
          Autograd off = Autograd.off()) {
        Tensor q = Tensor.zeros(DType.BFLOAT16, Device.META, 1, 4, 2048, 64);
        assertThat(Attention.of(q, q, q, null).shape()).containsExactly(1, 4, 2048, 64);
      }
    }
  }
}
