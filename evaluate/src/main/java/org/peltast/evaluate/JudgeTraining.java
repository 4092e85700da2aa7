package org.peltast.evaluate;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.peltast.tensor.AdamW;
import org.peltast.tensor.Gradients;
import org.peltast.tensor.Parameters;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Trains a judge: owns one update, and is pure of files and clocks.
 *
 * <p>With unit vectors u of pictures and v of their captions, s the learned inverse temperature and
 * ℓ = s·u vᵀ, the loss is InfoNCE in both directions, as in CLIP, plus the family head's
 * cross-entropy, weighted:
 *
 * <pre>½ CE(ℓ, diagonal) + ½ CE(ℓᵀ, diagonal) + w CE(head(x), family).</pre>
 *
 * Rows of the same concept and family are taken out of each other's negatives.
 */
public final class JudgeTraining implements AutoCloseable {
  /**
   * What may be set.
   *
   * @param learningRate the highest
   * @param warmUp updates of linear rise to it; a cosine then takes it to 0 at the last update
   * @param weightDecay AdamW's
   * @param clip the largest joint gradient norm
   * @param familyWeight w
   */
  public record Settings(
      double learningRate, int warmUp, double weightDecay, double clip, double familyWeight) {
    /** What the shipped judge was trained with. */
    public static Settings defaults() {
      return new Settings(2e-3, 100, 0.05, 1.0, 0.5);
    }

    /** Checks the ranges. */
    public Settings {
      if (!(learningRate > 0
          && learningRate < 10
          && warmUp >= 0
          && weightDecay >= 0
          && clip > 0
          && familyWeight >= 0)) {
        throw new EvaluationException(
            "A judge's learning rate must be in (0, 10), its clip positive, and its warm-up, weight"
                + " decay and family weight not negative.");
      }
    }

    double rate(long update, long updates) {
      if (update < warmUp) {
        return learningRate * (update + 1) / warmUp;
      }
      double progress = (double) (update - warmUp) / Math.max(1, updates - warmUp);
      return learningRate * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, progress)));
    }
  }

  /**
   * What one update yields.
   *
   * @param loss the whole
   * @param contrast its InfoNCE part; ln B is chance
   * @param family the head's cross-entropy, unweighted
   * @param gradientNorm before clipping
   */
  public record Losses(double loss, double contrast, double family, double gradientNorm) {}

  /** Enough to make exp vanish, and no infinity that would become NaN. */
  private static final double NEVER = -1e4;

  private final Judge judge;
  private final Settings settings;
  private final AdamW optimiser;

  /** Makes the judge's weights trainable and starts the optimiser. */
  public JudgeTraining(Judge judge, Settings settings) {
    this.judge = judge;
    this.settings = settings;
    judge.parameters().trainable(true);
    this.optimiser =
        new AdamW(judge.parameters(), new AdamW.Settings(0.9, 0.98, 1e-6, settings.weightDecay()));
  }

  /**
   * One update: a function of the weights, the optimiser and the batch.
   *
   * @param update counted from 0
   * @param updates of the whole run: for the learning rate
   * @param changing is run before anything of the {@link #state} changes
   * @throws EvaluationException if loss or gradient is not finite; the weights are untouched then
   */
  public Losses update(long update, long updates, JudgeBatch batch, Runnable changing) {
    Parameters p = judge.parameters();
    try (Scope scope = Scope.open()) {
      Tensor features = judge.features(batch.images().to(p.device())); // [B, d]
      Tensor u = judge.imageEmbedding(features); // [B, e]
      Tensor v = judge.textEmbedding(batch.text().to(p.device())); // [B, e]
      Tensor logits = u.matmul(v.transpose(0, 1)).mul(judge.scale()); // [B, B]
      logits = logits.add(batch.same().to(p.device()).mul(NEVER));
      Tensor own = Tensor.arange(batch.size()).to(p.device());
      Tensor contrast =
          logits.crossEntropy(own).add(logits.transpose(0, 1).crossEntropy(own)).mul(0.5);
      Tensor family = judge.familyLogits(features).crossEntropy(batch.families().to(p.device()));
      Tensor loss = contrast.add(family.mul(settings.familyWeight()));
      double value = finite("loss", update, loss.item());
      loss.backward();
      double norm = finite("gradient norm", update, Gradients.clip(p, settings.clip()));
      changing.run();
      optimiser.step(settings.rate(update, updates));
      return new Losses(value, contrast.item(), family.item(), norm);
    } finally {
      p.clearGradients();
    }
  }

  private static double finite(String what, long update, double value) {
    if (!Double.isFinite(value)) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "The judge's %s became %s at update %d: lower the learning rate.",
              what,
              value,
              update));
    }
    return value;
  }

  /** Updates taken. */
  public long steps() {
    return optimiser.steps();
  }

  /** Everything that {@link #restore} needs, by name: live tensors, not copies. */
  public Map<String, Tensor> state() {
    Map<String, Tensor> state = new LinkedHashMap<>();
    judge.parameters().values().forEach((n, t) -> state.put("weights." + n, t));
    optimiser.state().forEach((n, t) -> state.put("optimiser." + n, t));
    return state;
  }

  /** Puts a saved state back, bit for bit. */
  public void restore(Map<String, Tensor> state, long steps) {
    judge.parameters().load(under("weights.", state));
    optimiser.restore(under("optimiser.", state), steps);
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

  /** Frees the optimiser; the judge is no longer trainable. */
  @Override
  public void close() {
    judge.parameters().trainable(false);
    optimiser.close();
  }
}
