package org.peltast.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.peltast.distill.Metrics;
import org.peltast.distill.MicroBatch;
import org.peltast.distill.Phase;
import org.peltast.distill.Role;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;

/**
 * Evaluations take their time from the phase that they are in, and none is lost or counted twice.
 */
class UpdateProfileTest {
  private static final Offset<Double> EXACT = within(1e-12);
  private static final Phase GENERATOR = new Named("generator");
  private static final Phase FAKE = new Named("fake");

  /** A phase that is only its name. */
  private record Named(String name) implements Phase {
    @Override
    public List<Role> trains() {
      return List.of();
    }

    @Override
    public Tensor loss(MicroBatch part, Rng rng, Metrics metrics) {
      throw new AssertionError("nothing is computed here");
    }
  }

  private static Metrics timings() {
    return new Metrics()
        .put("seconds", 21)
        .put("seconds.generator", 10)
        .put("seconds.fake", 8)
        .put("seconds.optimiser", 2);
  }

  private static void evaluate(UpdateProfile profile, UpdatePart part, double seconds) {
    profile.evaluated(part, (long) (seconds * 1e9), 1e9, 4, part == UpdatePart.GENERATOR);
  }

  @Test
  void evaluationsAreMovedOutOfTheirPhase() {
    UpdateProfile profile = new UpdateProfile(2); // so that each counts for half of its time
    profile.running(GENERATOR);
    evaluate(profile, UpdatePart.ROLLOUTS, 2);
    evaluate(profile, UpdatePart.GENERATOR, 4);
    evaluate(profile, UpdatePart.TEACHER, 6);
    evaluate(profile, UpdatePart.FAKE, 1);
    profile.running(FAKE);
    evaluate(profile, UpdatePart.ROLLOUTS, 3);
    evaluate(profile, UpdatePart.FAKE, 5);
    UpdateMeasurement measured = profile.end(timings(), List.of(GENERATOR, FAKE), 4);

    assertThat(measured.seconds()).isEqualTo(21);
    assertThat(measured.parts().get(UpdatePart.ROLLOUTS)).isCloseTo(2.5, EXACT);
    assertThat(measured.parts().get(UpdatePart.TEACHER)).isCloseTo(3, EXACT);
    assertThat(measured.parts().get(UpdatePart.GENERATOR)).isCloseTo(10 - 1 - 3 - 0.5, EXACT);
    assertThat(measured.parts().get(UpdatePart.FAKE)).isCloseTo(8 - 1.5 + 0.5, EXACT);
    assertThat(measured.parts().get(UpdatePart.OPTIMISER)).isCloseTo(2, EXACT);
    assertThat(measured.evaluations()).isEqualTo(5);
    assertThat(measured.learningEvaluations()).isEqualTo(1);
    assertThat(measured.gflop()).isCloseTo(5 + 3, EXACT);
  }

  @Test
  void theNextUpdateStartsAtNothing() {
    UpdateProfile profile = new UpdateProfile(1);
    profile.running(GENERATOR);
    evaluate(profile, UpdatePart.TEACHER, 6);
    profile.end(timings(), List.of(GENERATOR, FAKE), 4);
    UpdateMeasurement next = profile.end(timings(), List.of(GENERATOR, FAKE), 4);
    assertThat(next.parts().get(UpdatePart.TEACHER)).isZero();
    assertThat(next.parts().get(UpdatePart.GENERATOR)).isEqualTo(10);
    assertThat(next.evaluations() + next.gflop()).isZero();
  }

  @Test
  void whatBelongsNowhereIsRefused() {
    UpdateProfile profile = new UpdateProfile(1);
    assertThatThrownBy(() -> evaluate(profile, UpdatePart.TEACHER, 1))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> UpdatePart.of(new Named("judge")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("judge");
  }
}
