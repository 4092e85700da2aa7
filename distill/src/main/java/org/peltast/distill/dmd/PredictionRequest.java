package org.peltast.distill.dmd;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Network;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Tensor;

/**
 * A batched prediction request: what the terms of an update want to know of one frozen network,
 * evaluated once, in one batch, without gradients. What is asked twice is evaluated once.
 */
public final class PredictionRequest {
  /** A predicted clean image [B, C, H, W], there once the request is evaluated. */
  public static final class Prediction {
    private final Renoising.Draw draw;
    private final Network.Text text;
    private @Nullable Tensor clean;

    private Prediction(Renoising.Draw draw, Network.Text text) {
      this.draw = draw;
      this.text = text;
    }

    /** The predicted clean images. */
    public Tensor clean() {
      if (clean == null) {
        throw new IllegalStateException("the request has not been evaluated yet");
      }
      return clean;
    }
  }

  private final Denoiser denoiser;
  private final Tensor images;
  private final List<Prediction> asked = new ArrayList<>();

  /** A request to a denoiser about the generator's images, detached. */
  public PredictionRequest(Denoiser denoiser, Tensor images) {
    this.denoiser = denoiser;
    this.images = images;
  }

  /** Asks for the clean images predicted from the images noised by the draw, under the text. */
  public Prediction ask(Renoising.Draw draw, Network.Text text) {
    for (Prediction a : asked) {
      if (a.draw.equals(draw) && a.text.equals(text)) {
        return a;
      }
    }
    Prediction prediction = new Prediction(draw, text);
    asked.add(prediction);
    return prediction;
  }

  /** Evaluates the network on all that was asked. */
  public void evaluate() {
    if (asked.isEmpty()) {
      return;
    }
    try (Autograd off = Autograd.off()) {
      List<Tensor> noised = new ArrayList<>();
      List<Tensor> times = new ArrayList<>();
      Network.@Nullable Text texts = null;
      for (Prediction a : asked) {
        noised.add(denoiser.path().mix(images, a.draw.noise(), a.draw.time()));
        times.add(a.draw.time());
        texts = texts == null ? a.text : texts.followedBy(a.text);
      }
      if (texts == null) {
        return;
      }
      Tensor all = denoiser.clean(Tensor.cat(noised, 0), Tensor.cat(times, 0), texts);
      List<Tensor> parts = all.chunk(asked.size(), 0);
      for (int i = 0; i < parts.size(); i++) {
        asked.get(i).clean = parts.get(i);
      }
    }
  }
}
