package org.peltast.models.sdxl;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Network;
import org.peltast.models.ModelException;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * A batch of captions as SDXL's UNet reads them: what it makes of them depends on the level, so
 * they are kept as they are.
 *
 * @param features [B, L, contextWidth] float32
 * @param lengths each caption's tokens; those beyond are not attended to
 * @param pooled [B, pooledWidth] float32; null for a network that reads none
 * @param sizes [B, 6] float32, original height and width, crop's top and left, target height and
 *     width; null for pictures that are drawn as they are
 */
record SdxlText(
    Tensor features, List<Integer> lengths, @Nullable Tensor pooled, @Nullable Tensor sizes)
    implements Network.Text {
  SdxlText {
    lengths = List.copyOf(lengths);
  }

  static SdxlText of(Network.Text text) {
    if (text instanceof SdxlText s) {
      return s;
    }
    throw new ModelException("this text was read by another kind of network than SDXL's UNet");
  }

  @Override
  public int batch() {
    return lengths.size();
  }

  @Override
  public Network.Text followedBy(Network.Text other) {
    SdxlText next = of(other);
    long longest = Math.max(features.size(1), next.features.size(1));
    List<Integer> all = new ArrayList<>(lengths);
    all.addAll(next.lengths);
    return new SdxlText(
        Tensor.cat(List.of(features.extend(1, longest), next.features.extend(1, longest)), 0),
        all,
        joined(pooled, next.pooled),
        joined(sizes, next.sizes));
  }

  private static @Nullable Tensor joined(@Nullable Tensor first, @Nullable Tensor second) {
    if (first == null && second == null) {
      return null;
    }
    if (first == null || second == null) {
      throw new ModelException(
          "captions with size ids or pooled features cannot be joined to captions without");
    }
    return Tensor.cat(List.of(first, second), 0);
  }

  @Override
  public Network.Text detached() {
    return new SdxlText(
        features.detach(),
        lengths,
        pooled == null ? null : pooled.detach(),
        sizes == null ? null : sizes.detach());
  }

  @Override
  public Network.Text select(int... indices) {
    long[] places = new long[indices.length];
    List<Integer> chosen = new ArrayList<>();
    for (int i = 0; i < indices.length; i++) {
      places[i] = indices[i];
      chosen.add(lengths.get(indices[i]));
    }
    return new SdxlText(
        features.indexSelect(0, places),
        chosen,
        pooled == null ? null : pooled.indexSelect(0, places),
        sizes == null ? null : sizes.indexSelect(0, places));
  }

  @Override
  public Network.Text keptBy(Scope scope) {
    return new SdxlText(
        scope.keep(features.copy()),
        lengths,
        pooled == null ? null : scope.keep(pooled.copy()),
        sizes == null ? null : scope.keep(sizes.copy()));
  }
}
