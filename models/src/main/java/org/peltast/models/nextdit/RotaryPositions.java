package org.peltast.models.nextdit;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.peltast.models.ModelException;
import org.peltast.models.files.JsonConfig;
import org.peltast.tensor.Device;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Rotary position embedding over three axes (caption place, row, column): each head's channels are
 * split among the axes, and within an axis the neighbouring pair i turns by {@code position ·
 * θ^(−2i/d)}.
 *
 * <p>Angles depend on positions alone, so they are kept for each layout met.
 */
public final class RotaryPositions implements AutoCloseable {
  /**
   * The embedding's constants.
   *
   * @param theta base of the frequencies
   * @param axesDims how a head's channels are shared among the axes, even numbers
   * @param axesLens how many positions each axis has
   * @param rounding whether an angle is rounded to float32 before its sine is taken
   */
  public record Settings(
      double theta, List<Integer> axesDims, List<Integer> axesLens, boolean rounding) {
    /** Copies the lists. */
    public Settings {
      axesDims = List.copyOf(axesDims);
      axesLens = List.copyOf(axesLens);
    }
  }

  private static final int MOST = 1 << 17;

  private final Settings settings;
  private final Device device;
  private final Scope scope = Scope.detached();
  private final Map<List<Integer>, Tensor> known = new HashMap<>();

  /** Positions for a network on a device. */
  public RotaryPositions(Settings settings, Device device) {
    this.settings = settings;
    this.device = device;
  }

  /** Refuses a configuration with more positions on an axis than any picture has. */
  public static void requireLengths(JsonConfig json, List<Integer> axesLens) {
    if (axesLens.stream().anyMatch(n -> n > MOST)) {
      throw new ModelException(
          json.file() + ": axes_lens must be at most " + MOST + " each, but is " + axesLens);
    }
  }

  /** Caption rows 0 … n − 1 at (first + row, 0, 0): complex64 [n, headDim / 2]. */
  public synchronized Tensor caption(int first, int rows) {
    return known.computeIfAbsent(
        List.of(first, rows),
        k -> {
          int[][] positions = new int[rows][];
          for (int j = 0; j < rows; j++) {
            positions[j] = new int[] {first + j, 0, 0};
          }
          return table(positions);
        });
  }

  /**
   * Image tokens at (place, row, column), then pad tokens at the origin: complex64 [tokens, headDim
   * / 2].
   */
  public synchronized Tensor image(int place, int height, int width, int tokens) {
    return known.computeIfAbsent(
        List.of(place, height, width, tokens),
        k -> {
          int[][] positions = new int[tokens][];
          for (int i = 0; i < tokens; i++) {
            positions[i] =
                i < height * width ? new int[] {place, i / width, i % width} : new int[] {0, 0, 0};
          }
          return table(positions);
        });
  }

  /**
   * The image's tokens of a batch: complex64 [tokens, headDim / 2] if all are at one place, else
   * [B, tokens, headDim / 2].
   *
   * @param places of each item; see {@link #image(int, int, int, int)}
   */
  public Tensor images(List<Integer> places, int height, int width, int tokens) {
    if (places.stream().distinct().count() == 1) {
      return image(places.get(0), height, width, tokens);
    }
    return Tensor.stack(places.stream().map(p -> image(p, height, width, tokens)).toList(), 0);
  }

  /** The image's places and the captions' after them: [S, headDim / 2] or [B, S, headDim / 2]. */
  public static Tensor joint(Tensor image, Tensor caption) {
    if (image.rank() == 2) {
      return Tensor.cat(List.of(image, caption), 0);
    }
    Tensor repeated = caption.unsqueeze(0).expand(image.size(0), caption.size(0), caption.size(1));
    return Tensor.cat(List.of(image, repeated), 1);
  }

  /**
   * With a dimension for the heads before the last, as {@link RotaryAttention#forward} takes it.
   */
  public static Tensor headed(Tensor places) {
    return places.unsqueeze(-2);
  }

  private Tensor table(int[][] positions) {
    int pairs = settings.axesDims().stream().mapToInt(d -> d).sum() / 2;
    float[] cosSin = new float[positions.length * pairs * 2];
    int at = 0;
    for (int[] position : positions) {
      for (int axis = 0; axis < 3; axis++) {
        int channels = settings.axesDims().get(axis);
        requirePosition(axis, position[axis]);
        for (int i = 0; i < channels; i += 2) {
          double angle = position[axis] * (1.0 / Math.pow(settings.theta(), (double) i / channels));
          angle = settings.rounding() ? (float) angle : angle;
          cosSin[at++] = (float) Math.cos(angle);
          cosSin[at++] = (float) Math.sin(angle);
        }
      }
    }
    try (Scope s = Scope.open()) {
      return scope.keep(Tensor.of(cosSin, positions.length, pairs * 2L).to(device).asComplex());
    }
  }

  private void requirePosition(int axis, int position) {
    if (position >= settings.axesLens().get(axis)) {
      throw new ModelException(
          "the model has "
              + settings.axesLens().get(axis)
              + " positions on axis "
              + axis
              + ", the input needs "
              + (position + 1)
              + ": use a smaller image or a shorter caption");
    }
  }

  @Override
  public void close() {
    scope.close();
  }
}
