package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

class FiguresTest {
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
  void whatWaitsIsReadWhenTheFiguresSettle() {
    Figures figures = new Figures().put("step", 2);
    try (Scope update = Scope.open()) { // the tensors die with it
      figures.add("loss", 0.25, Tensor.scalar(8)).add("loss", 0.75, Tensor.scalar(4));
      figures.addFinite("ca", 1, Tensor.ones(1).mul(3), "engine's push");
    }
    figures.put("seconds", 1);
    assertThatThrownBy(figures::values)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("3 figures");
    figures.settle();
    assertThat(figures.values().keySet()).containsExactly("step", "loss", "ca", "seconds");
    assertThat(figures.get("loss")).isEqualTo(5);
    assertThat(figures.get("ca")).isEqualTo(3);
    assertThat(figures.settle().get("loss")).isEqualTo(5);
    assertThatThrownBy(() -> figures.get("los")).hasMessageContaining("no figure is called los");
  }

  @Test
  void theFirstThatIsNoNumberIsNamed() {
    Tensor none = Tensor.scalar(Double.NaN);
    Figures figures =
        new Figures()
            .add("saturation", 1, none) // need not be finite
            .requireFinite(Tensor.scalar(1), "generator's image")
            .addFinite("loss", 1, none, "generator's loss")
            .addFinite("fakeLoss", 1, Tensor.scalar(Double.POSITIVE_INFINITY), "fake's loss");
    assertThatThrownBy(figures::settle)
        .isInstanceOf(DivergedException.class)
        .hasMessage("the generator's loss became NaN")
        .extracting(e -> ((DivergedException) e).term())
        .isEqualTo("generator's loss");
    assertThat(new Figures().add("saturation", 1, none).settle().get("saturation")).isNaN();
  }

  @Test
  void figuresOfPartsAddUpAndThoseOfOthersAreNotedUnderTheirName() {
    Figures all = new Figures().put("step", 1);
    for (int part = 0; part < 2; part++) {
      all.addAll(new Figures().add("loss", 0.5, Tensor.scalar(2 + part)).put("count", 1));
    }
    all.putAll("fake", new Figures().put("rate", 0.1).add("norm", 1, Tensor.scalar(7)));
    all.require(new Figures().add("unnoted", 1, Tensor.scalar(9)));
    all.settle();
    assertThat(all.values().keySet())
        .containsExactly("step", "loss", "count", "fake.rate", "fake.norm");
    assertThat(all.get("loss")).isEqualTo(2.5);
    assertThat(all.get("count")).isEqualTo(2);
    assertThat(all.get("fake.norm")).isEqualTo(7);

    Figures earlier = new Figures();
    earlier.require(new Figures().addFinite("loss", 1, Tensor.scalar(Double.NaN), "fake's loss"));
    assertThatThrownBy(earlier::settle).hasMessage("the fake's loss became NaN");
  }
}
