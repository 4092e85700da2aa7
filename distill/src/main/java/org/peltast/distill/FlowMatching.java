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
public final class FlowMatching implements Method {
  /**
   * What may be set.
   *
   * @param emptyCaptions the share of captions replaced by the empty one
   * @param timeMean mean of the normal number whose logistic function is the pre-shift time
   * @param timeDeviation its standard deviation
   * @param microBatches in how many parts each thread computes its share, with the same result
   */
  public record Settings(
      double emptyCaptions, double timeMean, double timeDeviation, int microBatches) {
    /** 10 % empty captions, logit-normal (0, 1). */
    public static Settings defaults() {
      return new Settings(0.1, 0, 1, 1);
    }

    /** The same, computed in so many parts. */
    public Settings inParts(int parts) {
      return new Settings(emptyCaptions, timeMean, timeDeviation, parts);
    }

    /** Checks the ranges. */
    public Settings {
      if (!(emptyCaptions >= 0
          && emptyCaptions <= 1
          && timeDeviation > 0
          && Math.abs(timeMean) < 100
          && microBatches >= 1)) {
        throw new IllegalArgumentException(
            "emptyCaptions must be in [0, 1], timeMean in (-100, 100), timeDeviation positive and"
                + " microBatches at least 1");
      }
    }
  }

  private final Denoiser denoiser;
  private final Role teacher;
  private final Settings settings;

  /** Trains the role's network, which must be the denoiser's. */
  public FlowMatching(Denoiser denoiser, Role teacher, Settings settings) {
    this.denoiser = denoiser;
    this.teacher = teacher;
    this.settings = settings;
  }

  @Override
  public List<Role> roles() {
    return List.of(teacher);
  }

  @Override
  public Denoiser generator() {
    return denoiser;
  }

  @Override
  public Figures update(Progress progress, Batch batch, Rng rng) {
    Figures figures = new Figures();
    try (Shares shares = new Shares(batch, settings.microBatches())) {
      shares.each(
          figures,
          (part, noted) -> {
            Tensor loss = loss(part.batch(), rng).mul(part.share());
            noted.addFinite("loss", 1, loss, "teacher's loss");
            loss.backward();
          });
    }
    teacher.step(progress, figures);
    return figures.settle();
  }

  private Tensor loss(Batch part, Rng rng) {
    Tensor clean = part.clean();
    if (clean == null) {
      throw new IllegalArgumentException(
          "a teacher is trained on captioned images; this data has captions alone");
    }
    Tensor noise = part.noise(rng.fork("noise"));
    Tensor t = part.numbers(rng.fork("time"), this::time);
    Network network = denoiser.network();
    Network.Text text = network.read(dropped(part, rng.fork("empty")));
    Tensor xt = denoiser.path().mix(clean, noise, t);
    Tensor target = denoiser.path().target(network.prediction(), clean, noise, t);
    return network.forward(xt, t, text).sub(target).square().mean();
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

  @Override
  public void close() {
    teacher.close();
  }
}
