package org.peltast.models.zimage;

import java.util.List;
import org.peltast.models.ModelException;

/**
 * The shape of a Z-Image transformer, under the names of its {@code config.json}.
 *
 * @param patchSizes edge lengths of the square patches that it has embedders for; the first is used
 *     unless another is asked for
 * @param inChannels channels of the latents, in and out
 * @param dim width of a token
 * @param layers blocks over the joint sequence
 * @param refinerLayers blocks over the image alone, and as many over the caption alone
 * @param heads attention heads; {@code dim / heads} is the sum of {@code axesDims}
 * @param normEps ε of the RMS norms (that of the q and k norms is always 1e-5)
 * @param qkNorm whether queries and keys are normalised
 * @param captionDim width of the text encoder's features
 * @param ropeTheta base of the rotary frequencies
 * @param timeScale what t ∈ [0, 1] is multiplied by before its sinusoids
 * @param axesDims how a head's channels are shared among the three position axes
 * @param axesLens how many positions each axis has
 */
public record ZImageConfig(
    List<Integer> patchSizes,
    int inChannels,
    int dim,
    int layers,
    int refinerLayers,
    int heads,
    double normEps,
    boolean qkNorm,
    int captionDim,
    double ropeTheta,
    double timeScale,
    List<Integer> axesDims,
    List<Integer> axesLens) {

  /** Sequences are filled up to a multiple of this with learned pad tokens. */
  public static final int SEQUENCE_MULTIPLE = 32;

  /** Widest time embedding that modulates the blocks. */
  static final int MAX_MODULATION_DIM = 256;

  /** Checks that the parts fit each other. */
  public ZImageConfig {
    patchSizes = List.copyOf(patchSizes);
    axesDims = List.copyOf(axesDims);
    axesLens = List.copyOf(axesLens);
    require(
        !patchSizes.isEmpty() && patchSizes.stream().allMatch(p -> p >= 1),
        "all_patch_size needs positive sizes, got " + patchSizes);
    require(inChannels >= 1 && captionDim >= 1, "in_channels and cap_feat_dim must be positive");
    require(
        layers >= 1 && refinerLayers >= 0,
        "n_layers must be positive and n_refiner_layers not negative");
    require(
        dim >= 1 && heads >= 1 && dim % heads == 0,
        "dim " + dim + " must be a multiple of n_heads " + heads);
    require(
        axesDims.size() == 3 && axesLens.size() == 3,
        "axes_dims and axes_lens need three axes each");
    require(
        axesDims.stream().allMatch(d -> d >= 2 && d % 2 == 0),
        "axes_dims must be even, got " + axesDims);
    require(
        axesDims.stream().mapToInt(d -> d).sum() == dim / heads,
        "axes_dims " + axesDims + " must add up to dim / n_heads = " + dim / heads);
    require(axesLens.stream().allMatch(n -> n >= 1), "axes_lens must be positive, got " + axesLens);
    require(
        normEps > 0 && ropeTheta > 0 && timeScale > 0,
        "norm_eps, rope_theta and t_scale must be positive");
  }

  private static void require(boolean condition, String sentence) {
    if (!condition) {
      throw new ModelException("Z-Image config: " + sentence);
    }
  }

  /** Channels of one attention head. */
  public int headDim() {
    return dim / heads;
  }

  /** Width of the SwiGLU feed-forward, {@code int(dim / 3 · 8)}. */
  public int feedForwardDim() {
    return (int) (dim / 3.0 * 8);
  }

  /** Width of the time embedding that modulates the blocks. */
  public int modulationDim() {
    return Math.min(dim, MAX_MODULATION_DIM);
  }
}
