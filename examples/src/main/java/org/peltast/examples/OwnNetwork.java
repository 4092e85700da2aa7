package org.peltast.examples;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.StepGrid;
import org.peltast.distill.Appearance;
import org.peltast.distill.BatchSource;
import org.peltast.distill.FlowMatching;
import org.peltast.distill.LearningRate;
import org.peltast.distill.Method;
import org.peltast.distill.Role;
import org.peltast.distill.Trainer;
import org.peltast.distill.dmd.CfgAugmentation;
import org.peltast.distill.dmd.DecoupledDmd;
import org.peltast.distill.dmd.DistributionMatching;
import org.peltast.distill.dmd.FakeModel;
import org.peltast.distill.dmd.Normaliser;
import org.peltast.distill.dmd.Renoising;
import org.peltast.distill.dmd.Rollout;
import org.peltast.distill.dmd.WeightedTerm;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.Rng;
import org.peltast.tensor.nn.AdamW;

/**
 * A {@link PlaneNetwork} of one's own, trained by flow matching on a mixture of Gaussians and
 * distilled by Decoupled DMD into two steps: {@code OwnNetwork RUNS}. It prints how well teacher
 * and student find the six modes. Nothing here knows text or pictures.
 */
public final class OwnNetwork {
  private static final int BATCH = 96;
  static final StepGrid STEPS = StepGrid.uniform(2);

  private OwnNetwork() {}

  /** Trains both and prints. */
  public static void main(String[] args) {
    if (args.length != 1) {
      throw new IllegalArgumentException("give a folder for the runs");
    }
    PlaneNetwork teacher = teacher(Path.of(args[0], "teacher"), 400);
    PlaneNetwork student = student(teacher, Path.of(args[0], "student"), 300);
    System.out.println("teacher cut to two steps: " + Plane.modes(teacher.denoiser(), STEPS));
    System.out.println("student of two steps: " + Plane.modes(student.denoiser(), STEPS));
  }

  /** Trains a flow model, or goes on with one. */
  static PlaneNetwork teacher(Path folder, long updates) {
    PlaneNetwork network = new PlaneNetwork(Plane.CLASSES, Rng.of(1));
    try (Role role = role("teacher", network, 1e-2);
        Method method =
            new FlowMatching(network.denoiser(), role, FlowMatching.Settings.defaults())) {
      train(method, folder, updates);
    }
    return network;
  }

  /** Distils it: engine and regulariser of weight 1, five updates of the fake for each. */
  static PlaneNetwork student(PlaneNetwork teacher, Path folder, long updates) {
    PlaneNetwork student = teacher.copy();
    PlaneNetwork fake = teacher.copy();
    try (Role role = role("student", student, 2e-3);
        Role fakeRole = role("fake", fake, 4e-3);
        Method method =
            new DecoupledDmd(
                teacher.denoiser(),
                student.denoiser(),
                role,
                new Rollout(STEPS),
                Renoising.DECOUPLED_HYBRID,
                List.of(
                    new WeightedTerm(new CfgAugmentation(new Guidance(2)), 1, Normaliser.SHARED),
                    new WeightedTerm(
                        new DistributionMatching(fake.denoiser()), 1, Normaliser.SHARED)),
                List.of(new FakeModel(fake.denoiser(), fakeRole, 5, FakeModel.Images.KEPT, false)),
                Appearance.NONE)) {
      train(method, folder, updates);
    }
    return student;
  }

  private static Role role(String name, PlaneNetwork network, double rate) {
    AdamW.Settings adam = new AdamW.Settings(0.9, 0.99, 1e-8, 0);
    return new Role(name, network, new Role.Settings(new LearningRate(rate, 10, 0.3), adam, 10, 0));
  }

  private static void train(Method method, Path folder, long updates) {
    try (RunFolder run = RunFolder.open(folder, OwnNetwork::tell)) {
      BatchSource data =
          BatchSource.of(BATCH, draw -> Plane.batch(BATCH, Rng.of(2).fork("data").fork(draw)));
      Trainer.Settings settings = new Trainer.Settings(updates, Duration.ofMinutes(1), 1, 3);
      Trainer trainer = new Trainer(settings, method, data, run, List.of(), () -> false);
      trainer.run(trainer.resume());
    }
  }

  private static void tell(String notice) {
    System.out.println(notice);
  }
}
