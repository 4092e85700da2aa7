package org.peltast.paper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

class ArtefactTest {
  /** A slope with a checkerboard of some amplitude on it. */
  private static Tensor image(double checkers) {
    double[] values = new double[64];
    for (int i = 0; i < 8; i++) {
      for (int j = 0; j < 8; j++) {
        values[8 * i + j] = Math.cos(2 * Math.PI * i / 8) + ((i + j) % 2 == 0 ? 1 : -1) * checkers;
      }
    }
    return Tensor.of(values, 1, 1, 8, 8);
  }

  @Test
  void retentionIsTheShareOfTheArtefactThatIsLeft() {
    try (Scope scope = Scope.open()) {
      Tensor bad = image(0.5);
      assertThat(Artefact.retention(bad, bad)).isCloseTo(1, within(1e-12));
      assertThat(Artefact.retention(image(0), bad)).isCloseTo(0, within(1e-12));
      assertThat(Artefact.retention(image(0.25), bad)).isCloseTo(0.5, within(1e-12));
      assertThat(Artefact.retention(image(-0.5), bad)).isCloseTo(-1, within(1e-12));
    }
  }
}
