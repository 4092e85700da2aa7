package org.peltast.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
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
import org.peltast.distill.BatchSource;
import org.peltast.distill.LearningRate;
import org.peltast.distill.Method;
import org.peltast.distill.Metrics;
import org.peltast.distill.Observer;
import org.peltast.distill.Phase;
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
import org.peltast.models.Backbone;
import org.peltast.models.ItemCost;
import org.peltast.models.NetworkRecipe;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.AdamW;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.Parameters;

/**
 * Whole updates of Decoupled DMD on the real path: trainer, executor, phases, roles and networks
 * are those of a distillation; weights and captions' features are random.
 *
 * <p>A distillation draws the generator's steps; here they are fixed, so that every update is the
 * same work. The generator has two steps and is trained at the second, so each update walks one
 * step, predicts, asks the teacher three times in one batch and the fake once; the fake learns from
 * new images of the first step. With two fake updates that is 7 evaluations without gradient and 3
 * with, 16 forward equivalents.
 */
public final class UpdateBenchmark implements AutoCloseable {
  private static final long SEED = 1;
  private static final StepGrid GRID = StepGrid.uniform(2);
  private static final Role.Settings TRAINING =
      new Role.Settings(
          new LearningRate(1e-5, 0, 0), new AdamW.Settings(0, 0.99, 1e-8, 0), 1, 0.95);

  private final UpdateShape shape;
  private final NetworkRecipe recipe;
  private final UpdateProfile profile;
  private final Scope features = Scope.detached();
  private final Backbone teacher;
  private final Backbone student;
  private final Backbone fake;
  private final Role studentRole;
  private final @Nullable Role fakeRole;
  private final ProfiledMethod method;
  private final Condition captions;
  private final Condition empty;

  /** Networks of that shape, on the CPU. */
  public UpdateBenchmark(UpdateShape shape, Precision precision) {
    this.shape = shape;
    profile = new UpdateProfile(Math.min(Engine.threads(), shape.batch()));
    recipe = shape.network();
    teacher = recipe.create(shape.channels(), shape.captionDim(), Device.CPU, precision);
    fill(teacher.parameters());
    student = teacher.copy();
    fake = teacher.copy();
    captions = features(Rng.of(SEED).fork("captions"), shape.captionTokens());
    empty = features(Rng.of(SEED).fork("empty"), 1);
    studentRole = new Role("student", student, TRAINING);
    fakeRole = shape.fakeUpdates() > 0 ? new Role("fake", fake, TRAINING) : null;
    method = method();
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

  private ProfiledMethod method() {
    Denoiser real =
        recipe.schedule().denoiser(metered(teacher, UpdatePart.TEACHER, UpdatePart.TEACHER));
    Denoiser generator = real.with(metered(student, UpdatePart.ROLLOUTS, UpdatePart.GENERATOR));
    Denoiser follower = real.with(metered(fake, UpdatePart.FAKE, UpdatePart.FAKE));
    // Two methods, as one has one rollout for both phases and draws its step: a fixed step is all
    // phases', and the study's update trains the generator at its last step, the fake at the first.
    DecoupledDmd last = distillation(real, generator, follower, GRID.size() - 1);
    DecoupledDmd first = distillation(real, generator, follower, 0);
    List<Phase> phases = new ArrayList<>(first.phases());
    phases.set(0, last.phases().get(0));
    return new ProfiledMethod(
        phases.stream().<Phase>map(phase -> new ProfiledPhase(phase, profile)).toList(),
        List.of(last, first));
  }

  private DecoupledDmd distillation(
      Denoiser real, Denoiser generator, Denoiser follower, int step) {
    List<WeightedTerm> terms = new ArrayList<>();
    List<FakeModel> learners = new ArrayList<>();
    terms.add(new WeightedTerm(new CfgAugmentation(new Guidance(4)), 1, Normaliser.SHARED));
    if (fakeRole != null) {
      terms.add(new WeightedTerm(new DistributionMatching(follower), 1, Normaliser.SHARED));
      learners.add(
          new FakeModel(follower, fakeRole, shape.fakeUpdates(), FakeModel.Images.FRESH, false));
    }
    return new DecoupledDmd(
        real,
        generator,
        studentRole,
        new Rollout(GRID, step),
        Renoising.DECOUPLED_HYBRID,
        terms,
        learners,
        Appearance.NONE);
  }

  /** Phases of two methods as one, which closes both. */
  private record ProfiledMethod(List<Phase> phases, List<Method> of) implements Method {
    @Override
    public void close() {
      of.forEach(Method::close);
    }
  }

  private MeteredNetwork metered(Backbone network, UpdatePart frozen, UpdatePart learning) {
    return MeteredNetwork.of(network, cost(), profile, frozen, learning);
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
              BatchSource.of(
                  shape.batch(), draw -> new Batch(captions, empty, null, shape.latent(), 0)),
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
    public Verdict after(long done, long updates, Metrics metrics) {
      ended = !look.goesOn(profile.end(metrics, method.phases(), shape.batch()), done);
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
    studentRole.close();
    if (fakeRole != null) {
      fakeRole.close();
    }
    student.close();
    fake.close();
    teacher.close();
    features.close();
  }
}
