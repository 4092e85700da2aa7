package org.peltast.models.zimage;

import java.util.ArrayList;
import java.util.List;
import org.peltast.diffusion.Network;
import org.peltast.models.ModelException;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Captions after the context refiner.
 *
 * @param features [B, N, dim] float32, zero beyond each caption's own rows
 * @param rows each caption's rows, a multiple of 32; the largest is N
 */
record ZImageText(Tensor features, List<Integer> rows) implements Network.Text {
  ZImageText {
    rows = List.copyOf(rows);
  }

  static ZImageText of(Network.Text text) {
    if (text instanceof ZImageText z) {
      return z;
    }
    throw new ModelException("this text was read by another kind of network than Z-Image");
  }

  @Override
  public int batch() {
    return rows.size();
  }

  @Override
  public Network.Text followedBy(Network.Text other) {
    ZImageText next = of(other);
    long longest = Math.max(features.size(1), next.features.size(1));
    List<Integer> all = new ArrayList<>(rows);
    all.addAll(next.rows);
    return new ZImageText(
        Tensor.cat(List.of(features.extend(1, longest), next.features.extend(1, longest)), 0), all);
  }

  @Override
  public Network.Text detached() {
    return new ZImageText(features.detach(), rows);
  }

  @Override
  public Network.Text select(int... indices) {
    long[] places = new long[indices.length];
    List<Integer> chosen = new ArrayList<>();
    for (int i = 0; i < indices.length; i++) {
      places[i] = indices[i];
      chosen.add(rows.get(indices[i]));
    }
    Tensor at = Tensor.of(places, places.length).to(features.device());
    return new ZImageText(features.indexSelect(0, at), chosen);
  }

  @Override
  public Network.Text keptBy(Scope scope) {
    return new ZImageText(scope.keep(features.copy()), rows);
  }
}
