package org.peltast.training;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.StepGrid;
import org.peltast.distill.DecoupledDmd;
import org.peltast.distill.Normaliser;
import org.peltast.distill.Renoising;

/**
 * Everything that decides a distillation.
 *
 * @param seed of everything random
 * @param device {@code auto} (a GPU if there is one), {@code cpu}, {@code cuda} or {@code cuda:N}
 * @param precision {@code auto}, {@code float32} or {@code bf16}
 * @param teacher the teacher's model folder
 * @param data whose captions are the prompts
 * @param unconditional whether all prompts are the empty one
 * @param steps of the generator, equally long in pre-shift time
 * @param alpha the teacher's guidance scale, 1 is none
 * @param renoising the schedule of τ
 * @param normaliser of the directions
 * @param engineWeight of CFG augmentation, 0 switches it off
 * @param regulariserWeight of the regulariser, 0 switches it off
 * @param regulariser which
 * @param freshRollouts whether the regulariser learns from images of its own
 * @param microBatches in how many parts each thread computes its share of a batch
 * @param student the generator's optimiser
 * @param guard what watches over the run
 * @param run the loop
 */
public record DistillRecipe(
    long seed,
    String device,
    String precision,
    Path teacher,
    DataRecipe data,
    boolean unconditional,
    int steps,
    double alpha,
    Renoising renoising,
    Normaliser normaliser,
    double engineWeight,
    double regulariserWeight,
    RegulariserRecipe regulariser,
    boolean freshRollouts,
    int microBatches,
    RoleRecipe student,
    GuardRecipe guard,
    RunRecipe run) {
  /** Checks the ranges, and that the parts fit each other. */
  public DistillRecipe {
    Ranges.check(
        () ->
            new DecoupledDmd.Settings(
                StepGrid.uniform(steps),
                new Guidance(alpha),
                renoising,
                normaliser,
                engineWeight,
                regulariserWeight,
                freshRollouts,
                microBatches));
    Ranges.device(device);
    Ranges.precision(precision);
    if (microBatches > run.batch()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "microBatches is %d, but a batch of %d has no more parts than that",
              microBatches,
              run.batch()));
    }
  }

  /**
   * The demonstration's: two steps by the paper's schedule, five minutes on two cores. In so short
   * a run many small batches teach more than half as many of twice the size, and each term is
   * normalised by its own residual: DMD2's shared one, small where τ of the engine is late, makes
   * the other term's push large there, and asks for smaller steps.
   */
  public static DistillRecipe defaults() {
    return new DistillRecipe(
        1,
        "auto",
        "auto",
        Path.of("weights/teacher"),
        DataRecipe.defaults(),
        false,
        2,
        3,
        Renoising.DECOUPLED_HYBRID,
        Normaliser.PER_TERM,
        1,
        1,
        new RegulariserRecipe.DistributionMatching(
            1, new RoleRecipe(9e-4, 0, 0, 0, 0.95, 0, 1, 0.9)),
        false,
        1,
        new RoleRecipe(4e-4, 10, 0.6, 0, 0.99, 0, 0.5, 0.95),
        GuardRecipe.defaults(),
        new RunRecipe(1080, 8, Duration.ofMinutes(2), 2, 100));
  }

  /**
   * The method's.
   *
   * @param parts in how many a batch is computed
   */
  DecoupledDmd.Settings settings(int parts) {
    return new DecoupledDmd.Settings(
        StepGrid.uniform(steps),
        new Guidance(alpha),
        renoising,
        normaliser,
        engineWeight,
        regulariserWeight,
        freshRollouts,
        parts);
  }

  /** The share of a run, from its beginning, whose updates do not depend on how long it is. */
  double plateau() {
    double falling = student.decay();
    if (regulariser instanceof RegulariserRecipe.DistributionMatching matching) {
      falling = Math.max(falling, matching.fake().decay());
    }
    return 1 - falling;
  }

  /** The same with the spear alone. */
  DistillRecipe withoutShield(RunRecipe otherRun) {
    return new DistillRecipe(
        seed,
        device,
        precision,
        teacher,
        data,
        unconditional,
        steps,
        alpha,
        renoising,
        normaliser,
        engineWeight == 0 ? 1 : engineWeight,
        0,
        new RegulariserRecipe.None(),
        false,
        Math.min(microBatches, otherRun.batch()),
        student,
        GuardRecipe.off(), // it is meant to fall apart
        otherRun);
  }
}
