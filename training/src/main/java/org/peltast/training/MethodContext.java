package org.peltast.training;

import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.StepGrid;
import org.peltast.distill.Appearance;
import org.peltast.distill.Role;

/**
 * What a training method of one's own is made from: the frozen teacher, the student with its role,
 * and as many further trained copies or averages as the method asks for. Networks and roles belong
 * to the run, which closes them; a method closes only what it makes itself.
 */
public interface MethodContext {
  /** The teacher with its noise path and shift; its weights are frozen. */
  Denoiser teacher();

  /** The student, a copy of the teacher whose weights are those of {@link #role}. */
  Denoiser student();

  /** The student's weights with their optimiser and moving average, as the recipe sets them. */
  Role role();

  /** The steps of the student, equally long in pre-shift time. */
  StepGrid grid();

  /** The teacher's guidance scale, {@code method.alpha}. */
  Guidance guidance();

  /** The run's seed, for weights that a method initialises; updates get streams of their own. */
  long seed();

  /** Measures saturation and colour cast of latents for the metrics. */
  Appearance appearance();

  /**
   * A further trained copy of the teacher, such as a fake model.
   *
   * @param name of the role in logs and checkpoints, unlike any other of the run
   * @param settings its optimiser
   * @throws IllegalArgumentException if the name is taken
   */
  Trained copy(String name, RoleRecipe settings);

  /**
   * A target network: the moving average of the student's weights, which follows every step.
   *
   * @param decay of the average, in [0, 1)
   * @throws IllegalStateException if there is one already
   */
  Denoiser average(double decay);

  /** Closes an object with the run, after the method; for heads and tensors of the method's own. */
  <T extends AutoCloseable> T own(T made);

  /**
   * A trained network.
   *
   * @param denoiser the network under the teacher's noise path and shift
   * @param role its weights with their optimiser
   */
  record Trained(Denoiser denoiser, Role role) {}
}
