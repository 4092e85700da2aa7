package org.peltast.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.peltast.distill.Metrics;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

class DriftTest {
  private static final Look TEACHER =
      new Look(List.of(0.0, 1.0), List.of(1.0, 2.0), 0.5, 0.2, 0.3, 0.05, 1.0);

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
  void aLookIsItsClosedForm() {
    Tensor latents = Tensor.of(new double[] {1, 3, 5, 7, 0, 0, 2, 2}, 2, 2, 1, 2);
    // Two pictures: pure red, and a grey whose left half is black.
    Tensor pictures =
        Tensor.of(new double[] {1, 1, 0, 0, 0, 0, 0, 0.5, 0, 0.5, 0, 0.5}, 2, 3, 1, 2);
    Look look = Look.of(latents, pictures, 2);
    assertThat(look.channelMeans()).containsExactly(1.0, 4.0);
    assertThat(look.channelDeviations().get(0)).isCloseTo(Math.sqrt(1.5), within(1e-12));
    assertThat(look.channelDeviations().get(1)).isCloseTo(Math.sqrt(4.5), within(1e-12));
    assertThat(look.brightness()).isCloseTo((1.0 / 3 + 0.25) / 2, within(1e-12));
    double red = Math.sqrt(1.0 / 3 - 1.0 / 9);
    assertThat(look.contrast()).isCloseTo((red + 0.25) / 2, within(1e-12));
    assertThat(look.saturation()).isCloseTo(0.5, within(1e-12));
    assertThat(look.colourCast()).isCloseTo(red / 2, within(1e-12));
    assertThat(look.diversity()).isCloseTo(Math.sqrt((1 + 9 + 9 + 25) / 4.0), within(1e-12));
    assertThat(Look.of(latents, pictures, 1).diversity()).isNaN();
  }

  @Test
  void nothingHasDriftedFromItself() {
    Drift drift = Drift.between(TEACHER, TEACHER);
    assertThat(drift.size()).isZero();
    assertThat(drift.warnings(0.1)).isEmpty();
  }

  @Test
  void eachSymptomHasItsSizeAndItsLikelyCause() {
    Look student = new Look(List.of(0.0, 0.0), List.of(1.0, 4.0), 0.7, 0.2, 0.61, 0.05, 0.495);
    Drift drift = Drift.between(student, TEACHER);
    assertThat(drift.size(Drift.Symptom.CHANNEL_MEAN)).isCloseTo(0.5, within(1e-12));
    assertThat(drift.size(Drift.Symptom.CHANNEL_DEVIATION)).isCloseTo(1, within(1e-12));
    assertThat(drift.size(Drift.Symptom.BRIGHTNESS)).isCloseTo(1, within(1e-12));
    assertThat(drift.size(Drift.Symptom.CONTRAST)).isZero();
    assertThat(drift.size(Drift.Symptom.SATURATION)).isCloseTo(1, within(1e-12));
    assertThat(drift.size(Drift.Symptom.DIVERSITY)).isCloseTo(1, within(1e-12));
    Map<Drift.Symptom, String> warnings = drift.warnings(0.6);
    assertThat(warnings)
        .containsOnlyKeys(
            Drift.Symptom.CHANNEL_DEVIATION,
            Drift.Symptom.BRIGHTNESS,
            Drift.Symptom.SATURATION,
            Drift.Symptom.DIVERSITY);
    assertThat(warnings.get(Drift.Symptom.SATURATION))
        .isEqualTo(
            "saturation is 2.00 times the teacher's; likely cause: α is baked in too deeply: lower"
                + " method.alpha or student.learningRate, raise method.dm.weight, set"
                + " guard.variance, or stop earlier.");
    assertThat(warnings.get(Drift.Symptom.DIVERSITY)).contains("0.50 times", "modes collapse");
  }

  @Test
  void whatFadesHasAnotherCauseThanWhatBurns() {
    Look faded = new Look(List.of(0.0, 1.0), List.of(1.0, 2.0), 0.5, 0.05, 0.05, 0.05, 1.0);
    Map<Drift.Symptom, String> warnings = Drift.between(faded, TEACHER).warnings(1);
    assertThat(warnings.get(Drift.Symptom.SATURATION)).contains("the engine is too weak");
    assertThat(warnings.get(Drift.Symptom.CONTRAST)).contains("wash out");
  }

  @Test
  void ruinIsLargerThanAnyDrift() {
    Look ruin = new Look(List.of(Double.NaN, 1.0), List.of(1.0, 2.0), 0.5, 0.2, 0.3, 0.05, 1.0);
    assertThat(Drift.between(ruin, TEACHER).size()).isEqualTo(1e9);
  }

  @Test
  void theWatchNotesAndTellsEachSymptomOnce() {
    List<String> told = new ArrayList<>();
    int[] asked = {0};
    Look student = new Look(List.of(0.0, 1.0), List.of(1.0, 2.0), 0.5, 0.2, 0.92, 0.05, 1.0);
    DriftWatch watch =
        new DriftWatch(
            10,
            0.58,
            () -> {
              asked[0]++;
              return TEACHER;
            },
            () -> student,
            told::add);
    for (long update : new long[] {9, 10, 20, 25}) {
      Metrics metrics = new Metrics();
      watch.after(update, 25, metrics);
      assertThat(metrics.values().containsKey("drift")).isEqualTo(update != 9);
      if (update != 9) {
        assertThat(metrics.get("drift.saturation")).isCloseTo(3, within(1e-12));
        assertThat(metrics.get("drift")).isCloseTo(Math.log(3) / Math.log(2), within(1e-12));
      }
    }
    assertThat(asked[0]).isOne();
    assertThat(told).hasSize(1);
    assertThat(told.get(0)).startsWith("After update 10 saturation is 3.00 times");
  }

  @Test
  void setsThatDoNotFitAreRefused() {
    assertThatThrownBy(() -> Look.of(Tensor.zeros(3, 1, 1, 1), Tensor.zeros(3, 3, 1, 1), 2))
        .isInstanceOf(EvaluationException.class);
    assertThatThrownBy(() -> new DriftWatch(0, 1, () -> TEACHER, () -> TEACHER, s -> {}))
        .isInstanceOf(EvaluationException.class);
  }
}
