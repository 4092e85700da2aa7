package org.peltast.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;

class WorkerPoolTest {
  @Test
  void rowsComputedByThemselvesHaveTheSameBitsInAnyCompany() {
    try (Scope scope = Scope.open()) {
      // Products of so many rows go through kernels that sum in other orders than those of one.
      Tensor weight = Rng.of(1).normal(256, 768);
      Tensor rows = Rng.of(2).normal(5, 768);
      for (boolean threaded : new boolean[] {false, true}) {
        Tensor all =
            WorkerPool.rowByRow(
                5, threaded, row -> rows.narrow(0, row.from(), 1).matmul(weight.transpose(0, 1)));
        assertThat(all.shape()).containsExactly(5, 256);
        Tensor last =
            WorkerPool.rowByRow(
                1, threaded, row -> rows.narrow(0, 4, 1).matmul(weight.transpose(0, 1)));
        assertThat(last.toFloats()).isEqualTo(all.narrow(0, 4, 1).contiguous().toFloats());
      }
      assertThat(scope.size()).isEqualTo(2 + 2 * 4);
    }
  }

  @Test
  void aSingleSmallRowIsWorkedOnOneThreadAsManyAre() {
    Set<String> threads = ConcurrentHashMap.newKeySet();
    try (Scope scope = Scope.open()) {
      WorkerPool.rowByRow(
          1,
          false,
          i -> {
            threads.add(Thread.currentThread().getName());
            assertThat(WorkerPool.size()).isEqualTo(1);
            return Tensor.zeros(DType.FLOAT32, Device.CPU, 1, 2);
          });
      WorkerPool.rowByRow(
          3,
          true,
          i -> {
            assertThat(WorkerPool.size()).isEqualTo(Engine.threads());
            return Tensor.zeros(DType.FLOAT32, Device.CPU, 1, 2);
          });
    }
    assertThat(threads).allMatch(name -> name.startsWith("peltast-worker-"));
  }

  @Test
  void noRowsAndAFailingRowAreTold() {
    assertThatThrownBy(
            () -> WorkerPool.rowByRow(0, false, i -> Tensor.zeros(DType.FLOAT32, Device.CPU, 1)))
        .isInstanceOf(TensorException.class);
    assertThatThrownBy(
            () ->
                WorkerPool.rowByRow(
                    4,
                    false,
                    i -> {
                      throw new TensorException("row " + i.from());
                    }))
        .isInstanceOf(TensorException.class)
        .hasMessageStartingWith("row ");
  }
}
