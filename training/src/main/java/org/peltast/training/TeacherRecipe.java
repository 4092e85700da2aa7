package org.peltast.training;

import java.time.Duration;
import java.util.Locale;
import org.peltast.distill.FlowMatching;
import org.peltast.models.ModelFamilies;
import org.peltast.models.NetworkRecipe;

/**
 * Everything that decides a teacher's training.
 *
 * @param seed of everything random
 * @param device {@code auto} (a GPU if there is one), {@code cpu}, {@code cuda} or {@code cuda:N}
 * @param precision {@code auto}, {@code float32} or {@code bf16}
 * @param data what it learns from
 * @param model its network's family and shape
 * @param teacher its optimiser
 * @param flow times and empty captions
 * @param run the loop
 */
public record TeacherRecipe(
    long seed,
    String device,
    String precision,
    DataRecipe data,
    NetworkRecipe model,
    RoleRecipe teacher,
    FlowMatching.Settings flow,
    RunRecipe run) {
  /** Checks the ranges, and that the parts fit each other. */
  public TeacherRecipe {
    Ranges.device(device);
    Ranges.precision(precision);
    Ranges.check(model::check);
    if (flow.microBatches() > run.batch()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "flow.microBatches is %d, but a batch of %d has no more parts than that",
              flow.microBatches(),
              run.batch()));
    }
  }

  /** The shipped teacher's recipe. */
  public static TeacherRecipe defaults() {
    return new TeacherRecipe(
        1,
        "auto",
        "auto",
        DataRecipe.defaults(),
        ModelFamilies.standard().recipe(),
        new RoleRecipe(1e-3, 200, 0.3, 0.9, 0.99, 0.01, 1, 0.999),
        FlowMatching.Settings.defaults(),
        new RunRecipe(6000, 64, Duration.ofMinutes(3), 2, 500));
  }
}
