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
 * A network whose evaluations are booked in a {@link Ledger}; it computes what the one inside does.
 *
 * @param cost of one item
 * @param frozen the phase of evaluations without gradient
 * @param learning the phase of evaluations with gradient
 */
record MeteredNetwork(Network inside, ItemCost cost, Ledger ledger, Phase frozen, Phase learning)
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
    ledger.enter();
    long begin = System.nanoTime();
    T answer = evaluation.get();
    long nanos = System.nanoTime() - begin;
    ledger.leave(gradient ? learning : frozen, nanos, operations, images, gradient);
    return answer;
  }

  @Override
  public Prediction prediction() {
    return inside.prediction();
  }

  /** A role asks for these when it takes its step, and at no other time in an update. */
  @Override
  public Parameters parameters() {
    ledger.step();
    return inside.parameters();
  }
}
