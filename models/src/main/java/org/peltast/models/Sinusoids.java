package org.peltast.models;

import java.util.List;
import org.peltast.tensor.Device;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Numbers as sinusoids of falling frequency, diffusers' {@code Timesteps}: frequencies {@code
 * 10000^(−i / (width/2 − shift))}, computed once.
 */
public final class Sinusoids implements AutoCloseable {
  private static final double MAX_PERIOD = 10_000;

  private final Scope scope = Scope.detached();
  private final Tensor frequencies; // [1, width / 2]
  private final int width;
  private final boolean cosinesFirst;

  /** Cosines first, without a shift, as transformers have their times. */
  public Sinusoids(int width, Device device) {
    this(width, true, 0, device);
  }

  /**
   * Computes the frequencies.
   *
   * @param width of the result; an odd one ends with a zero
   */
  public Sinusoids(int width, boolean cosinesFirst, double shift, Device device) {
    this.width = width;
    this.cosinesFirst = cosinesFirst;
    int half = width / 2;
    float[] f = new float[half];
    for (int i = 0; i < half; i++) {
      float exponent = (float) ((float) (-Math.log(MAX_PERIOD) * i) / (half - shift));
      f[i] = (float) Math.exp(exponent); // the reference computes in float32
    }
    try (Scope s = Scope.open()) {
      frequencies = scope.keep(Tensor.of(f, 1, half).to(device));
    }
  }

  /** Numbers [n] as [n, width], float32. */
  public Tensor of(Tensor numbers) {
    Tensor angles = numbers.unsqueeze(1).mul(frequencies);
    Tensor both =
        Tensor.cat(
            cosinesFirst
                ? List.of(angles.cos(), angles.sin())
                : List.of(angles.sin(), angles.cos()),
            1);
    return both.extend(1, width);
  }

  @Override
  public void close() {
    scope.close();
  }
}
