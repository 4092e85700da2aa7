package org.peltast.evaluate;

import java.util.List;
import java.util.Locale;
import org.peltast.distill.Batch;
import org.peltast.distill.LearningRate;
import org.peltast.distill.Method;
import org.peltast.distill.Metrics;
import org.peltast.distill.MicroBatch;
import org.peltast.distill.Phase;
import org.peltast.distill.Role;
import org.peltast.tensor.DType;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.AdamW;

/**
 * Contrastive training of a judge, a method of one phase.
 *
 * <p>With unit vectors u of pictures and v of their captions, s the learned inverse temperature and
 * ℓ = s·u vᵀ, the loss is InfoNCE in both directions, as in CLIP (Radford et al., 2021), plus the
 * family head's cross-entropy, weighted:
 *
 * <pre>½ CE(ℓ, diagonal) + ½ CE(ℓᵀ, diagonal) + w CE(head(x), family).</pre>
 *
 * Rows of the same concept and family are taken out of each other's negatives. As every picture is
 * compared with every caption, the phase computes the whole batch at once.
 *
 * <p>A batch has pictures [B, 3, s, s] float32 in [0, 1] as its {@linkplain Batch#images images},
 * mean token features [B, 1, textWidth] as its condition, and the labels {@value #FAMILY} (indices
 * into the configuration's families) and {@value #CONCEPT} (equal where the concept is), both int64
 * [B]. Its metrics are {@code loss}, {@code contrast} (the InfoNCE part; ln B is chance) and {@code
 * family} (the head's cross-entropy, unweighted).
 */
public final class JudgeTraining implements Method, Phase {
  /** The name of the role, of the phase, and so of a checkpoint's file. */
  static final String ROLE = "judge";

  /** The label that tells a picture's family. */
  static final String FAMILY = "family";

  /** The label that tells a picture's concept. */
  static final String CONCEPT = "concept";

  /**
   * The settings of a judge's training.
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

    /** How the judge's weights are updated: CLIP's AdamW, and no moving average. */
    Role.Settings role() {
      return new Role.Settings(
          new LearningRate(learningRate, warmUp, 1, LearningRate.Shape.COSINE),
          new AdamW.Settings(0.9, 0.98, 1e-6, weightDecay),
          clip,
          0);
    }
  }

  /** Enough to make exp vanish, and no infinity that would become NaN. */
  private static final double NEVER = -1e4;

  private final Judge judge;
  private final Settings settings;
  private final Role role;

  /** Makes the judge's weights trainable and starts the optimiser. */
  public JudgeTraining(Judge judge, Settings settings) {
    this.judge = judge;
    this.settings = settings;
    this.role = new Role(ROLE, judge.parameters(), settings.role());
  }

  @Override
  public List<Phase> phases() {
    return List.of(this);
  }

  @Override
  public String name() {
    return ROLE;
  }

  @Override
  public List<Role> trains() {
    return List.of(role);
  }

  @Override
  public boolean wholeBatch() {
    return true;
  }

  @Override
  public Tensor loss(MicroBatch part, Rng rng, Metrics metrics) {
    Batch batch = part.batch();
    Tensor text = batch.condition().features(); // [B, 1, textWidth]
    Tensor families = label(batch, FAMILY);
    Tensor features = judge.features(batch.images()); // [B, d]
    Tensor u = judge.imageEmbedding(features); // [B, e]
    Tensor v = judge.textEmbedding(text.reshape(batch.size(), text.size(2))); // [B, e]
    Tensor logits = u.matmul(v.transpose(0, 1)).mul(judge.scale()); // [B, B]
    logits = logits.add(same(families, label(batch, CONCEPT)).mul(NEVER));
    Tensor own = Tensor.arange(batch.size()).to(logits.device());
    Tensor contrast =
        logits.crossEntropy(own).add(logits.transpose(0, 1).crossEntropy(own)).mul(0.5);
    Tensor family = judge.familyLogits(features).crossEntropy(families);
    Tensor loss = contrast.add(family.mul(settings.familyWeight()));
    metrics.mean("loss", loss).mean("contrast", contrast).mean("family", family);
    return loss;
  }

  /**
   * Which rows are no negatives of each other.
   *
   * @param families int64 [B]
   * @param concepts int64 [B]
   * @return [B, B] float32: 1 where two different rows have the same family and the same concept, 0
   *     elsewhere
   */
  static Tensor same(Tensor families, Tensor concepts) {
    Tensor own = Tensor.arange(families.size(0)).to(families.device());
    Tensor both = equal(families).mul(equal(concepts));
    return both.sub(equal(own)); // a row equals itself in all three
  }

  /** [B, B] float32: 1 where two of B numbers are equal. */
  private static Tensor equal(Tensor numbers) {
    return numbers.unsqueeze(1).equalTo(numbers.unsqueeze(0)).to(DType.FLOAT32);
  }

  private static Tensor label(Batch batch, String name) {
    Tensor label = batch.labels().get(name);
    if (label == null) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "a judge's batch needs the labels %s and %s, but has %s",
              FAMILY,
              CONCEPT,
              batch.labels().keySet()));
    }
    return label;
  }

  /** Frees the optimiser; the judge is no longer trainable. */
  @Override
  public void close() {
    role.close();
    judge.parameters().trainable(false);
  }
}
