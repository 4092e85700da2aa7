package org.peltast.training;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.peltast.distill.Appearance;
import org.peltast.distill.Batch;
import org.peltast.distill.Method;
import org.peltast.distill.Metrics;
import org.peltast.distill.MicroBatch;
import org.peltast.distill.Phase;
import org.peltast.distill.Role;
import org.peltast.distill.TermWeights;
import org.peltast.distill.UpdateExecutor;
import org.peltast.models.Backbone;
import org.peltast.models.ModelFolder;
import org.peltast.models.ModelSource;
import org.peltast.models.TextToImage;
import org.peltast.models.text.TextOutline;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.HostMemory;
import org.peltast.tensor.MetaMemory;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Parameter;

/**
 * What an update of a distillation takes of memory: the recipe's own update, of the teacher's own
 * configuration, computed on the {@linkplain Device#META meta device}. A shape that does not fit is
 * found here, and what a phase keeps for its backward pass is counted, not estimated.
 *
 * @param holdings weights and what belongs to them, the teacher's first
 * @param codec bytes of the codec's weights
 * @param tables bytes of what else lives as long as the run: positions, the empty caption
 * @param host bytes of moments that are kept in the host's memory rather than on the device
 * @param phases of an update
 * @param text of the teacher
 * @param fused whether blocks are computed by the fused kernels, which keep their gradients' memory
 */
