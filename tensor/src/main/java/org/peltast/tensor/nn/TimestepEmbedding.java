package org.peltast.tensor.nn;

import org.peltast.tensor.DType;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;

/**
 * Times as vectors: sinusoids of falling frequency (Vaswani et al., 2017, as diffusion models use
 * them), then two linear layers with a SiLU between. Small, so all of it in float32.
 */
public final class TimestepEmbedding {
  /** The longest period over 2π that diffusion models use. */
  public static final double MAX_PERIOD = 10_000;

  private final int width;
  private final Linear first; // [mid, width]
  private final Linear second; // [out, mid]

  /**
   * Declares {@code mlp.0} [mid, width] and {@code mlp.2} [out, mid], each with weight and bias.
   *
   * @param width of the sinusoids, even
   */
  public TimestepEmbedding(Parameters parameters, int width, long mid, long out) {
    requireWidth(width);
    this.width = width;
    first = new Linear(parameters.at("mlp").at("0"), width, mid, true);
    second = new Linear(parameters.at("mlp").at("2"), mid, out, true);
  }

  /**
   * Embeds times.
   *
   * @param t float32 [B], in whatever unit the network was trained with
   * @return [B, out] float32
   */
  public Tensor forward(Tensor t) {
    return second.forwardFloat32(first.forwardFloat32(sinusoids(t, width, MAX_PERIOD)).silu());
  }

  /**
   * {@code [cos(t ωᵢ)…, sin(t ωᵢ)…]} with {@code ωᵢ = maxPeriod^(−i / (width/2))}: cosines first.
   *
   * @param t float32 [B]
   * @param width even
   * @return float32 [B, width]
   */
  public static Tensor sinusoids(Tensor t, int width, double maxPeriod) {
    requireWidth(width);
    if (t.rank() != 1 || t.dtype() != DType.FLOAT32 || !(maxPeriod > 0)) {
      throw new TensorException(
          "sinusoids need float32 times [B] and a positive period, got " + t + " and " + maxPeriod);
    }
    int half = width / 2;
    float[] frequencies = new float[half];
    for (int i = 0; i < half; i++) {
      frequencies[i] = (float) Math.exp(-Math.log(maxPeriod) * i / half);
    }
    return Scope.compute(
        () -> {
          Tensor angles =
              t.unsqueeze(1).mul(Tensor.of(frequencies, 1, half).to(t.device())); // [B, width/2]
          return Tensor.cat(java.util.List.of(angles.cos(), angles.sin()), 1);
        });
  }

  private static void requireWidth(int width) {
    if (width < 2 || width % 2 != 0 || width > 1 << 20) {
      throw new TensorException("sinusoids need an even width from 2 to 2²⁰, got " + width);
    }
  }
}
