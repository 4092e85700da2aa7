package org.peltast.distill;

import java.util.Arrays;
import java.util.List;
import org.peltast.diffusion.Network;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * The text side of the tests' networks: one vector a caption.
 *
 * @param rows [B, D]
 */
record ToyText(Tensor rows) implements Network.Text {
  @Override
  public int batch() {
    return (int) rows.size(0);
  }

  @Override
  public Network.Text followedBy(Network.Text other) {
    return new ToyText(Tensor.cat(List.of(rows, ((ToyText) other).rows()), 0));
  }

  @Override
  public Network.Text detached() {
    return new ToyText(rows.detach());
  }

  @Override
  public Network.Text select(int... indices) {
    long[] places = Arrays.stream(indices).asLongStream().toArray();
    return new ToyText(rows.indexSelect(0, Tensor.of(places, places.length)));
  }

  @Override
  public Network.Text keptBy(Scope scope) {
    return new ToyText(scope.keep(rows.copy()));
  }
}
