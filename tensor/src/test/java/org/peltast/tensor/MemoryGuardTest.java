package org.peltast.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class MemoryGuardTest {
  @Test
  void whatTheMachineCannotHoldIsRefusedInOneSentence() {
    try (Scope scope = Scope.open()) {
      long huge = 1L << 45; // 128 TiB of float32
      Map<String, Runnable> asked = new LinkedHashMap<>();
      asked.put("zeros", () -> Tensor.zeros(huge));
      asked.put("arange", () -> Tensor.arange(huge));
      asked.put("contiguous", () -> Tensor.ones(1).expand(huge).contiguous());
      asked.put("add", () -> Tensor.ones(1 << 23, 1).add(Tensor.ones(1, 1 << 23)));
      asked.put("matmul", () -> Tensor.ones(1 << 23, 1).matmul(Tensor.ones(1, 1 << 23)));
      asked.put("linear", () -> Tensor.ones(1 << 23, 1).linear(Tensor.ones(1 << 23, 1), null));
      asked.put("upsampleNearest", () -> Tensor.ones(1, 1, 1, 1).upsampleNearest(1 << 23, 1 << 23));
      asked.put(
          "conv2d",
          () -> Tensor.ones(1, 1, 1, 1).conv2d(Tensor.ones(1, 1, 1, 1), null, 1, 1 << 24));
      asked.put("cat", () -> Tensor.cat(List.of(Tensor.ones(1).expand(huge), Tensor.ones(1)), 0));
      asked.put(
          "indexSelect",
          () ->
              Tensor.ones(1, 1)
                  .expand(1, 1 << 30)
                  .indexSelect(0, Tensor.zeros(1 << 20).to(DType.INT64)));
      asked.forEach(
          (name, body) ->
              assertThatThrownBy(body::run)
                  .as(name)
                  .isInstanceOf(TensorException.class)
                  .message()
                  .contains(name)
                  .containsPattern("asked for \\d+\\.\\d GiB, more than the \\d+\\.\\d GiB"));
      assertThatThrownBy(() -> Tensor.ones(1).expand(huge).toFloats())
          .isInstanceOf(TensorException.class)
          .hasMessageContaining("Java heap");
    }
  }

  @Test
  void whatTheSystemRefusesIsToldInOneSentence() {
    String cpu =
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory:"
            + " you tried to allocate 4398046511104 bytes. Error code 12 (Cannot allocate memory)";
    String gpu = "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of …";
    assertThat(Tensor.failure("matmul", new RuntimeException(cpu)))
        .hasMessageStartingWith("matmul asked for 4096.0 GiB, which the system refused");
    assertThat(Tensor.failure("conv2d", new RuntimeException(gpu)))
        .hasMessageStartingWith("conv2d asked for 20.00 GiB, which");
    assertThat(Tensor.failure("add", new RuntimeException("std::bad_alloc")))
        .hasMessageStartingWith("add asked for more memory, which");
    assertThat(Tensor.failure("add", new RuntimeException("something else\nframe #0")))
        .hasMessage("add failed: something else");
  }

  /** What libtorch really says when the system refuses, below what our own check would refuse. */
  @Test
  void aRealRefusalIsUnderstood() {
    List<Tensor> none = new ArrayList<>();
    MemoryGuard.limitTo(Long.MAX_VALUE);
    try (Scope scope = Scope.open()) {
      assertThatThrownBy(() -> none.add(Tensor.uninitialised("empty", DType.FLOAT32, 1L << 58)))
          .isInstanceOf(TensorException.class)
          .hasMessageContaining("asked for 1073741824.0 GiB, which the system refused");
    } finally {
      MemoryGuard.limitTo(-1);
    }
    assertThat(none).isEmpty();
  }

  @Test
  void wholeNumbersAreCheckedBeforeTheyAreAddresses() {
    try (Scope scope = Scope.open()) {
      Tensor table = Tensor.ones(10, 2);
      long[] few = {3, 10};
      long[] many = new long[5000];
      many[4999] = -7;
      assertThatThrownBy(() -> table.indexSelect(0, Tensor.of(few, 2)))
          .hasMessageContaining("index 10 is outside dimension 0");
      assertThatThrownBy(() -> table.indexSelect(0, Tensor.of(many, 5000)))
          .hasMessageContaining("index -7 is outside dimension 0");
      many[4999] = 9;
      assertThat(table.indexSelect(0, Tensor.of(many, 5000)).shape()).containsExactly(5000, 2);
      assertThatThrownBy(
              () -> table.crossEntropy(Tensor.of(new long[] {0, 0, 0, 2, 0, 0, 0, 0, 0, 0}, 10)))
          .hasMessageContaining("index 2 is outside the classes of");
    }
  }
}