public record UpdateOutline(
    List<Holding> holdings,
    long codec,
    long tables,
    long host,
    List<PhaseOutline> phases,
    TextOutline text,
    boolean fused) {
  /** Rollouts have some length at random; among so many there is a long one. */
  private static final int ROUNDS = 4;

  /** Copies the lists. */
  public UpdateOutline {
    holdings = List.copyOf(holdings);
    phases = List.copyOf(phases);
  }

  /** Bytes that are held from the first update to the last. */
  public long held() {
    return holdings.stream().mapToLong(UpdateOutline::held).sum() + codec + tables;
  }

  /** Bytes that are held before the first update, which makes copies for products. */
  public long begun() {
    return held() - holdings.stream().mapToLong(Holding::copies).sum();
  }

  /** Bytes of all roles' gradients, of one thread. */
  public long gradients() {
    return holdings.stream().mapToLong(Holding::gradients).sum();
  }

  /**
   * The most bytes that are held at once while updates are computed.
   *
   * @param how the batch is computed
   */
  public long peak(Schedule how) {
    long most = 0;
    for (PhaseOutline phase : phases) {
      long activations = activations(phase, how);
      long own = how.threads() * phase.gradients();
      long needed =
          fused
              ? how.threads() * gradients() + activations
              : how.parts() > 1
                  ? own + activations
                  : Math.max(activations, own); // those are freed as these are made
      most = Math.max(most, needed);
    }
    return held() + most;
  }

  /** The most bytes of activations in a phase, over all threads. */
  public long activations(PhaseOutline phase, Schedule how) {
    return (long) (phase.forward() * how.threads() * (1 + HostMemory.reserve(how.device(), fused)));
  }

  /**
   * How a batch is computed.
   *
   * @param threads side by side
   * @param parts micro-batches of each, one after another
   * @param device where
   */
  public record Schedule(int threads, int parts, Device device) {}

  /**
   * A network's weights, or a part's.
   *
   * @param name of the role, or of what it is
   * @param weights how many there are
   * @param bytes of the weights; their gradients have as many
   * @param copies bytes of what products keep of them, in their dtype
   * @param trained whether an optimiser has two moments of each
   * @param averaged whether their moving average is kept
   * @param moment bytes of each moment, on the device
   */
  public record Holding(
      String name,
      long weights,
      long bytes,
      long copies,
      boolean trained,
      boolean averaged,
      int moment) {
    private static Holding of(Assembly.Held h, int moment) {
      return new Holding(
          h.name(),
          h.parameters().count(),
          h.parameters().bytes(),
          h.parameters().all().stream().mapToLong(Parameter::copies).sum(),
          h.trained(),
          h.averaged(),
          moment);
    }

    /** Bytes of the gradients of one thread. */
    public long gradients() {
      return trained ? bytes : 0;
    }

    /** Bytes of the optimiser's moments. */
    public long moments() {
      return trained ? 2 * weights * moment : 0;
    }

    /** Bytes of the moving average. */
    public long average() {
      return averaged ? weights * Float.BYTES : 0;
    }
  }

  /**
   * What one thread's micro-batch takes in a phase, beside what is held.
   *
   * @param name of the phase
   * @param forward the most bytes at once until there is a loss, and, where blocks are computed
   *     again, while one is
   * @param backward bytes that are kept for the backward pass when it begins
   * @param gradients bytes of the gradients that it makes, of one thread
   */
  public record PhaseOutline(String name, long forward, long backward, long gradients) {
    PhaseOutline atLeast(PhaseOutline other) {
      return new PhaseOutline(
          name, Math.max(forward, other.forward), Math.max(backward, other.backward), gradients);
    }
  }

  /**
   * Computes an update without numbers.
   *
   * @param source of the teacher; its configurations are enough
   * @param standsFor the device that the run would be on
   * @param items of the micro-batch of one thread
   * @throws org.peltast.models.ModelException or another of the package's exceptions, as the run
   *     itself would throw it
   */
  public static UpdateOutline of(
      DistillRecipe recipe, ModelSource source, Precision precision, Device standsFor, int items) {
    Engine.open();
    TextOutline text = ModelFolder.text(source.folder(), precision);
    try (Scope scope = Scope.open();
        MetaMemory memory = MetaMemory.open(standsFor);
        TextToImage opened =
            ModelFolder.open(source.keptIn(recipe.memory().weightType()), Device.META, precision)) {
      long codec = memory.live() - opened.network().parameters().bytes();
      TextToImage teacher = StudentTraining.shifted(recipe, opened);
      Appearance appearance =
          new PictureAppearance(teacher.codec(), recipe.guard().variance() != 0);
      try (Assembly assembly = new Assembly(recipe, teacher, appearance, null);
          Backbone average = assembly.student().copy()) {
        Counted method = new Counted(assembly.method(), memory);
        Map<String, PhaseOutline> phases = new LinkedHashMap<>();
        for (int round = 0; round < ROUNDS; round++) {
          update(method, recipe, teacher, items, text.tokens(), round);
          method
              .begun(memory.live(), assembly.held())
              .forEach(p -> phases.merge(p.name(), p, PhaseOutline::atLeast));
        }
        int moment = recipe.memory().momentType().bytes();
        boolean away =
            recipe.memory().momentsOn() == MemoryRecipe.Place.HOST
                && standsFor.kind() != Device.Kind.CPU;
        List<Holding> holdings = holdings(teacher, assembly, average, away ? 0 : moment);
        long trained = holdings.stream().filter(Holding::trained).mapToLong(Holding::weights).sum();
        long known = holdings.stream().mapToLong(UpdateOutline::held).sum() + codec;
        return new UpdateOutline(
            holdings,
            codec,
            Math.max(0, memory.live() - known - (away ? 2 * trained * moment : 0)),
            away ? 2 * trained * moment : 0,
            List.copyOf(phases.values()),
            text,
            assembly.student().obstacleToFusion() == null);
      }
    }
  }

  private static void update(
      Method method, DistillRecipe recipe, TextToImage teacher, int items, int tokens, int round) {
    UpdateExecutor executor = new UpdateExecutor(method, 1);
    int factor = teacher.codec().factor();
    List<Integer> latent =
        List.of(
            teacher.codec().channels(),
            teacher.defaults().height() / factor,
            teacher.defaults().width() / factor);
    try (Scope scope = Scope.open()) {
      Backbone network = teacher.network();
      Tensor clean =
          recipe.method().learnsFromImages()
              ? Tensor.zeros(
                  DType.FLOAT32, Device.META, items, latent.get(0), latent.get(1), latent.get(2))
              : null;
      List<Batch> batches = new ArrayList<>();
      for (int i = 0; i < executor.draws(); i++) {
        batches.add(
            new Batch(
                network.blank(items, tokens), network.blank(items, tokens), clean, latent, 0));
      }
      Rng rng = Rng.of(recipe.seed()).fork("outline").fork(round);
      executor.update(round, ROUNDS, batches, rng, () -> {});
    }
  }

  private static List<Holding> holdings(
      TextToImage teacher, Assembly assembly, Backbone average, int moment) {
    List<Assembly.Held> all = new ArrayList<>();
    all.add(new Assembly.Held("teacher", teacher.network().parameters(), false, false));
    all.addAll(assembly.held());
    all.add(new Assembly.Held("drawn average", average.parameters(), false, false));
    return all.stream().map(h -> Holding.of(h, moment)).toList();
  }

  private static long held(Holding h) {
    return h.bytes() + h.copies() + h.moments() + h.average();
  }

  /** A method whose phases are counted, each once. */
  private static final class Counted implements Method {
    private final Method method;
    private final List<CountedPhase> phases;

    Counted(Method method, MetaMemory memory) {
      this.method = method;
      this.phases = method.phases().stream().map(p -> new CountedPhase(p, memory)).toList();
    }

    /** What the phases of an update took beside what is held after it. */
    List<PhaseOutline> begun(long after, List<Assembly.Held> held) {
      return phases.stream().filter(p -> p.backward > 0).map(p -> p.outline(after, held)).toList();
    }

    @Override
    public List<Phase> phases() {
      return List.copyOf(phases);
    }

    @Override
    public TermWeights weights() {
      return method.weights();
    }
  }

  private static final class CountedPhase implements Phase {
    private final Phase phase;
    private final MetaMemory memory;
    private long forward;
    private long backward;
    private long again;

    CountedPhase(Phase phase, MetaMemory memory) {
      this.phase = phase;
      this.memory = memory;
    }

    PhaseOutline outline(long after, List<Assembly.Held> held) {
      List<String> trained = trains().stream().map(Role::name).toList();
      return new PhaseOutline(
          name(),
          Math.max(0, Math.max(forward, backward + again) - after),
          Math.max(0, backward - after),
          held.stream()
              .filter(h -> trained.contains(h.name()))
              .mapToLong(h -> h.parameters().bytes())
              .sum());
    }

    @Override
    public String name() {
      return phase.name();
    }

    @Override
    public List<Role> trains() {
      return phase.trains();
    }

    @Override
    public Data data() {
      return phase.data();
    }

    @Override
    public boolean wholeBatch() {
      return phase.wholeBatch();
    }

    @Override
    public boolean active() {
      return phase.active();
    }

    @Override
    public Tensor loss(MicroBatch part, Rng rng, Metrics metrics) {
      memory.begin();
      Tensor loss = phase.loss(part, rng, metrics);
      forward = memory.peak();
      backward = memory.live();
      return loss;
    }

    @Override
    public void stepped() {
      again = memory.mostAgain();
      phase.stepped();
    }
  }
}
