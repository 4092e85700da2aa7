package org.peltast.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;

class ScopeTest {
  @Test
  void tensorsDieWithTheirScope() {
    Tensor t;
    try (Scope scope = Scope.open()) {
      t = Tensor.ones(2);
      assertThat(scope.size()).isEqualTo(1);
      assertThat(t.isOpen()).isTrue();
    }
    assertThat(t.isOpen()).isFalse();
    assertThat(t).hasToString("float32[2] (closed)");
    assertThatThrownBy(t::square)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("scope is closed");
  }

  @Test
  void releaseHandsOutwardsAndNoFurther() {
    try (Scope outer = Scope.open()) {
      Tensor kept;
      Tensor given = Tensor.ones(1);
      try (Scope inner = Scope.open()) {
        kept = inner.release(Tensor.ones(1));
        assertThat(inner.release(given)).isSameAs(given);
        Tensor.ones(1);
        assertThat(inner.size()).isEqualTo(1);
      }
      assertThat(kept.item()).isEqualTo(1);
      assertThat(outer.size()).isEqualTo(2);
      assertThat(Scope.compute(() -> kept.add(1).mul(3)).item()).isEqualTo(6);
      assertThat(outer.size()).isEqualTo(3);
      assertThatThrownBy(() -> outer.release(kept))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("no scope is open around");
    }
  }

  @Test
  void aDetachedScopeKeepsUntilItsOwnerClosesIt() {
    Scope own = Scope.detached();
    Tensor t;
    try (Scope scope = Scope.open()) {
      t = own.keep(Tensor.ones(3));
    }
    try (Scope scope = Scope.open()) {
      assertThat(t.sum().item()).isEqualTo(3);
    }
    own.close();
    own.close();
    assertThat(t.isOpen()).isFalse();
    assertThatThrownBy(() -> own.keep(t)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void mistakesInOrderAndThreadAreTold() {
    assertThatThrownBy(() -> Tensor.ones(1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("no Scope is open");
    try (Scope outer = Scope.open()) {
      try (Scope inner = Scope.open()) {
        assertThatThrownBy(outer::close)
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("still open");
      }
      assertThatThrownBy(() -> CompletableFuture.runAsync(outer::close).join())
          .isInstanceOf(CompletionException.class)
          .hasCauseInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void aGraphOutlivesTheHandlesOnItsTensors() {
    try (Scope scope = Scope.open()) {
      Tensor x = Tensor.full(2, DType.FLOAT32, Device.CPU, 3).requireGrad(true);
      Tensor loss = Scope.compute(() -> x.square().mul(3).exp().log().sum());
      loss.backward();
      assertThat(x.grad().toFloats()).containsOnly(12);
    }
  }
}
