package org.peltast.bench;

import java.util.List;
import java.util.function.Supplier;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.FeatureTaps;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.Prediction;
import org.peltast.models.ItemCost;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Parameters;

/**
 * A network whose evaluations are booked in an {@link UpdateProfile}; it computes what the one
 * inside does, and has {@link FeatureTaps} if that has.
 */
class MeteredNetwork implements Network {
  private final Network inside;
  private final ItemCost cost;
  private final UpdateProfile profile;
  private final UpdatePart frozen;
  private final UpdatePart learning;

  private MeteredNetwork(
      Network inside,
      ItemCost cost,
      UpdateProfile profile,
      UpdatePart frozen,
      UpdatePart learning) {
    this.inside = inside;
    this.cost = cost;
    this.profile = profile;
    this.frozen = frozen;
    this.learning = learning;
  }

  /**
   * Books a network's evaluations.
   *
   * @param cost of one item
   * @param frozen the part of an update that evaluations without gradient are
   * @param learning the part that evaluations with gradient are
   */
  static MeteredNetwork of(
      Network inside,
      ItemCost cost,
      UpdateProfile profile,
      UpdatePart frozen,
      UpdatePart learning) {
    return inside instanceof FeatureTaps taps
        ? new Tapped(inside, taps, cost, profile, frozen, learning)
        : new MeteredNetwork(inside, cost, profile, frozen, learning);
  }

  @Override
  public Text read(Condition condition) {
    int captions = condition.batch();
    return metered(0, captions * cost.readOperations(), () -> inside.read(condition));
  }

  @Override
  public Tensor forward(Tensor x, Tensor t, Text text) {
    return evaluate((int) x.size(0), () -> inside.forward(x, t, text));
  }

  final <T> T evaluate(int images, Supplier<T> evaluation) {
    return metered(images, images * cost.forwardOperations(), evaluation);
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

  /** One whose features can be read; an evaluation that is asked for some costs the same. */
  private static final class Tapped extends MeteredNetwork implements FeatureTaps {
    private final FeatureTaps taps;

    Tapped(
        Network inside,
        FeatureTaps taps,
        ItemCost cost,
        UpdateProfile profile,
        UpdatePart frozen,
        UpdatePart learning) {
      super(inside, cost, profile, frozen, learning);
      this.taps = taps;
    }

    @Override
    public List<String> featureNames() {
      return taps.featureNames();
    }

    @Override
    public int featureWidth(String name) {
      return taps.featureWidth(name);
    }

    @Override
    public Features features(Tensor x, Tensor t, Text text, List<String> names) {
      return evaluate((int) x.size(0), () -> taps.features(x, t, text, names));
    }
  }
}
