package org.peltast.paper;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.peltast.runs.Checksums;
import org.peltast.runs.Recipes;
import org.peltast.training.DistillRecipe;
import org.peltast.training.MethodRecipe;

/**
 * One run that is to be made: a variant with a seed. It is known by a hash of all that decides its
 * outcome, so that experiments share runs and nothing is run twice.
 *
 * @param experiment that asks for it
 * @param variant of the experiment
 * @param recipe resolved, with seed, teacher and data
 * @param key the hash
 */
record Job(Experiment experiment, Experiment.Variant variant, DistillRecipe recipe, String key) {
  /** Changes when runs of the same recipe would come out or be measured otherwise. */
  private static final String FORMAT = "2";

  /**
   * A variant with a seed.
   *
   * @param base teacher, data and what else a subject sets, as changes to the default recipe
   * @param scale of the updates
   * @param identity what the subject adds to the hash
   */
  static Job of(
      Experiment experiment,
      Experiment.Variant variant,
      List<String> base,
      double scale,
      long seed,
      String identity) {
    List<String> sets = new ArrayList<>(Experiments.sets(variant));
    sets.addAll(base);
    sets.add("seed=" + seed);
    DistillRecipe whole = Recipes.with(DistillRecipe.defaults(), sets);
    long updates = Math.max(2, Math.round(scale * whole.run().updates()));
    DistillRecipe recipe = Recipes.with(whole, List.of("run.updates=" + updates));
    // What lies there is in the identity, wherever it lies.
    DistillRecipe placeless =
        Recipes.with(recipe, List.of("teacher=teacher", "data.images=data", "device=auto"));
    String all =
        String.join(
            "\n",
            FORMAT,
            variant.analysis().name(),
            identity,
            Recipes.over(DistillRecipe.defaults()).write(placeless));
    return new Job(
        experiment,
        variant,
        recipe,
        Checksums.sha256(all.getBytes(StandardCharsets.UTF_8)).substring(0, 16));
  }

  /** Where it is run. */
  Path folder(Path runs) {
    return runs.resolve(key);
  }

  /** "fig2 ca-1, seed 3". */
  String title() {
    return String.format(
        Locale.ROOT, "%s %s, seed %d", experiment.id(), variant.name(), recipe.seed());
  }

  /** About how much work an update is, in evaluations of the network forwards. */
  int weight() {
    int steps = recipe.steps();
    if (recipe.method() instanceof MethodRecipe.Dmd2 dmd2) {
      return 8 + steps / 2 + dmd2.fakeUpdates() * (4 + steps / 2);
    }
    if (recipe.method() instanceof MethodRecipe.DecoupledDmd dmd) {
      boolean fake = dmd.dm().weight() > 0 || dmd.fake().observes();
      return 5
          + steps / 2
          + (fake ? 1 + 3 * dmd.fake().updates() : 0)
          + (dmd.gan().weight() > 0 ? 6 : 0);
    }
    return 6;
  }

  /** Whether it can be run on prompts that have no pictures. */
  boolean needsPictures() {
    return recipe.method().learnsFromImages();
  }
}
