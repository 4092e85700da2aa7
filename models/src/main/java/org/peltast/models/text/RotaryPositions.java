package org.peltast.models.text;

import java.util.List;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Tensor;

/**
 * Rotary position embedding (Su et al., 2021) of tokens 0, 1, 2, …: channel i of a head's first
 * half and channel i of its second turn together by {@code position · θ^(−2i/d)}.
 *
 * @param cos [S, d / 2]
 * @param sin [S, d / 2]
 */
record RotaryPositions(Tensor cos, Tensor sin) {
  /** For so many tokens, rounded to a dtype, in the current scope. */
  static RotaryPositions of(int tokens, int headWidth, double theta, DType dtype, Device device) {
    int half = headWidth / 2;
    float[] cos = new float[tokens * half];
    float[] sin = new float[tokens * half];
    for (int i = 0; i < half; i++) {
      // The reference rounds powers, frequencies and angles to float32, each.
      float power = (float) Math.pow(theta, (float) (2 * i) / headWidth);
      float frequency = 1 / power;
      for (int s = 0; s < tokens; s++) {
        float angle = s * frequency;
        cos[s * half + i] = (float) Math.cos(angle);
        sin[s * half + i] = (float) Math.sin(angle);
      }
    }
    return new RotaryPositions(
        Tensor.of(cos, tokens, half).to(dtype).to(device),
        Tensor.of(sin, tokens, half).to(dtype).to(device));
  }

  /** Turns [B, H, S, d] of the same dtype. */
  Tensor rotate(Tensor x) {
    List<Tensor> halves = x.chunk(2, -1);
    Tensor first = halves.get(0);
    Tensor second = halves.get(1);
    return Tensor.cat(
        List.of(first.mul(cos).sub(second.mul(sin)), second.mul(cos).add(first.mul(sin))), -1);
  }
}
