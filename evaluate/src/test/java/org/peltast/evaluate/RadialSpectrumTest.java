package org.peltast.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

class RadialSpectrumTest {
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  /** [1, 1, h, w] of amplitude · cos(2π (a·row/h + b·column/w)) + mean. */
  private static Tensor wave(int h, int w, int a, int b, double amplitude, double mean) {
    double[] values = new double[h * w];
    for (int i = 0; i < h; i++) {
      for (int j = 0; j < w; j++) {
        double angle = 2 * Math.PI * ((double) a * i / h + (double) b * j / w);
        values[i * w + j] = amplitude * Math.cos(angle) + mean;
      }
    }
    return Tensor.of(values, 1, 1, h, w);
  }

  @Test
  void aWaveLiesInItsRingWithItsMeanSquare() {
    RadialSpectrum spectrum = RadialSpectrum.of(wave(16, 16, 0, 3, 2, 0.5));
    for (int k = 0; k < spectrum.power().size(); k++) {
      double expected = k == 0 ? 0.25 : k == 3 ? 2 : 0;
      assertThat(spectrum.power().get(k)).as("ring %d", k).isCloseTo(expected, within(1e-12));
    }
    assertThat(spectrum.centroid()).isCloseTo(3.0 / 8, within(1e-12));
  }

  @Test
  void directionDoesNotCountAndCornersAreInTheLastRing() {
    double diagonal = RadialSpectrum.of(wave(16, 16, 3, 4, 1, 0)).centroid();
    assertThat(diagonal).isCloseTo(5.0 / 8, within(1e-12));
    RadialSpectrum checkerboard = RadialSpectrum.of(wave(8, 8, 4, 4, 1, 0));
    assertThat(checkerboard.centroid()).isCloseTo(Math.sqrt(2), within(1e-12));
    assertThat(checkerboard.power().get(4)).isCloseTo(1, within(1e-12));
  }

  @Test
  void powersSumUpToTheMeanSquare() {
    Tensor noise = Rng.of(1).normal(2, 3, 6, 10);
    double sum = RadialSpectrum.of(noise).power().stream().mapToDouble(Double::doubleValue).sum();
    assertThat(sum).isCloseTo(noise.square().mean().item(), within(1e-6));
  }

  @Test
  void theHighPassKeepsWhatLiesAbove() {
    Tensor low = wave(12, 8, 1, 0, 1, 3);
    Tensor high = wave(12, 8, 0, 3, 2, 0);
    Tensor both = low.add(high);
    assertThat(RadialSpectrum.above(both, 0.5).sub(high).square().mean().item())
        .isCloseTo(0, within(1e-24));
    assertThat(RadialSpectrum.above(both, 0).sub(both).square().mean().item())
        .isCloseTo(0, within(1e-24));
    assertThat(RadialSpectrum.shareAbove(both, 0.5)).isCloseTo(2 / 2.5, within(1e-12));
  }

  @Test
  void aPictureWithoutChangeHasNoFrequency() {
    assertThat(RadialSpectrum.of(Tensor.zeros(1, 1, 4, 4)).centroid()).isNaN();
  }

  @Test
  void whatIsNoPictureIsRefused() {
    assertThatThrownBy(() -> RadialSpectrum.of(Tensor.zeros(3, 4, 4)))
        .isInstanceOf(EvaluationException.class)
        .hasMessageContaining("[n, C, H, W]");
  }
}
