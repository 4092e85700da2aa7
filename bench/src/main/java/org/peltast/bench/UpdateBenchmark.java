package org.peltast.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.StepGrid;
import org.peltast.distill.Appearance;
import org.peltast.distill.Batch;
import org.peltast.distill.DecoupledDmd;
import org.peltast.distill.DistributionMatching;
import org.peltast.distill.Figures;
import org.peltast.distill.LearningRate;
import org.peltast.distill.NoRegulariser;
import org.peltast.distill.Normaliser;
import org.peltast.distill.Observer;
import org.peltast.distill.Regulariser;
import org.peltast.distill.Renoising;
import org.peltast.distill.Role;
import org.peltast.distill.Rollout;
import org.peltast.distill.Trainer;
import org.peltast.models.Backbone;
import org.peltast.models.ItemCost;
import org.peltast.models.NetworkRecipe;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.AdamW;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Parameter;
import org.peltast.tensor.Parameters;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Whole updates of Decoupled DMD on the real path: trainer, method, roles and networks are those of
 * a distillation; weights and captions' features are random. The generator has two steps and is
 * trained at the second, so each update walks one step, predicts, asks the teacher three times in
 * one batch and the fake once, and lets the fake learn from new pictures: with two fake updates 7
 * evaluations without gradient and 3 with, 16 forward equivalents.
 */
public final class UpdateBenchmark implements AutoCloseable {
  private static final long SEED = 1;
  private static final StepGrid GRID = StepGrid.uniform(2);

  private final UpdateShape shape;
  private final NetworkRecipe recipe;
  private final Ledger ledger;
  private final Scope features = Scope.detached();
  private final Backbone teacher;
  private final Backbone student;
  private final Backbone fake;
  private final PinnedSteps method;
  private final Condition captions;
  private final Condition empty;

  /** Networks of that shape, on the CPU. */
  public UpdateBenchmark(UpdateShape shape, Precision precision) {
    this.shape = shape;
    ledger = new Ledger(Math.min(Engine.threads(), shape.batch()));
    recipe = shape.network();
    teacher = recipe.create(shape.channels(), shape.captionDim(), Device.CPU, precision);
    fill(teacher.parameters());
    student = teacher.copy();
    fake = teacher.copy();
    captions = features(Rng.of(SEED).fork("captions"), shape.captionTokens());
    empty = features(Rng.of(SEED).fork("empty"), 1);
    method = new PinnedSteps(method(), new Rollout(GRID), shape.fakeUpdates(), ledger);
  }

  /** All weights random, also those that training starts at zero: an answer of zeros is no test. */
  private static void fill(Parameters parameters) {
    Rng rng = Rng.of(SEED).fork("weights");
    parameters.initialise(rng);
    try (Autograd off = Autograd.off()) {
      for (Parameter p : parameters.all()) {
        Scope.run(
            () -> {
              if (p.value().abs().sum().item() == 0) {
                p.value().copyFrom(rng.fork(p.name()).normal(p.value().shape()).mul(0.02));
              }
            });
      }
    }
    parameters.changed();
  }

  private Condition features(Rng rng, int length) {
    try (Scope scope = Scope.open()) {
      Tensor values =
          features.keep(rng.normal(shape.batch(), shape.captionTokens(), shape.captionDim()));
      return new Condition(values, Collections.nCopies(shape.batch(), length));
    }
  }

  private DecoupledDmd method() {
    Denoiser real = recipe.schedule().denoiser(metered(teacher, Phase.TEACHER, Phase.TEACHER));
    MeteredNetwork learner = metered(student, Phase.ROLLOUTS, Phase.GENERATOR);
    boolean matching = shape.fakeUpdates() > 0;
    return new DecoupledDmd(
        new DecoupledDmd.Settings(
            GRID,
            new Guidance(4),
            Renoising.DECOUPLED_HYBRID,
            Normaliser.SHARED,
            1,
            matching ? 1 : 0,
            true,
            1),
        real,
        real.with(learner),
        new Role("student", learner, training(1e-5)),
        matching ? matching(real) : new NoRegulariser(),
        Appearance.NONE);
  }

  private Regulariser matching(Denoiser real) {
    MeteredNetwork follower = metered(fake, Phase.FAKE, Phase.FAKE);
    return new DistributionMatching(
        real.with(follower), new Role("fake", follower, training(1e-5)), shape.fakeUpdates());
  }

  private MeteredNetwork metered(Backbone network, Phase frozen, Phase learning) {
    return new MeteredNetwork(network, cost(), ledger, frozen, learning);
  }

  private static Role.Settings training(double rate) {
    return new Role.Settings(
        new LearningRate(rate, 0, 0), new AdamW.Settings(0, 0.99, 1e-8, 0), 1, 0.95);
  }

  /** The shape that is measured. */
  public UpdateShape shape() {
    return shape;
  }

  /** What an item of the batch costs one network. */
  ItemCost cost() {
    return teacher.cost(shape.latent().get(1), shape.latent().get(2), shape.captionTokens());
  }

  /** Why the blocks are computed by the plain operators; null if the fused kernels compute them. */
  @Nullable String obstacleToFusing() {
    return teacher.obstacleToFusion();
  }

  /** Weights of one network. */
  public long parameters() {
    return student.parameters().count();
  }

  /** Who looks at updates as they come. */
  @FunctionalInterface
  public interface Look {
    /**
     * After an update; the time that this takes is nobody's.
     *
     * @param done updates so far
     * @return whether there is to be another
     */
    boolean goesOn(UpdateMeasurement measured, long done);
  }

  /** Runs updates in a folder of its own, which is deleted afterwards. */
  public void run(Look look) {
    Path folder = temporaryFolder();
    try (RunFolder run = RunFolder.open(folder, sentence -> {})) {
      new Trainer(
              new Trainer.Settings(Integer.MAX_VALUE, Duration.ofDays(1), 1, SEED),
              method,
              update -> new Batch(captions, empty, null, shape.latent(), 0),
              run,
              List.of(new Measurer(look)),
              () -> false)
          .run(0);
    } finally {
      delete(folder);
    }
  }

  /** Ends the run when it is asked to. */
  private final class Measurer implements Observer {
    private final Look look;
    private boolean ended;

    Measurer(Look look) {
      this.look = look;
    }

    @Override
    public Verdict after(long done, long updates, Figures figures) {
      ended =
          !look.goesOn(
              new UpdateMeasurement(
                  figures.get("seconds"),
                  ledger.gflop(),
                  (int) (ledger.images() / shape.batch()),
                  (int) (ledger.learntImages() / shape.batch()),
                  ledger.seconds()),
              done);
      return Verdict.GO_ON;
    }

    @Override
    public long updates(long done, long updates) {
      return ended ? done : updates;
    }
  }

  private static Path temporaryFolder() {
    try {
      return Files.createTempDirectory("peltast-bench-");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void delete(Path folder) {
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path p : (Iterable<Path>) all.sorted(Comparator.reverseOrder())::iterator) {
        Files.delete(p);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    method.close();
    student.close();
    fake.close();
    teacher.close();
    features.close();
  }
}
