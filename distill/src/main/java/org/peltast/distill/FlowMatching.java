package org.peltast.distill;

import java.util.List;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Network;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;

/**
 * Trains a many-step teacher from data: the network learns the path's target at logit-normal times
 * (Esser et al., 2024), with a share of captions replaced by the empty one so that it can be
 * guided.
 */
public final class FlowMatching implements Method, Phase {
  /**
   * Settings of flow matching: the share of empty captions and the distribution of times.
   *
   * @param emptyCaptions the share of captions replaced by the empty one
   * @param timeMean mean of the normal number whose logistic function is the pre-shift time
   * @param timeDeviation its standard deviation
   */
  public record Settings(double emptyCaptions, double timeMean, double timeDeviation) {
    /** 10 % empty captions, logit-normal (0, 1). */
    public static Settings defaults() {
      return new Settings(0.1, 0, 1);
    }

    /** Checks the ranges. */
    public Settings {
      if (!(emptyCaptions >= 0
          && emptyCaptions <= 1
          && timeDeviation > 0
          && Math.abs(timeMean) < 100)) {
        throw new IllegalArgumentException(
            "emptyCaptions must be in [0, 1], timeMean in (-100, 100) and timeDeviation positive");
      }
    }
  }

  private final Denoiser denoiser;
  private final Role teacher;
  private final Settings settings;

  /** Trains the role, whose weights must be those of the denoiser's network. */
  public FlowMatching(Denoiser denoiser, Role teacher, Settings settings) {
    this.denoiser = denoiser;
    this.teacher = teacher;
    this.settings = settings;
  }

  @Override
  public List<Phase> phases() {
    return List.of(this);
  }

  @Override
  public String name() {
    return "teacher";
  }

  @Override
  public List<Role> trains() {
    return List.of(teacher);
  }

  @Override
  public Tensor loss(MicroBatch part, Rng rng, Metrics metrics) {
    Batch batch = part.batch();
    Tensor clean = batch.images();
    Tensor noise = batch.noise(rng.fork("noise"));
    Tensor t = batch.numbers(rng.fork("time"), this::time);
    Network network = denoiser.network();
    Network.Text text = network.read(dropped(batch, rng.fork("empty")));
    Tensor xt = denoiser.path().mix(clean, noise, t);
    Tensor target = denoiser.path().target(network.prediction(), clean, noise, t);
    Tensor loss = network.forward(xt, t, text).sub(target).square().mean();
    metrics.mean("loss", loss);
    return loss;
  }

  /** A logit-normal time, shifted. */
  private double time(Rng rng) {
    double z = settings.timeMean() + settings.timeDeviation() * rng.normal();
    return denoiser.shift().apply(1 / (1 + StrictMath.exp(-z)));
  }

  /** The batch's captions, some replaced by the empty one. */
  private Condition dropped(Batch batch, Rng rng) {
    boolean[] kept = new boolean[batch.size()];
    for (int i = 0; i < kept.length; i++) {
      kept[i] = rng.fork(batch.first() + i).uniform() >= settings.emptyCaptions();
    }
    return batch.condition().where(kept, batch.empty());
  }
}
