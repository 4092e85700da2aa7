package org.peltast.cli.bench;

import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.Prediction;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Parameters;
import org.peltast.tensor.Tensor;

/**
 * A network whose evaluations are booked in a {@link Ledger}; it computes what the one inside does.
 *
 * @param frozen the phase of evaluations without gradient
 * @param learning the phase of evaluations with gradient
 */
record MeteredNetwork(
    Network inside, UpdateShape shape, Ledger ledger, Phase frozen, Phase learning)
    implements Network {
  @Override
  public Text read(Condition condition) {
    boolean gradient = Autograd.isOn();
    ledger.enter();
    Text text = inside.read(condition);
    ledger.leave(gradient ? learning : frozen, shape.readOperations(condition.batch()), gradient);
    return text;
  }

  @Override
  public Tensor forward(Tensor x, Tensor t, Text text) {
    boolean gradient = Autograd.isOn();
    int images = (int) x.size(0);
    ledger.enter();
    Tensor answer = inside.forward(x, t, text);
    ledger.leave(gradient ? learning : frozen, shape.forwardOperations(images), gradient);
    ledger.count(gradient, images / shape.batch());
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
