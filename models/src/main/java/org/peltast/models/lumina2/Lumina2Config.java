package org.peltast.models.lumina2;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelException;

/**
 * The shape of a Lumina 2 transformer, as its {@code config.json} has it.
 *
 * @param patch edge of the square patches
 * @param inChannels channels of the latents, in and out
 * @param dim width of a token
 * @param layers blocks over the joint sequence
 * @param refinerLayers blocks over the image alone, and as many over the caption alone
 * @param heads attention heads of queries; {@code dim / heads} is the sum of {@code axesDims}
 * @param groups heads of keys and values
 * @param multipleOf what the feed-forward's width is rounded up to a multiple of
 * @param hiddenFactor what 4·dim is multiplied by for the feed-forward's width; null for 1
 * @param normEps ε of the RMS norms (that of the q and k norms is always 1e-5)
 * @param captionDim width of the text encoder's features
 * @param axesDims how a head's channels are shared among the three position axes
 * @param axesLens how many positions each axis has
 * @param sampleSize rows and columns of the latents that its pipeline draws unless told otherwise
 * @param scalingFactor kept, as diffusers keeps it; nothing reads it
 */
public record Lumina2Config(
    int patch,
    int inChannels,
    int dim,
    int layers,
    int refinerLayers,
    int heads,
    int groups,
    int multipleOf,
    @Nullable Double hiddenFactor,
    double normEps,
    int captionDim,
    List<Integer> axesDims,
    List<Integer> axesLens,
    int sampleSize,
    double scalingFactor) {
  /** Base of the rotary frequencies; no configuration states it. */
  static final double ROPE_THETA = 10_000;

  /** Widest time embedding that modulates the blocks. */
  private static final int MAX_MODULATION_DIM = 1024;

  /** Checks that the parts fit each other. */
  public Lumina2Config {
    axesDims = List.copyOf(axesDims);
    axesLens = List.copyOf(axesLens);
    require(patch >= 1, "patch_size must be positive, but is " + patch);
    require(inChannels >= 1 && captionDim >= 1, "in_channels and cap_feat_dim must be positive");
    require(
        layers >= 1 && refinerLayers >= 0,
        "num_layers must be positive and num_refiner_layers not negative");
    require(
        dim >= 1 && heads >= 1 && dim % heads == 0,
        "hidden_size " + dim + " must be a multiple of num_attention_heads " + heads);
    require(
        groups >= 1 && heads % groups == 0,
        "num_attention_heads " + heads + " must be a multiple of num_kv_heads " + groups);
    require(
        multipleOf >= 1 && (hiddenFactor == null || hiddenFactor > 0),
        "multiple_of and ffn_dim_multiplier must be positive");
    require(
        axesDims.size() == 3 && axesLens.size() == 3,
        "axes_dim_rope and axes_lens need three axes each");
    require(
        axesDims.stream().allMatch(d -> d >= 2 && d % 2 == 0),
        "axes_dim_rope must be even, got " + axesDims);
    require(
        axesDims.stream().mapToInt(d -> d).sum() == dim / heads,
        "axes_dim_rope "
            + axesDims
            + " must add up to hidden_size / num_attention_heads = "
            + dim / heads);
    require(axesLens.stream().allMatch(n -> n >= 1), "axes_lens must be positive, got " + axesLens);
    require(normEps > 0, "norm_eps must be positive");
  }

  private static void require(boolean condition, String sentence) {
    if (!condition) {
      throw new ModelException("Lumina 2 config: " + sentence);
    }
  }

  /** Channels of one attention head. */
  public int headDim() {
    return dim / heads;
  }

  /** Width of the SwiGLU feed-forward: 4·dim, times the factor, rounded up. */
  public int feedForwardDim() {
    int inner = 4 * dim;
    if (hiddenFactor != null) {
      inner = (int) (hiddenFactor * inner);
    }
    return (inner + multipleOf - 1) / multipleOf * multipleOf;
  }

  /** Width of the time embedding that modulates the blocks. */
  public int modulationDim() {
    return Math.min(dim, MAX_MODULATION_DIM);
  }
}
