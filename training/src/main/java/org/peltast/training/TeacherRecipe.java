package org.peltast.training;

import java.time.Duration;
import java.util.List;
import org.peltast.distill.FlowMatching;

/**
 * Everything that decides a teacher's training.
 *
 * @param seed of everything random
 * @param device {@code auto} (a GPU if there is one), {@code cpu}, {@code cuda} or {@code cuda:N}
 * @param precision {@code auto}, {@code float32} or {@code bf16}
 * @param data what it learns from
 * @param model its shape
 * @param teacher its optimiser
 * @param flow times and empty captions
 * @param run the loop
 */
public record TeacherRecipe(
    long seed,
    String device,
    String precision,
    DataRecipe data,
    ModelRecipe model,
    RoleRecipe teacher,
    FlowMatching.Settings flow,
    RunRecipe run) {
  /** Checks the ranges, and that the parts fit each other. */
  public TeacherRecipe {
    Ranges.device(device);
    Ranges.precision(precision);
    Ranges.check(() -> model.config(1, 1));
    if (flow.microBatches() > run.batch()) {
      throw new IllegalArgumentException(
          "flow.microBatches is %d, but a batch of %d has no more parts than that"
              .formatted(flow.microBatches(), run.batch()));
    }
  }

  /** The shipped teacher's recipe. */
  public static TeacherRecipe defaults() {
    return new TeacherRecipe(
        1,
        "auto",
        "auto",
        DataRecipe.defaults(),
        new ModelRecipe("taef2", 1, 192, 6, 1, 4, List.of(16, 16, 16), List.of(160, 64, 64), 1),
        new RoleRecipe(1e-3, 200, 0.3, 0.9, 0.99, 0.01, 1, 0.999),
        FlowMatching.Settings.defaults(),
        new RunRecipe(6000, 64, Duration.ofMinutes(3), 2, 500));
  }
}
