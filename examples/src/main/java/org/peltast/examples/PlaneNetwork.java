package org.peltast.examples;

import java.util.Arrays;
import java.util.List;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.Prediction;
import org.peltast.diffusion.RectifiedFlow;
import org.peltast.diffusion.TimeShift;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameters;

/**
 * A network of one's own: a multi-layer perceptron that predicts the velocity of points of the
 * plane. A point is a latent of two channels and one pixel, [B, 2, 1, 1]; a caption is one token, a
 * one-hot vector of its class, or zeros for the empty caption.
 */
final class PlaneNetwork implements Network {
  private static final int HIDDEN = 48;

  private final Parameters parameters = Parameters.on(Device.CPU, Precision.FLOAT32);
  private final int classes;
  private final Linear text; // class → hidden
  private final Linear first; // (x, t, t², t³) → hidden
  private final Linear second;
  private final Linear last; // hidden → x

  PlaneNetwork(int classes, Rng rng) {
    this.classes = classes;
    text = new Linear(parameters.at("text"), classes, HIDDEN, true);
    first = new Linear(parameters.at("first"), 5, HIDDEN, true);
    second = new Linear(parameters.at("second"), HIDDEN, HIDDEN, true);
    last = new Linear(parameters.at("last"), HIDDEN, 2, true);
    parameters.initialise(rng);
  }

  /** A twin with the same weights, to be trained on its own. */
  PlaneNetwork copy() {
    PlaneNetwork copy = new PlaneNetwork(classes, Rng.of(0));
    copy.parameters.copyFrom(parameters);
    return copy;
  }

  /** It under the path of rectified flow, x_t = t x + (1 − t) ε. */
  Denoiser denoiser() {
    return new Denoiser(this, new RectifiedFlow(), TimeShift.NONE);
  }

  @Override
  public Text read(Condition condition) {
    return new Rows(text.forward(condition.features().select(1, 0)));
  }

  @Override
  public Tensor forward(Tensor x, Tensor t, Text captions) {
    Tensor time = t.reshape(t.size(0), 1);
    Tensor input = Tensor.cat(List.of(x.flatten(1, -1), time, time.square(), time.pow(3)), 1);
    Tensor hidden = first.forward(input).add(((Rows) captions).rows()).silu();
    return last.forward(second.forward(hidden).silu()).reshape(x.shape());
  }

  @Override
  public Prediction prediction() {
    return Prediction.VELOCITY;
  }

  @Override
  public Parameters parameters() {
    return parameters;
  }

  /** Captions as this network reads them, [B, hidden]. */
  private record Rows(Tensor rows) implements Text {
    @Override
    public int batch() {
      return (int) rows.size(0);
    }

    @Override
    public Text followedBy(Text other) {
      return new Rows(Tensor.cat(List.of(rows, ((Rows) other).rows()), 0));
    }

    @Override
    public Text detached() {
      return new Rows(rows.detach());
    }

    @Override
    public Text select(int... indices) {
      return new Rows(Tensor.cat(Arrays.stream(indices).mapToObj(this::row).toList(), 0));
    }

    private Tensor row(int i) {
      return rows.narrow(0, i, 1);
    }

    @Override
    public Text keptBy(Scope scope) {
      return new Rows(scope.keep(rows.detach().copy()));
    }
  }
}
