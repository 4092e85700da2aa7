package org.peltast.distill;

import java.util.Collections;
import java.util.List;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.StepGrid;
import org.peltast.distill.dmd.CfgAugmentation;
import org.peltast.distill.dmd.DecoupledDmd;
import org.peltast.distill.dmd.DistributionMatching;
import org.peltast.distill.dmd.FakeModel;
import org.peltast.distill.dmd.Normaliser;
import org.peltast.distill.dmd.Renoising;
import org.peltast.distill.dmd.Rollout;
import org.peltast.distill.dmd.WeightedTerm;
import org.peltast.tensor.Rng;

/**
 * A decoupled distillation of toys: two steps, α = 3, the hybrid schedule, DMD2's normaliser and
 * unit weights, unless said otherwise.
 */
record ToyDmd(
    StepGrid grid,
    Guidance guidance,
    Renoising renoising,
    Normaliser ofEngine,
    Normaliser ofRegulariser,
    double engine,
    double regulariser,
    FakeModel.Images images,
    boolean observes) {
  static ToyDmd of(Renoising renoising, double engine, double regulariser) {
    return new ToyDmd(
        StepGrid.uniform(2),
        new Guidance(3),
        renoising,
        Normaliser.SHARED,
        Normaliser.SHARED,
        engine,
        regulariser,
        FakeModel.Images.KEPT,
        false);
  }

  ToyDmd steps(int n) {
    return new ToyDmd(
        StepGrid.uniform(n),
        guidance,
        renoising,
        ofEngine,
        ofRegulariser,
        engine,
        regulariser,
        images,
        observes);
  }

  ToyDmd alpha(double alpha) {
    return new ToyDmd(
        grid,
        new Guidance(alpha),
        renoising,
        ofEngine,
        ofRegulariser,
        engine,
        regulariser,
        images,
        observes);
  }

  ToyDmd by(Normaliser normaliser) {
    return by(normaliser, normaliser);
  }

  ToyDmd by(Normaliser forEngine, Normaliser forRegulariser) {
    return new ToyDmd(
        grid,
        guidance,
        renoising,
        forEngine,
        forRegulariser,
        engine,
        regulariser,
        images,
        observes);
  }

  ToyDmd learningFrom(FakeModel.Images other) {
    return new ToyDmd(
        grid, guidance, renoising, ofEngine, ofRegulariser, engine, regulariser, other, observes);
  }

  ToyDmd observing() {
    return new ToyDmd(
        grid, guidance, renoising, ofEngine, ofRegulariser, engine, regulariser, images, true);
  }

  DecoupledDmd method(
      Network teacher, Network student, Role role, Network fake, Role fakeRole, int updates) {
    return new DecoupledDmd(
        Toys.denoiser(teacher),
        Toys.denoiser(student),
        role,
        new Rollout(grid),
        renoising,
        List.of(
            new WeightedTerm(new CfgAugmentation(guidance), engine, ofEngine),
            new WeightedTerm(
                new DistributionMatching(Toys.denoiser(fake)), regulariser, ofRegulariser)),
        List.of(new FakeModel(Toys.denoiser(fake), fakeRole, updates, images, observes)),
        Appearance.NONE);
  }

  /** One update of any method, all of whose draws are the same batch. */
  static Metrics update(Method method, int microBatches, Batch batch, Rng rng) {
    return update(method, microBatches, 0, 10, batch, rng);
  }

  static Metrics update(
      Method method, int microBatches, long update, long updates, Batch batch, Rng rng) {
    UpdateExecutor executor = new UpdateExecutor(method, microBatches);
    return executor.update(
        update, updates, Collections.nCopies(executor.draws(), batch), rng, () -> {});
  }
}
