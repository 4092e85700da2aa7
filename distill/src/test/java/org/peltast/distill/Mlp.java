package org.peltast.distill;

import java.util.List;
import java.util.Map;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.FeatureTaps;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.Prediction;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameters;

/** A small trained network: latents [B, C, 1, 1], one-token captions, velocity. */
final class Mlp implements Network, FeatureTaps {
  private final Parameters parameters = Parameters.on(Device.CPU, Precision.FLOAT32);
  private final Linear text; // captions' classes → hidden
  private final Linear first; // (x, t, t², t³) → hidden
  private final Linear second;
  private final Linear last; // hidden → C

  Mlp(int channels, int classes, int hidden, Rng rng) {
    text = new Linear(parameters.at("text"), classes, hidden, true);
    first = new Linear(parameters.at("first"), channels + 3, hidden, true);
    second = new Linear(parameters.at("second"), hidden, hidden, true);
    last = new Linear(parameters.at("last"), hidden, channels, true);
    parameters.initialise(rng);
  }

  @Override
  public Text read(Condition condition) {
    return new ToyText(text.forward(condition.features().select(1, 0)));
  }

  @Override
  public List<String> featureNames() {
    return List.of("hidden");
  }

  @Override
  public int featureWidth(String name) {
    return (int) second.weight().value().size(0);
  }

  @Override
  public Tensor forward(Tensor x, Tensor t, Text captions) {
    return features(x, t, captions, List.of()).prediction();
  }

  /** One token of the last hidden layer. */
  @Override
  public Features features(Tensor x, Tensor t, Text captions, List<String> names) {
    Tensor time = t.reshape(t.size(0), 1);
    Tensor input =
        Tensor.cat(List.of(x.flatten(1, -1), time, time.square(), time.pow(3)), 1); // (B, C + 3)
    Tensor hidden = first.forward(input).add(((ToyText) captions).rows()).silu();
    hidden = second.forward(hidden).silu();
    Tensor output = last.forward(hidden).reshape(x.shape());
    return new Features(output, names.isEmpty() ? Map.of() : Map.of("hidden", hidden.unsqueeze(1)));
  }

  @Override
  public Prediction prediction() {
    return Prediction.VELOCITY;
  }

  @Override
  public Parameters parameters() {
    return parameters;
  }
}
