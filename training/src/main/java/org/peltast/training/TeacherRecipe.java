package org.peltast.training;

import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.distill.FlowMatching;
import org.peltast.models.ModelFamilies;
import org.peltast.models.ModelSource;
import org.peltast.models.NetworkRecipe;
import org.peltast.runs.Checksums;

/**
 * Everything that decides a teacher's training.
 *
 * @param seed of everything random
 * @param device {@code auto} (a GPU if there is one), {@code cpu}, {@code cuda} or {@code cuda:N}
 * @param precision {@code auto}, {@code float32} or {@code bf16}
 * @param data what it learns from
 * @param model its network's family and shape
 * @param from the model folder whose weights training begins with; null for fresh ones
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
    @Nullable Path from,
    RoleRecipe teacher,
    FlowMatching.Settings flow,
    RunRecipe run) {
  /** Checks the ranges, and that the parts fit each other. */
  public TeacherRecipe {
    Ranges.device(device);
    Ranges.precision(precision);
    Ranges.check(model::check);
  }

  /** The shipped teacher's recipe. */
  public static TeacherRecipe defaults() {
    return new TeacherRecipe(
        1,
        "auto",
        "auto",
        DataRecipe.defaults(),
        ModelFamilies.standard().recipe(),
        null,
        new RoleRecipe(1e-3, 200, 0.3, 0.9, 0.99, 0.01, 1, 0.999),
        FlowMatching.Settings.defaults(),
        new RunRecipe(6000, 64, Duration.ofMinutes(3), 2, 500));
  }

  /** SHA-256 of what training reads, by name: the data, and the weights that it begins with. */
  public Map<String, String> inputs(Corpus corpus) {
    Map<String, String> inputs = new LinkedHashMap<>(corpus.inputs());
    if (from != null) {
      inputs.put("from", Checksums.sha256(ModelSource.of(from).files()));
    }
    return inputs;
  }
}
