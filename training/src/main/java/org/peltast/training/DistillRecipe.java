package org.peltast.training;

import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.StepGrid;
import org.peltast.diffusion.TimeShift;
import org.peltast.models.ModelSource;

/**
 * Everything that decides a distillation.
 *
 * @param seed of everything random
 * @param device {@code auto} (a GPU if there is one), {@code cpu}, {@code cuda} or {@code cuda:N}
 * @param precision {@code auto}, {@code float32} or {@code bf16}
 * @param teacher the teacher's model folder
 * @param variant of its checkpoints, as {@code fp16}; null for the plain ones
 * @param transformer a checkpoint with the weights of the teacher's network, where they are not in
 *     its folder; null if they are
 * @param data whose captions are the prompts, and whose images some methods learn from
 * @param unconditional whether all prompts are the empty one
 * @param steps of the generator, equally long in pre-shift time
 * @param shift of the timesteps, at which generator, teacher and fake are trained and the generator
 *     draws; null for that of the teacher's folder
 * @param memory what is traded for memory
 * @param lora whether student and fake are adapters over the teacher's weights
 * @param method how it is distilled
 * @param student the generator's optimiser
 * @param guard what watches over the run
 * @param run the loop
 */
public record DistillRecipe(
    long seed,
    String device,
    String precision,
    Path teacher,
    @Nullable String variant,
    @Nullable Path transformer,
    DataRecipe data,
    boolean unconditional,
    int steps,
    @Nullable Double shift,
    MemoryRecipe memory,
    LoraRecipe lora,
    MethodRecipe method,
    RoleRecipe student,
    GuardRecipe guard,
    RunRecipe run) {
  /** Checks the ranges, and that the parts fit each other. */
  public DistillRecipe {
    Ranges.check(() -> StepGrid.uniform(steps));
    Double given = shift;
    if (given != null) {
      Ranges.check(() -> new TimeShift(given));
    }
    Ranges.device(device);
    Ranges.precision(precision);
    if (unconditional
        && method instanceof MethodRecipe.DecoupledDmd pushed
        && pushed.dm().weight() + pushed.meanVariance().weight() + pushed.gan().weight() == 0) {
      throw new IllegalArgumentException(
          "without captions (unconditional: true) there is no guidance for ca to learn from: give"
              + " dm, meanVariance or gan a weight");
    }
    if (guard.variance() != 0
        && !(method instanceof MethodRecipe.DecoupledDmd dmd && dmd.dm().weight() > 0)
        && !(method instanceof MethodRecipe.Dmd2)) {
      throw new IllegalArgumentException(
          "guard.variance raises the weight of dm, but this method has no distribution matching:"
              + " set guard.variance to 0");
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
        null,
        null,
        DataRecipe.defaults(),
        false,
        2,
        null,
        MemoryRecipe.defaults(),
        LoraRecipe.off(),
        MethodRecipe.DecoupledDmd.defaults(),
        new RoleRecipe(4e-4, 10, 0.6, 0, 0.99, 0, 0.5, 0.95),
        GuardRecipe.defaults(),
        new RunRecipe(1080, 8, Duration.ofMinutes(2), 2, 100));
  }

  /** The files of the teacher. */
  public ModelSource source() {
    return new ModelSource(teacher, variant, transformer, memory.weightType());
  }

  /** The share of a run, from its beginning, whose updates do not depend on how long it is. */
  public double plateau() {
    double falling = student.decay();
    for (RoleRecipe other : method.others()) {
      falling = Math.max(falling, other.decay());
    }
    return 1 - falling;
  }

  /** The same with another loop. */
  public DistillRecipe with(RunRecipe otherRun) {
    return with(method, guard, otherRun);
  }

  /** The same with CFG augmentation alone. */
  public DistillRecipe withoutRegulariser(RunRecipe otherRun) {
    MethodRecipe.DecoupledDmd of =
        method instanceof MethodRecipe.DecoupledDmd dmd
            ? dmd
            : MethodRecipe.DecoupledDmd.defaults();
    MethodRecipe.DirectionRecipe ca = of.ca();
    return with(
        new MethodRecipe.DecoupledDmd(
            of.alpha(),
            of.renoising(),
            of.margin(),
            new MethodRecipe.DirectionRecipe(
                ca.weight() == 0 ? 1 : ca.weight(), ca.normaliser(), ca.tau()),
            new MethodRecipe.DirectionRecipe(0, of.dm().normaliser(), of.dm().tau()),
            MethodRecipe.MeanVarianceRecipe.off(),
            MethodRecipe.GanRecipe.off(),
            of.fake()),
        GuardRecipe.off(), // it is meant to fall apart
        otherRun);
  }

  private DistillRecipe with(MethodRecipe otherMethod, GuardRecipe otherGuard, RunRecipe otherRun) {
    return new DistillRecipe(
        seed,
        device,
        precision,
        teacher,
        variant,
        transformer,
        data,
        unconditional,
        steps,
        shift,
        memory,
        lora,
        otherMethod,
        student,
        otherGuard,
        otherRun);
  }
}
