package org.peltast.distill.dmd;

import java.util.ArrayList;
import java.util.List;
import org.peltast.diffusion.Denoiser;
import org.peltast.distill.Appearance;
import org.peltast.distill.Method;
import org.peltast.distill.Phase;
import org.peltast.distill.Role;
import org.peltast.distill.TermWeights;

/**
 * Decoupled distribution matching distillation, equation 8 in x₀ space: the sum of
 *
 * <pre>
 *   CA  w_CA · (α − 1)(x₀_real(x_τCA|c) − x₀_real(x_τCA|∅)) / n_CA
 *   DM  w_DM · (x₀_real(x_τDM|c) − x₀_fake(x_τDM|c)) / n_DM
 * </pre>
 *
 * is the direction Δ in which the generator's images x̂ move: {@code loss = ½ ‖x̂ − stopgrad(x̂ +
 * Δ)‖²}. (τ_CA, ε_CA) and (τ_DM, ε_DM) are drawn by a {@link Renoising} schedule, n is a {@link
 * Normaliser}, and x̂ is the generator's prediction at a step reached by a {@link Rollout}.
 *
 * <p>The list of terms makes the method: {@link CfgAugmentation} (the engine) and any regulariser,
 * {@link DistributionMatching}, {@link MeanVariance}, {@link Adversary}, several or none. Models
 * that learn from the generator's images are a list of their own ({@link Learner}): learning is
 * apart from pushing.
 */
public final class DecoupledDmd implements Method {
  private final GeneratorPhase generator;
  private final List<Phase> phases = new ArrayList<>();

  /**
   * Distils.
   *
   * @param teacher frozen
   * @param student the few-step generator, which starts as a copy of the teacher
   * @param role of the student's weights
   * @param rollout the generator's steps
   * @param renoising the schedule of τ
   * @param terms what pushes the generator; at least one of positive weight
   * @param learners what learns from it
   * @param appearance for the log, of the generator's images and the teacher's guided predictions
   */
  public DecoupledDmd(
      Denoiser teacher,
      Denoiser student,
      Role role,
      Rollout rollout,
      Renoising renoising,
      List<WeightedTerm> terms,
      List<? extends Learner> learners,
      Appearance appearance) {
    generator = new GeneratorPhase(teacher, student, role, rollout, renoising, terms, appearance);
    phases.add(generator);
    for (Learner learner : learners) {
      phases.add(learner.phase(generator));
    }
  }

  @Override
  public List<Phase> phases() {
    return List.copyOf(phases);
  }

  @Override
  public TermWeights weights() {
    return generator.objective().weights();
  }

  @Override
  public void close() {
    generator.close();
  }
}
