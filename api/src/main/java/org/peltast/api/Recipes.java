package org.peltast.api;

import java.nio.file.Path;
import org.peltast.training.DistillRecipe;
import org.peltast.training.MethodRecipe;

/** Recipes to begin with; each step of a {@link Recipe} returns a changed copy. */
public final class Recipes {
  private Recipes() {}

  /** Decoupled DMD (the paper's method): CFG augmentation and distribution matching. */
  public static Recipe decoupledDmd() {
    return new Recipe(DistillRecipe.defaults());
  }

  /** DMD2, complete with its GAN; it learns from images. */
  public static Recipe dmd2() {
    return with(MethodRecipe.Dmd2.defaults());
  }

  /** Latent consistency distillation; it learns from images. */
  public static Recipe lcm() {
    return with(MethodRecipe.Lcm.defaults());
  }

  /**
   * A method of one's own, which {@link Distiller#method} makes. It learns from captions alone
   * unless {@code set("method.learnsFromImages", true)} says otherwise.
   *
   * @param name by which the run's folder remembers it, in letters, digits, dots and hyphens
   * @throws IllegalArgumentException if the name has others
   */
  public static Recipe custom(String name) {
    return with(new MethodRecipe.Custom(name, 3, false));
  }

  /**
   * A recipe file, as {@code peltast distill --recipe} reads.
   *
   * @throws org.peltast.runs.RunException if it is not there, or no recipe
   */
  public static Recipe read(Path file) {
    return new Recipe(org.peltast.runs.Recipes.over(DistillRecipe.defaults()).read(file));
  }

  /** A recipe put together by hand. */
  public static Recipe of(DistillRecipe recipe) {
    return new Recipe(recipe);
  }

  private static Recipe with(MethodRecipe method) {
    DistillRecipe d = DistillRecipe.defaults();
    return new Recipe(
        new DistillRecipe(
            d.seed(),
            d.device(),
            d.precision(),
            d.teacher(),
            d.variant(),
            d.transformer(),
            d.data(),
            d.unconditional(),
            d.steps(),
            d.shift(),
            d.memory(),
            d.lora(),
            method,
            d.student(),
            d.guard(),
            d.run()));
  }
}
