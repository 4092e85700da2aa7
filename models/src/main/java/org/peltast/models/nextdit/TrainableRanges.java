package org.peltast.models.nextdit;

import java.util.List;
import java.util.Locale;

/** The ranges that memory and float32 set to a transformer that is trained from nothing. */
public final class TrainableRanges {
  private static final int MOST_LAYERS = 1000;
  private static final int WIDEST = 1 << 16;
  private static final int MOST_POSITIONS = 1 << 17;
  private static final double MOST_SHIFT = 1000;

  private TrainableRanges() {}

  /**
   * Checks them.
   *
   * @param patch the edge of a token's patch of latents
   * @param dim width of a token
   * @param layers blocks over the joint sequence
   * @param refinerLayers blocks over image and caption apart
   * @param axesLens positions on each axis
   * @param shift of the timesteps
   * @throws IllegalArgumentException naming the recipe's keys
   */
  public static void require(
      int patch, int dim, int layers, int refinerLayers, List<Integer> axesLens, double shift) {
    require(
        layers >= 1 && layers <= MOST_LAYERS && refinerLayers >= 0 && refinerLayers <= MOST_LAYERS,
        "layers must be from 1, and refinerLayers from 0, to %d, but they are %d and %d",
        MOST_LAYERS,
        layers,
        refinerLayers);
    require(
        dim >= 1 && dim <= WIDEST && patch >= 1 && patch <= 256,
        "dim must be from 1 to %d and patch from 1 to 256, but they are %d and %d",
        WIDEST,
        dim,
        patch);
    require(
        shift >= 1 / MOST_SHIFT && shift <= MOST_SHIFT,
        "shift must be from %s to %.0f, but is %s",
        1 / MOST_SHIFT,
        MOST_SHIFT,
        shift);
    require(
        axesLens.stream().allMatch(n -> n <= MOST_POSITIONS),
        "axesLens must be at most %d each, but is %s",
        MOST_POSITIONS,
        axesLens);
  }

  private static void require(boolean condition, String sentence, Object... values) {
    if (!condition) {
      throw new IllegalArgumentException(String.format(Locale.ROOT, sentence, values));
    }
  }
}
