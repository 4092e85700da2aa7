package org.peltast.tensor.nn;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Internals;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.StochasticRounding;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;
import org.peltast.tensor.WorkerPool;

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, 2019), one fused native pass over all
 * weights ({@code aten::_fused_adamw_}). Moments may be kept in bfloat16 or on the host. Weights
 * that are {@linkplain Parameters#storage kept} in bfloat16 are rounded at random after each step:
 * most steps are smaller than what rounding to the nearest keeps.
 */
public final class AdamW implements AutoCloseable {
  /** Weights that are changed together: a megabyte each of values, gradients and moments. */
  private static final long TOGETHER = 1 << 18;

  /** Elements that are widened, or brought from the host, at once. */
  private static final long PIECE = 1 << 22;

  /**
   * How moments are kept between steps, which are computed in float32 on the weights' device
   * whatever this is.
   *
   * @param dtype FLOAT32, or BFLOAT16: then they are rounded at random, as steps of the second
   *     moment are mostly smaller than what rounding to the nearest keeps
   * @param onHost whether in the host's memory, wherever the weights are
   * @param seed of all rounding, the weights' too, which is a function of it, of the step and of
   *     the weight's name
   */
  public record Keeping(DType dtype, boolean onHost, long seed) {
    /** In float32, beside the weights. */
    public static final Keeping PLAIN = new Keeping(DType.FLOAT32, false, 0);

    /** Checks the dtype. */
    public Keeping {
      if (dtype != DType.FLOAT32 && dtype != DType.BFLOAT16) {
        throw new TensorException("moments are kept in FLOAT32 or BFLOAT16, not in " + dtype);
      }
    }

    boolean isPlain() {
      return dtype == DType.FLOAT32 && !onHost;
    }
  }

  /** Settings; the learning rate is given at each step. */
  public record Settings(
      double beta1, double beta2, double eps, double weightDecay, Keeping moments) {
    /** Settings with moments in float32, beside the weights. */
    public Settings(double beta1, double beta2, double eps, double weightDecay) {
      this(beta1, beta2, eps, weightDecay, Keeping.PLAIN);
    }

    /** The same with moments kept otherwise. */
    public Settings with(Keeping other) {
      return new Settings(beta1, beta2, eps, weightDecay, other);
    }

    /** β₁ = 0.9, β₂ = 0.999, ε = 1e-8, no weight decay. */
    public static Settings defaults() {
      return new Settings(0.9, 0.999, 1e-8, 0);
    }

    /** Checks the ranges. */
    public Settings {
      if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1 && eps > 0 && weightDecay >= 0)) {
        throw new TensorException(
            "AdamW needs 0 ≤ β < 1, ε > 0 and weight decay ≥ 0; got β "
                + beta1
                + ", "
                + beta2
                + ", ε "
                + eps
                + ", decay "
                + weightDecay);
      }
    }
  }

  private static final String FIRST = "exp_avg.";
  private static final String SECOND = "exp_avg_sq.";

  private final Parameters parameters;
  private final Settings settings;
  private final Scope scope = Scope.detached();
  private final Map<Parameter, Moments> moments = new LinkedHashMap<>();
  private final int declared;
  private long steps;

  /** An optimiser of these weights, with all moments zero. */
  public AdamW(Parameters parameters, Settings settings) {
    this(parameters, parameters.all(), settings);
  }

  /**
   * An optimiser of some of a network's weights; the others are left alone.
   *
   * @throws TensorException if one of them is not the network's
   */
  public AdamW(Parameters parameters, List<Parameter> some, Settings settings) {
    this.parameters = parameters;
    this.settings = settings;
    this.declared = parameters.all().size();
    parameters.requireOwn(some);
    try (Scope s = Scope.open()) {
      for (Parameter p : some) {
        moments.put(p, new Moments(zeros(p), zeros(p)));
      }
    }
  }

  /** Moving averages of a weight's gradient and of its square. */
  private record Moments(Tensor first, Tensor second) {}

  private Tensor zeros(Parameter p) {
    Device device = parameters.device();
    boolean host = settings.moments().onHost() && device.kind() != Device.Kind.META;
    DType dtype = settings.moments().dtype();
    return scope.keep(Tensor.zeros(dtype, host ? Device.CPU : device, p.value().shape()));
  }

  /**
   * One update from the weights' gradients, which stay as they are.
   *
   * @throws TensorException if the rate is negative or not finite; weights without a gradient are
   *     left alone
   */
  public void step(double learningRate) {
    step(learningRate, null, p -> {});
  }

  /**
   * The same from gradients that are clipped first, in their own place; no step if they cannot be.
   *
   * @param clip what is to be done, or null
   * @param then is given each weight once it has changed, while it is still in a cache, by one of
   *     several threads
   */
  public void step(double learningRate, Gradients.@Nullable Clip clip, Consumer<Parameter> then) {
    if (!(learningRate >= 0) || Double.isInfinite(learningRate)) {
      throw new TensorException(
          "the learning rate must be finite and not negative, got " + learningRate);
    }
    if (parameters.all().size() != declared) {
      throw new TensorException(
          "AdamW was made for "
              + declared
              + " weights, but now there are "
              + parameters.all().size()
              + ": make the optimiser when all layers are declared");
    }
    steps++;
    parameters.changing();
    WorkerPool.each(
        parameters.shares(List.copyOf(moments.keySet())),
        share -> {
          for (List<Parameter> group : groups(share)) {
            step(group, learningRate, clip);
            group.forEach(then);
            group.forEach(Parameter::repack);
          }
        });
  }

  /** Few enough weights together that they are still in a cache when they have changed. */
  private static List<List<Parameter>> groups(List<Parameter> share) {
    List<List<Parameter>> groups = new ArrayList<>();
    long count = TOGETHER;
    for (Parameter p : share) {
      if (count >= TOGETHER) {
        groups.add(new ArrayList<>());
        count = 0;
      }
      groups.get(groups.size() - 1).add(p);
      count += p.whole().count();
    }
    return groups;
  }

  private void step(List<Parameter> share, double learningRate, Gradients.@Nullable Clip clip) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      Internals.AdamWStep step =
          new Internals.AdamWStep(
              learningRate,
              settings.beta1(),
              settings.beta2(),
              settings.weightDecay(),
              settings.eps(),
              steps,
              clip == null ? null : clip.divisor().to(parameters.device()),
              clip == null ? null : clip.skip().to(parameters.device()));
      List<Internals.AdamWState> states = new ArrayList<>();
      for (Parameter p : share) {
        Tensor w = p.whole();
        Tensor g = w.grad();
        Moments own = moments.get(p);
        if (g != null && own != null) {
          if (settings.moments().isPlain() && w.dtype() == DType.FLOAT32) {
            states.add(new Internals.AdamWState(w, g, own.first(), own.second()));
          } else {
            stepWidened(step, p, g, own);
          }
        }
      }
      Internals.adamW(step, states);
    }
  }

  /** A step by pieces, which are widened on the weight's device and put back. */
  private void stepWidened(Internals.AdamWStep step, Parameter p, Tensor g, Moments own) {
    long count = p.whole().count();
    for (long at = 0; at < count; at += PIECE) {
      long from = at;
      long n = Math.min(PIECE, count - at);
      Scope.run(
          () -> {
            Tensor keptWeight = piece(p.whole(), from, n);
            Tensor keptFirst = piece(own.first(), from, n);
            Tensor keptSecond = piece(own.second(), from, n);
            Device device = keptWeight.device();
            Tensor weight = keptWeight.to(DType.FLOAT32);
            Tensor gradient = piece(g, from, n).to(DType.FLOAT32);
            Tensor first = keptFirst.to(device).to(DType.FLOAT32);
            Tensor second = keptSecond.to(device).to(DType.FLOAT32);
            Internals.adamW(
                step, List.of(new Internals.AdamWState(weight, gradient, first, second)));
            boolean rounds =
                keptWeight.dtype() == DType.BFLOAT16 || keptFirst.dtype() == DType.BFLOAT16;
            Tensor bits = rounds ? bits(p, from, n, device) : null;
            put(first, keptFirst, bits, 0);
            put(second, keptSecond, bits, 1);
            put(weight, keptWeight, bits, 2);
          });
    }
  }

  private Tensor bits(Parameter p, long from, long count, Device device) {
    Rng rng = Rng.of(settings.moments().seed()).fork(p.name()).fork(steps);
    return StochasticRounding.bits(rng.state()[0], from, count, device);
  }

  /** Keeps float32 numbers in their place, rounded if that is narrower. */
  private static void put(Tensor wide, Tensor kept, @Nullable Tensor bits, int use) {
    if (bits != null && kept.dtype() == DType.BFLOAT16) {
      kept.copyFrom(StochasticRounding.toBfloat16(wide, bits, use));
    } else if (!kept.device().equals(wide.device())) {
      kept.copyFrom(wide);
    }
  }

  private static Tensor piece(Tensor t, long from, long count) {
    return t.detach().reshape(t.count()).narrow(0, from, count);
  }

  /** The number of steps taken. */
  public long steps() {
    return steps;
  }

  /** The names of a weight's moments in {@link #state}, in its order. */
  public static List<String> stateNames(Parameter p) {
    return List.of(FIRST + p.name(), SECOND + p.name());
  }

  /** The moments by name ({@code exp_avg.NAME}, {@code exp_avg_sq.NAME}): live, for checkpoints. */
  public Map<String, Tensor> state() {
    Map<String, Tensor> state = new LinkedHashMap<>();
    moments.forEach(
        (p, own) -> {
          state.put(FIRST + p.name(), own.first());
          state.put(SECOND + p.name(), own.second());
        });
    return state;
  }

  /**
   * Restores what {@link #state} and {@link #steps} gave.
   *
   * @throws TensorException if a moment is missing or misshapen
   */
  public void restore(Map<String, Tensor> state, long stepsTaken) {
    try (Autograd off = Autograd.off()) {
      for (Map.Entry<String, Tensor> e : state().entrySet()) {
        Tensor saved = state.get(e.getKey());
        if (saved == null) {
          throw new TensorException("the optimiser's state lacks " + e.getKey());
        }
        e.getValue().copyFrom(saved);
      }
    }
    steps = stepsTaken;
  }

  @Override
  public void close() {
    scope.close();
  }
}
