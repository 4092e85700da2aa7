package org.peltast.models.zimage;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.peltast.models.ModelException;
import org.peltast.tensor.Device;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Rotary position embedding over three axes (frame or caption place, row, column): each head's
 * channels are split among the axes, and within an axis the neighbouring pair i turns by {@code
 * position · θ^(−2i/d)}.
 *
 * <p>Angles depend on positions alone, so they are kept for each layout met.
 */
final class Rope implements AutoCloseable {
  private final ZImageConfig config;
  private final Device device;
  private final Scope scope = Scope.detached();
  private final Map<List<Integer>, Tensor> known = new HashMap<>();

  Rope(ZImageConfig config, Device device) {
    this.config = config;
    this.device = device;
  }

  /** Caption rows 0 … n − 1 at (1 + row, 0, 0): complex64 [n, headDim / 2]. */
  synchronized Tensor caption(int rows) {
    return known.computeIfAbsent(
        List.of(rows),
        k -> {
          int[][] positions = new int[rows][];
          for (int j = 0; j < rows; j++) {
            positions[j] = new int[] {1 + j, 0, 0};
          }
          return table(positions);
        });
  }

  /**
   * Image tokens at (captionRows + 1, row, column), then pad tokens at the origin: complex64
   * [tokens, headDim / 2].
   */
  synchronized Tensor image(int captionRows, int height, int width, int tokens) {
    return known.computeIfAbsent(
        List.of(captionRows, height, width, tokens),
        k -> {
          int[][] positions = new int[tokens][];
          for (int i = 0; i < tokens; i++) {
            positions[i] =
                i < height * width
                    ? new int[] {captionRows + 1, i / width, i % width}
                    : new int[] {0, 0, 0};
          }
          return table(positions);
        });
  }

  private Tensor table(int[][] positions) {
    int pairs = config.headDim() / 2;
    float[] cosSin = new float[positions.length * pairs * 2];
    int at = 0;
    for (int[] position : positions) {
      for (int axis = 0; axis < 3; axis++) {
        int channels = config.axesDims().get(axis);
        if (position[axis] >= config.axesLens().get(axis)) {
          throw new ModelException(
              "the model has "
                  + config.axesLens().get(axis)
                  + " positions on axis "
                  + axis
                  + ", the input needs "
                  + (position[axis] + 1)
                  + ": use a smaller image or a shorter caption");
        }
        for (int i = 0; i < channels; i += 2) {
          // The reference multiplies in float64 and rounds the angle to float32 before the sine.
          float angle =
              (float)
                  (position[axis] * (1.0 / Math.pow(config.ropeTheta(), (double) i / channels)));
          cosSin[at++] = (float) Math.cos(angle);
          cosSin[at++] = (float) Math.sin(angle);
        }
      }
    }
    try (Scope s = Scope.open()) {
      return scope.keep(Tensor.of(cosSin, positions.length, pairs * 2L).to(device).asComplex());
    }
  }

  @Override
  public void close() {
    scope.close();
  }
}
