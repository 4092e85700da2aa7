package org.peltast.distill;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Network;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Tensor;

/**
 * What the terms of an update want to know of one frozen network, gathered so that it is evaluated
 * once, in one batch, without gradients. The same question asked twice is answered once.
 */
public final class Questions {
  /** A clean prediction [B, C, H, W], there once the questions are answered. */
  public static final class Answer {
    private final Renoising.Draw draw;
    private final Network.Text text;
    private @Nullable Tensor clean;

    private Answer(Renoising.Draw draw, Network.Text text) {
      this.draw = draw;
      this.text = text;
    }

    /** The predicted clean images. */
    public Tensor clean() {
      if (clean == null) {
        throw new IllegalStateException("the questions have not been answered yet");
      }
      return clean;
    }
  }

  private final Denoiser denoiser;
  private final Tensor images;
  private final List<Answer> asked = new ArrayList<>();

  /** Questions to a denoiser about the generator's images, detached. */
  Questions(Denoiser denoiser, Tensor images) {
    this.denoiser = denoiser;
    this.images = images;
  }

  /** Asks for the clean prediction at the images noised by the draw, under the text. */
  public Answer ask(Renoising.Draw draw, Network.Text text) {
    for (Answer a : asked) {
      if (a.draw.equals(draw) && a.text.equals(text)) {
        return a;
      }
    }
    Answer answer = new Answer(draw, text);
    asked.add(answer);
    return answer;
  }

  /** Evaluates the network on all that was asked. */
  void answer() {
    if (asked.isEmpty()) {
      return;
    }
    try (Autograd off = Autograd.off()) {
      List<Tensor> noised = new ArrayList<>();
      List<Tensor> times = new ArrayList<>();
      Network.@Nullable Text texts = null;
      for (Answer a : asked) {
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
