package org.peltast.bench;

import java.util.function.Supplier;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.Prediction;
import org.peltast.models.ItemCost;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Parameters;
import org.peltast.tensor.Tensor;

/**
 * A network whose evaluations are booked in an {@link UpdateProfile}; it computes what the one
 * inside does.
 *
 * @param cost of one item
 * @param frozen the part of an update that evaluations without gradient are
 * @param learning the part that evaluations with gradient are
 */
record MeteredNetwork(
    Network inside, ItemCost cost, UpdateProfile profile, UpdatePart frozen, UpdatePart learning)
    implements Network {
  @Override
  public Text read(Condition condition) {
    int captions = condition.batch();
    return metered(0, captions * cost.readOperations(), () -> inside.read(condition));
  }

  @Override
  public Tensor forward(Tensor x, Tensor t, Text text) {
    int images = (int) x.size(0);
    return metered(images, images * cost.forwardOperations(), () -> inside.forward(x, t, text));
  }

  private <T> T metered(long images, double operations, Supplier<T> evaluation) {
    boolean gradient = Autograd.isOn();
    long begin = System.nanoTime();
    T answer = evaluation.get();
    long nanos = System.nanoTime() - begin;
    profile.evaluated(gradient ? learning : frozen, nanos, operations, images, gradient);
    return answer;
  }

  @Override
  public Prediction prediction() {
    return inside.prediction();
  }

  @Override
  public Parameters parameters() {
    return inside.parameters();
  }
}
