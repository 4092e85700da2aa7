package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

class MetricsTest {
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @Test
  void whatWaitsIsReadWhenTheMetricsSettle() {
    Metrics metrics = new Metrics().put("step", 2);
    try (Scope update = Scope.open()) { // the tensors die with it
      metrics.addAll(Metrics.ofShare(0.25).mean("loss", Tensor.scalar(8)));
      metrics.addAll(Metrics.ofShare(0.75).mean("loss", Tensor.scalar(4)));
      metrics.finite("ca", Tensor.ones(1).mul(3), "engine's push");
    }
    metrics.put("seconds", 1);
    assertThatThrownBy(metrics::values)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("3 metrics");
    metrics.settle();
    assertThat(metrics.values().keySet()).containsExactly("step", "loss", "ca", "seconds");
    assertThat(metrics.get("loss")).isEqualTo(5);
    assertThat(metrics.get("ca")).isEqualTo(3);
    assertThat(metrics.settle().get("loss")).isEqualTo(5);
    assertThatThrownBy(() -> metrics.get("los")).hasMessageContaining("no figure is called los");
  }

  @Test
  void theFirstThatIsNoNumberIsNamed() {
    Tensor none = Tensor.scalar(Double.NaN);
    Metrics metrics =
        new Metrics()
            .mean("saturation", none) // need not be finite
            .requireFinite(Tensor.scalar(1), "generator's image")
            .finite("loss", none, "generator's loss")
            .finite("fakeLoss", Tensor.scalar(Double.POSITIVE_INFINITY), "fake's loss");
    assertThatThrownBy(metrics::settle)
        .isInstanceOf(DivergedException.class)
        .hasMessage("the generator's loss became NaN")
        .extracting(e -> ((DivergedException) e).term())
        .isEqualTo("generator's loss");
    assertThat(new Metrics().mean("saturation", none).settle().get("saturation")).isNaN();
  }

  @Test
  void metricsOfPartsAddUpAndThoseOfOthersAreNoted() {
    Metrics all = new Metrics().put("step", 1);
    for (int part = 0; part < 2; part++) {
      all.addAll(Metrics.ofShare(0.5).mean("loss", Tensor.scalar(2 + part)).mean("count", 2));
    }
    all.putAll(new Metrics().put("rate", 0.1).mean("norm", Tensor.scalar(7)));
    all.require(new Metrics().mean("unnoted", Tensor.scalar(9)));
    all.settle();
    assertThat(all.values().keySet()).containsExactly("step", "loss", "count", "rate", "norm");
    assertThat(all.get("loss")).isEqualTo(2.5);
    assertThat(all.get("count")).isEqualTo(2);
    assertThat(all.get("norm")).isEqualTo(7);

    Metrics earlier = new Metrics();
    earlier.require(new Metrics().finite("loss", Tensor.scalar(Double.NaN), "fake's loss"));
    assertThatThrownBy(earlier::settle).hasMessage("the fake's loss became NaN");
  }
}
