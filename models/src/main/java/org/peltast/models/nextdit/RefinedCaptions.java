package org.peltast.models.nextdit;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Network;
import org.peltast.models.ModelException;
import org.peltast.tensor.Device;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Captions after the context refiner, which knows nothing of time.
 *
 * @param features [B, N, dim] float32
 * @param rows each caption's rows; the largest is N. What is beyond is masked
 */
public record RefinedCaptions(Tensor features, List<Integer> rows) implements Network.Text {
  /** Copies the lengths. */
  public RefinedCaptions {
    rows = List.copyOf(rows);
  }

  /**
   * A text as this family of networks reads it.
   *
   * @throws ModelException if another kind of network read it
   */
  public static RefinedCaptions of(Network.Text text) {
    if (text instanceof RefinedCaptions captions) {
      return captions;
    }
    throw new ModelException("this text was read by another kind of network than this one");
  }

  /** A mask over the captions alone; see {@link #mask(int)}. */
  public static @Nullable Tensor mask(List<Integer> rows, Device device) {
    return mask(rows, 0, rows.stream().mapToInt(r -> r).max().orElseThrow(), device);
  }

  /**
   * A mask over image and captions: float32 [B, 1, 1, before + N] with −∞ beyond each caption's own
   * rows; null if no caption is short.
   *
   * @param before the image's tokens
   */
  public @Nullable Tensor mask(int before) {
    return mask(rows, before, before + (int) features.size(1), features.device());
  }

  private static @Nullable Tensor mask(List<Integer> rows, int before, int n, Device device) {
    if (rows.stream().allMatch(r -> before + r == n)) {
      return null;
    }
    float[] mask = new float[rows.size() * n];
    for (int i = 0; i < rows.size(); i++) {
      Arrays.fill(mask, i * n + before + rows.get(i), (i + 1) * n, Float.NEGATIVE_INFINITY);
    }
    return Tensor.of(mask, rows.size(), 1, 1, n).to(device);
  }

  @Override
  public int batch() {
    return rows.size();
  }

  @Override
  public Network.Text followedBy(Network.Text other) {
    RefinedCaptions next = of(other);
    long longest = Math.max(features.size(1), next.features.size(1));
    List<Integer> all = new ArrayList<>(rows);
    all.addAll(next.rows);
    return new RefinedCaptions(
        Tensor.cat(List.of(features.extend(1, longest), next.features.extend(1, longest)), 0), all);
  }

  @Override
  public Network.Text detached() {
    return new RefinedCaptions(features.detach(), rows);
  }

  @Override
  public Network.Text select(int... indices) {
    long[] places = new long[indices.length];
    List<Integer> chosen = new ArrayList<>();
    for (int i = 0; i < indices.length; i++) {
      places[i] = indices[i];
      chosen.add(rows.get(indices[i]));
    }
    return new RefinedCaptions(features.indexSelect(0, places), chosen);
  }

  @Override
  public Network.Text keptBy(Scope scope) {
    return new RefinedCaptions(scope.keep(features.copy()), rows);
  }
}
