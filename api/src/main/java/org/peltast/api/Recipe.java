package org.peltast.api;

import java.time.Duration;
import java.util.List;
import org.peltast.training.DistillRecipe;
import org.peltast.training.MethodRecipe;

/**
 * The settings of a distillation, changed step by step: an immutable value over a {@link
 * DistillRecipe}. Every key of a recipe file can be {@link #set}; the other methods name those that
 * are changed most.
 *
 * @param settings all of them; teacher, device, precision and data are the {@link Distiller}'s to
 *     fill in
 */
public record Recipe(DistillRecipe settings) {
  /**
   * How many steps the student draws in.
   *
   * @throws org.peltast.runs.RunException if it is less than 1
   */
  public Recipe steps(int steps) {
    return set("steps", steps);
  }

  /**
   * The teacher's guidance scale α of {@code u + α(c − u)}; 1 is none.
   *
   * @throws org.peltast.runs.RunException if it is out of range
   */
  public Recipe guidance(double alpha) {
    return settings.method() instanceof MethodRecipe.Lcm
        ? sets("method.solver.alphaLow=" + alpha, "method.solver.alphaHigh=" + alpha)
        : set("method.alpha", alpha);
  }

  /** After how many updates the run is finished. */
  public Recipe updates(long updates) {
    return set("run.updates", updates);
  }

  /** How many captions an update learns from. */
  public Recipe batch(int captions) {
    return set("run.batch", captions);
  }

  /** The student's learning rate on its plateau. */
  public Recipe learningRate(double rate) {
    return set("student.learningRate", rate);
  }

  /** The seed of everything random. */
  public Recipe seed(long seed) {
    return set("seed", seed);
  }

  /** The longest time that a killed process may lose. */
  public Recipe checkpointEvery(Duration time) {
    return set("run.checkpointEvery", time.toSeconds() + "s");
  }

  /**
   * Any key of a recipe file.
   *
   * @param key as in {@code method.dm.weight}
   * @param value as a recipe file writes it
   * @throws org.peltast.runs.RunException if there is no such key (the message names the nearest),
   *     or the value does not fit
   */
  public Recipe set(String key, Object value) {
    return sets(key + "=" + value);
  }

  private Recipe sets(String... sets) {
    return new Recipe(org.peltast.runs.Recipes.with(settings, List.of(sets)));
  }

  /** It as YAML, every key, as {@code peltast distill --recipe} reads it. */
  public String yaml() {
    return org.peltast.runs.Recipes.over(settings).write(settings);
  }
}
