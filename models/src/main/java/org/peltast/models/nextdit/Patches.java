package org.peltast.models.nextdit;

import org.peltast.models.ModelException;
import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;

/** Latents cut into square patches, each a token of (row, column, channel), channel fastest. */
public final class Patches {
  private Patches() {}

  /**
   * Cuts.
   *
   * @param x [B, C, H, W]
   * @param patch p, the edge
   * @return [B, (H / p)·(W / p), p·p·C]
   */
  public static Tensor of(Tensor x, int patch) {
    long b = x.size(0);
    long c = x.size(1);
    long height = x.size(2) / patch;
    long width = x.size(3) / patch;
    return x.reshape(b, c, height, patch, width, patch)
        .permute(0, 2, 4, 3, 5, 1) // [B, h, w, p, p, C]
        .reshape(b, height * width, (long) patch * patch * c);
  }

  /**
   * Puts them in their places again.
   *
   * @param tokens [B, height·width, p·p·C]
   * @param height patches from top to bottom
   * @param width patches from left to right
   * @return [B, C, height·p, width·p]
   */
  public static Tensor joined(Tensor tokens, int patch, int height, int width) {
    long b = tokens.size(0);
    long c = tokens.size(2) / ((long) patch * patch);
    return tokens
        .reshape(b, height, width, patch, patch, c)
        .permute(0, 5, 1, 3, 2, 4) // [B, C, h, p, w, p]
        .reshape(b, c, (long) height * patch, (long) width * patch);
  }

  /**
   * Refuses inputs that a network of square patches cannot take.
   *
   * @throws ModelException saying which it can
   */
  public static void requireInput(
      Tensor x, Tensor t, RefinedCaptions captions, int channels, int patch) {
    if (x.rank() != 4
        || x.size(1) != channels
        || x.size(2) % patch != 0
        || x.size(3) % patch != 0
        || x.count() == 0
        || x.dtype() != DType.FLOAT32) {
      throw new ModelException(
          "the model takes float32 [B, "
              + channels
              + ", H, W] with H and W multiples of "
              + patch
              + ", got "
              + x);
    }
    if (!t.hasShape(x.size(0)) || captions.batch() != x.size(0)) {
      throw new ModelException(
          "a batch of "
              + x.size(0)
              + " images needs as many times and captions, got "
              + t
              + " and "
              + captions.batch());
    }
  }
}
