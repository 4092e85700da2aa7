package org.peltast.distill;

import java.util.LinkedHashMap;
import java.util.Map;
import org.peltast.diffusion.Network;
import org.peltast.tensor.AdamW;
import org.peltast.tensor.Device;
import org.peltast.tensor.Ema;
import org.peltast.tensor.Gradients;
import org.peltast.tensor.Parameters;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * A network that is trained, with its optimiser and the moving average of its weights. The network
 * knows nothing of the part it plays.
 */
public final class Role implements AutoCloseable {
  /**
   * How a role is trained.
   *
   * @param learningRate over its own updates
   * @param adam AdamW's settings
   * @param clip the largest joint gradient norm
   * @param ema the decay of the weights' moving average
   */
  public record Settings(LearningRate learningRate, AdamW.Settings adam, double clip, double ema) {
    /** Checks the ranges. */
    public Settings {
      if (!(clip > 0) || !(ema >= 0 && ema < 1)) {
        throw new IllegalArgumentException(
            "clip must be more than 0 and ema from 0 to below 1, got " + clip + " and " + ema);
      }
    }
  }

  private final String name;
  private final Network network;
  private final Settings settings;
  private final AdamW optimiser;
  private final Ema ema;

  /** Makes the network trainable and starts optimiser and average at its present weights. */
  public Role(String name, Network network, Settings settings) {
    this.name = name;
    this.network = network;
    this.settings = settings;
    network.parameters().trainable(true);
    this.optimiser = new AdamW(network.parameters(), settings.adam());
    this.ema = new Ema(network.parameters(), settings.ema());
  }

  /** The role's name, as in logs and checkpoints. */
  public String name() {
    return name;
  }

  /** The network being trained. */
  public Network network() {
    return network;
  }

  /** The moving average of its weights. */
  public Ema ema() {
    return ema;
  }

  /** How often it has been updated. */
  public long steps() {
    return optimiser.steps();
  }

  /**
   * Adds up and clips the gathered gradients, takes one optimiser step, moves the average, and
   * clears the gradients.
   *
   * <p>Where reading costs no waiting, on the CPU, all figures so far are read first, and nothing
   * changes if one is not finite that must be. Elsewhere it is the device that leaves the weights
   * as they are, and the figures tell when they settle.
   *
   * @param progress of the whole run: for the learning rate's decay
   * @param figures where gradient norm and learning rate are noted
   * @throws DivergedException if the gradient, or what was noted before, is not finite
   */
  public void step(Method.Progress progress, Figures figures) {
    Parameters p = network.parameters();
    double rate = settings.learningRate().at(progress.update(), progress.updates());
    try (Scope scope = Scope.open()) {
      Tensor norm = Gradients.norm(p);
      figures
          .addFinite(name + ".gradientNorm", 1, norm, name + "'s gradient norm")
          .put(name + ".learningRate", rate);
      if (p.device().kind() == Device.Kind.CPU) {
        figures.settle();
      }
      progress.changing().run();
      optimiser.step(rate, new Gradients.Clip(norm, settings.clip()), ema.next());
    }
    p.clearGradients();
  }

  /** Everything that {@link #restore} needs, by name: live tensors, not copies. */
  public Map<String, Tensor> state() {
    Map<String, Tensor> state = new LinkedHashMap<>();
    network.parameters().values().forEach((n, t) -> state.put("weights." + n, t));
    ema.values().forEach((n, t) -> state.put("ema." + n, t));
    optimiser.state().forEach((n, t) -> state.put("optimiser." + n, t));
    return state;
  }

  /** The counts that go with {@link #state}. */
  public Map<String, String> counts() {
    Map<String, String> counts = new LinkedHashMap<>(); // in one order: a checkpoint's bytes repeat
    counts.put("steps", Long.toString(optimiser.steps()));
    counts.put("emaUpdates", Long.toString(ema.updates()));
    return counts;
  }

  /** Puts a saved state back, bit for bit. */
  public void restore(Map<String, Tensor> state, Map<String, String> counts) {
    network.parameters().load(under("weights.", state));
    ema.restore(under("ema.", state), count(counts, "emaUpdates"));
    optimiser.restore(under("optimiser.", state), count(counts, "steps"));
  }

  private long count(Map<String, String> counts, String what) {
    String value = counts.get(what);
    if (value == null || !value.matches("\\d{1,18}")) {
      throw new IllegalArgumentException("the saved state of " + name + " has no count of " + what);
    }
    return Long.parseLong(value);
  }

  private static Map<String, Tensor> under(String prefix, Map<String, Tensor> all) {
    Map<String, Tensor> part = new LinkedHashMap<>();
    all.forEach(
        (n, t) -> {
          if (n.startsWith(prefix)) {
            part.put(n.substring(prefix.length()), t);
          }
        });
    return part;
  }

  @Override
  public void close() {
    optimiser.close();
    ema.close();
  }
}
