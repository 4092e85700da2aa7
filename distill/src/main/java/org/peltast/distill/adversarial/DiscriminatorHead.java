package org.peltast.distill.adversarial;

import java.util.ArrayList;
import java.util.List;
import org.peltast.diffusion.FeatureTaps;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.LayerNorm;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameters;

/**
 * A discriminator's trainable part: for each feature tap a light head {@code Linear(SiLU(Linear(
 * LayerNorm(h))))} from a token to a number. The logit of an image is the mean over tokens and
 * taps.
 */
public final class DiscriminatorHead implements AutoCloseable {
  private final Parameters parameters;
  private final List<String> taps;
  private final List<Tap> heads = new ArrayList<>();

  /** The layers over one tap. */
  private record Tap(LayerNorm norm, Linear in, Linear out) {
    Tensor logits(Tensor tokens) {
      return out.forward(in.forward(norm.forward(tokens)).silu()); // [B, N, 1]
    }
  }

  /**
   * An untrained head.
   *
   * @param network whose taps it reads
   * @param taps at least one, by name
   * @param width of the hidden layer
   * @param device where the network is
   */
  public DiscriminatorHead(
      FeatureTaps network, List<String> taps, int width, Device device, Rng rng) {
    if (taps.isEmpty() || width < 1) {
      throw new IllegalArgumentException(
          "a discriminator's head needs at least one feature tap and a positive width");
    }
    this.taps = List.copyOf(taps);
    this.parameters = Parameters.on(device, Precision.FLOAT32);
    for (String tap : taps) {
      Parameters own = parameters.at(tap);
      int d = network.featureWidth(tap);
      heads.add(
          new Tap(
              new LayerNorm(own.at("norm"), d, 1e-6),
              new Linear(own.at("in"), d, width, true),
              new Linear(own.at("out"), width, 1, true)));
    }
    parameters.initialise(rng);
  }

  /** Its weights. */
  public Parameters parameters() {
    return parameters;
  }

  /** The names of the taps that it reads. */
  List<String> taps() {
    return taps;
  }

  /** The logits [B] of an evaluation's features. */
  Tensor logits(FeatureTaps.Features features) {
    List<Tensor> logits = new ArrayList<>();
    for (int i = 0; i < taps.size(); i++) {
      logits.add(heads.get(i).logits(features.get(taps.get(i))).mean(false, 1, 2)); // [B]
    }
    return Tensor.stack(logits, 0).mean(false, 0);
  }

  @Override
  public void close() {
    parameters.close();
  }
}
