package org.peltast.training;

import java.util.List;
import org.peltast.models.zimage.ZImageConfig;

/**
 * The shape of a network trained from nothing: a configuration of the Z-Image transformer.
 *
 * @param codec {@code taef2} or {@code pixels}
 * @param patch the edge of a token's patch of latents
 * @param dim width of a token
 * @param layers blocks over the joint sequence
 * @param refinerLayers blocks over image and caption apart
 * @param heads attention heads
 * @param axesDims a head's channels for caption place, row and column
 * @param axesLens positions on each axis
 * @param shift of the timesteps
 */
public record ModelRecipe(
    String codec,
    int patch,
    int dim,
    int layers,
    int refinerLayers,
    int heads,
    List<Integer> axesDims,
    List<Integer> axesLens,
    double shift) {
  private static final int MOST_LAYERS = 1000;
  private static final int WIDEST = 1 << 16;
  private static final int MOST_POSITIONS = 1 << 17;
  private static final double MOST_SHIFT = 1000;

  /** Checks the ranges that memory and float32 set; the network checks that the parts fit. */
  public ModelRecipe {
    if (!codec.equals("taef2") && !codec.equals("pixels")) {
      throw new IllegalArgumentException("unknown codec '" + codec + "'; use taef2 or pixels");
    }
    if (layers < 1 || layers > MOST_LAYERS || refinerLayers < 0 || refinerLayers > MOST_LAYERS) {
      throw new IllegalArgumentException(
          "layers must be from 1, and refinerLayers from 0, to %d, but they are %d and %d"
              .formatted(MOST_LAYERS, layers, refinerLayers));
    }
    if (dim < 1 || dim > WIDEST || patch < 1 || patch > 256) {
      throw new IllegalArgumentException(
          "dim must be from 1 to %d and patch from 1 to 256, but they are %d and %d"
              .formatted(WIDEST, dim, patch));
    }
    if (!(shift >= 1 / MOST_SHIFT && shift <= MOST_SHIFT)) {
      throw new IllegalArgumentException(
          "shift must be from %s to %.0f, but is %s".formatted(1 / MOST_SHIFT, MOST_SHIFT, shift));
    }
    for (int n : axesLens) {
      if (n > MOST_POSITIONS) {
        throw new IllegalArgumentException(
            "axesLens must be at most %d each, but is %s".formatted(MOST_POSITIONS, axesLens));
      }
    }
  }

  ZImageConfig config(int latentChannels, int captionWidth) {
    return new ZImageConfig(
        List.of(patch),
        latentChannels,
        dim,
        layers,
        refinerLayers,
        heads,
        1e-5,
        true,
        captionWidth,
        256,
        1000,
        axesDims,
        axesLens);
  }
}
