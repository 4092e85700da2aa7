package org.peltast.evaluate;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.peltast.models.text.TextEncoder;
import org.peltast.models.text.TokenFeatures;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.Parameters;

/**
 * A contrastive image–text judge after CLIP (Radford et al., 2021), small enough to be trained in
 * minutes: an image tower and a text tower over a frozen text encoder's mean token features, both
 * into one space of unit vectors, and a head that tells families (styles) apart. Its figures are
 * its own and compare with no other network's.
 *
 * <p>Everything is computed in float32: a judge's figures should not depend on a dtype policy.
 */
public final class Judge implements AutoCloseable {
  /** Pictures seen at once; bounds memory. */
  private static final int BATCH = 64;

  private final JudgeConfig config;
  private final Parameters parameters;
  private final ImageTower tower;
  private final Linear imageProjection;
  private final Linear familyHead;
  private final Linear textIn;
  private final Linear textOut;
  private final Parameter logScale; // [1], ln of the inverse temperature

  private Judge(JudgeConfig config, Device device) {
    this.config = config;
    this.parameters = Parameters.on(device, Precision.FLOAT32);
    int d = config.features();
    tower = new ImageTower(parameters.at("image"), config.imageWidths());
    imageProjection = new Linear(parameters.at("image_projection"), d, config.embedding(), false);
    familyHead = new Linear(parameters.at("family_head"), d, config.families().size(), true);
    textIn = new Linear(parameters.at("text.0"), config.textWidth(), config.textHidden(), true);
    textOut = new Linear(parameters.at("text.1"), config.textHidden(), config.embedding(), true);
    // CLIP's start: a temperature of 0.07.
    logScale = parameters.declare("log_scale", new Parameters.Init.Constant(-Math.log(0.07)), 1);
  }

  /** A judge whose weights are still zero: initialise or load {@link #parameters}. */
  public static Judge create(JudgeConfig config, Device device) {
    return new Judge(config, device);
  }

  /** An untrained judge. */
  public static Judge create(JudgeConfig config, Device device, Rng rng) {
    Judge judge = new Judge(config, device);
    judge.parameters.initialise(rng);
    return judge;
  }

  /** Its shape. */
  public JudgeConfig config() {
    return config;
  }

  /** Its weights. */
  public Parameters parameters() {
    return parameters;
  }

  /**
   * What the Fréchet distance and diversity are measured in: the last features before the heads.
   *
   * @param images [n, 3, s, s] float32 in [0, 1], s the configuration's size
   * @return [n, d] float32
   */
  public Tensor features(Tensor images) {
    return tower.forward(images);
  }

  /** Unit vectors [n, e] of features [n, d]. */
  public Tensor imageEmbedding(Tensor features) {
    return unit(imageProjection.forward(features));
  }

  /** Unnormalised log-probabilities [n, families] of features [n, d]. */
  public Tensor familyLogits(Tensor features) {
    return familyHead.forward(features);
  }

  /** Unit vectors [n, e] of mean token features [n, {@link JudgeConfig#textWidth}]. */
  public Tensor textEmbedding(Tensor pooled) {
    return unit(textOut.forward(textIn.forward(pooled).silu()));
  }

  /** The inverse temperature [1] of the contrastive loss, at most 100. */
  Tensor scale() {
    return logScale.value().clamp(0, Math.log(100)).exp();
  }

  private static Tensor unit(Tensor x) {
    return x.mul(x.square().sum(true, 1).add(1e-12).rsqrt());
  }

  /**
   * What the judge sees in pictures, one row each.
   *
   * @param features [n, d]
   * @param embeddings unit vectors [n, e]
   * @param families the likeliest family of each, as the configuration names them
   */
  public record Sight(FeatureTable features, FeatureTable embeddings, List<String> families) {
    /** Copies the list. */
    public Sight {
      families = List.copyOf(families);
    }
  }

  /**
   * Looks at pictures. A picture's row does not depend on the others.
   *
   * @param images [n, 3, k·s, k·s], any floating dtype; clamped to [0, 1]; larger ones (k &gt; 1)
   *     are reduced by averaging k × k pixels
   * @throws EvaluationException if the shape does not fit or a pixel is NaN
   */
  public Sight see(Tensor images) {
    int s = config.imageSize();
    if (images.rank() != 4
        || images.size(0) < 1
        || images.size(1) != 3
        || images.size(2) != images.size(3)
        || images.size(2) < s
        || images.size(2) % s != 0
        || !images.dtype().isFloating()) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "The judge %s sees pictures [n, 3, %d, %d] (or a whole multiple of that size), but"
                  + " got %s.",
              config.name(),
              s,
              s,
              images));
    }
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      int k = Math.toIntExact(images.size(2) / s);
      long n = images.size(0);
      List<Tensor> features = new ArrayList<>();
      List<Tensor> embeddings = new ArrayList<>();
      List<String> families = new ArrayList<>();
      for (long from = 0; from < n; from += BATCH) {
        try (Scope batch = Scope.open()) {
          Tensor x = images.narrow(0, from, Math.min(BATCH, n - from)).to(parameters.device());
          x = x.to(DType.FLOAT32).clamp(0, 1);
          Tensor f = features(k == 1 ? x : x.averagePool(k));
          features.add(batch.release(f));
          embeddings.add(batch.release(imageEmbedding(f)));
          for (long family : familyLogits(f).argmax(1).toLongs()) {
            families.add(config.families().get((int) family));
          }
        }
      }
      return new Sight(
          FeatureTable.of(Tensor.cat(features, 0)),
          FeatureTable.of(Tensor.cat(embeddings, 0)),
          families);
    }
  }

  /**
   * The text encoder that the judge reads captions with: its own {@link HashedNGrams}, or the given
   * one where it was trained with that.
   *
   * @param generator the text encoder of the model that is measured
   * @throws EvaluationException if the judge reads by neither
   */
  public TextEncoder readsWith(TextEncoder generator) {
    String wanted = config.textEncoder();
    return HashedNGrams.ofId(wanted)
        .orElseGet(
            () -> {
              if (!wanted.equals(generator.id())) {
                throw new EvaluationException(
                    String.format(
                        Locale.ROOT,
                        "The judge %s was trained with the text encoder %s, but was given %s;"
                            + " measure with a judge that has a text tower of its own ('peltast"
                            + " train judge').",
                        config.name(),
                        wanted,
                        generator.id()));
              }
              return generator;
            });
  }

  /**
   * Reads captions.
   *
   * @param encoder the one that the judge {@linkplain #readsWith reads with}
   * @return unit vectors, one row a caption
   * @throws EvaluationException if the encoder's features are not of the judge's width
   */
  public FeatureTable read(TextEncoder encoder, List<String> captions) {
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      return FeatureTable.of(textEmbedding(pooled(encoder, captions).to(parameters.device())));
    }
  }

  /** Mean token features [n, textWidth] float32 on the CPU. */
  Tensor pooled(TextEncoder encoder, List<String> captions) {
    if (encoder.width() != config.textWidth()) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "The judge %s reads features of width %d (%s), but the text encoder %s gives %d.",
              config.name(),
              config.textWidth(),
              config.textEncoder(),
              encoder.id(),
              encoder.width()));
    }
    int width = encoder.width();
    float[] values = new float[captions.size() * width];
    int at = 0;
    for (TokenFeatures features : encoder.encode(captions)) {
      System.arraycopy(features.mean(), 0, values, at, width);
      at += width;
    }
    return Tensor.of(values, captions.size(), width);
  }

  @Override
  public void close() {
    parameters.close();
  }
}
