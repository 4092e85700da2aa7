package org.peltast.models.text;

import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Device;
import org.peltast.tensor.Tensor;

/**
 * Which tokens a token attends to: those up to itself that are no padding, within a window if there
 * is one.
 *
 * @param bias what is added to scores, 0 or a number that leaves nothing of them, float32 [B or 1,
 *     1, S, S]
 * @param some float32 [B or 1, 1, S, 1], 0 for tokens that attend to none and read zeros; null
 *     where there are no such
 */
record CausalMask(Tensor bias, @Nullable Tensor some) {
  /** Of a score nothing is left beside it; finite in bfloat16 too. */
  private static final float ABSENT = -1e30f;

  /**
   * The mask of a batch, in the current scope.
   *
   * @param real [B][S], which tokens are no padding
   * @param window tokens, itself included, that a token attends to; 0 for all before it
   * @param averaging whether a token that may attend to none, as padding on the left, averages all
   *     values alike, as Gemma 2's reference does, rather than read zeros
   */
  static CausalMask of(boolean[][] real, int window, boolean averaging, Device device) {
    int batch = real.length;
    int tokens = real[0].length;
    float[] bias = new float[batch * tokens * tokens];
    float[] some = new float[batch * tokens];
    boolean none = false;
    int at = 0;
    for (int b = 0; b < batch; b++) {
      for (int i = 0; i < tokens; i++) {
        boolean any = false;
        for (int j = 0; j < tokens; j++) {
          boolean seen = j <= i && (window == 0 || j > i - window) && real[b][j];
          bias[at++] = seen ? 0 : ABSENT;
          any |= seen;
        }
        some[b * tokens + i] = any ? 1 : 0;
        none |= !any;
      }
    }
    return new CausalMask(
        Tensor.of(bias, batch, 1, tokens, tokens).to(device),
        none && !averaging ? Tensor.of(some, batch, 1, tokens, 1).to(device) : null);
  }

  /** The weights of scores [B, H, S, S], in their dtype. */
  Tensor softmax(Tensor scores) {
    Tensor weights = scores.add(bias.to(scores.dtype())).softmax(-1);
    return some == null ? weights : weights.mul(some.to(scores.dtype()));
  }
}
