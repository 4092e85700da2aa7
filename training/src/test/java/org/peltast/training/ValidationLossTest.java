package org.peltast.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.data.EmojiCorpus;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.Prediction;
import org.peltast.diffusion.RectifiedFlow;
import org.peltast.diffusion.TimeShift;
import org.peltast.distill.LearningRate;
import org.peltast.distill.Role;
import org.peltast.models.codec.Normalisation;
import org.peltast.models.codec.PixelCodec;
import org.peltast.models.text.Captions;
import org.peltast.models.text.MiniLmEncoder;
import org.peltast.models.text.TextEncoder;
import org.peltast.runs.Progress;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.AdamW;
import org.peltast.tensor.nn.Parameters;

class ValidationLossTest {
  /** Answers one number, whatever it is asked. */
  private record Constant(double value, Parameters parameters, Prediction prediction)
      implements Network {
    private record Silent(int batch) implements Text {
      @Override
      public Text followedBy(Text other) {
        return new Silent(batch + other.batch());
      }

      @Override
      public Text detached() {
        return this;
      }

      @Override
      public Text select(int... indices) {
        return new Silent(indices.length);
      }

      @Override
      public Text keptBy(Scope scope) {
        return this;
      }
    }

    @Override
    public Text read(Condition condition) {
      return new Silent(condition.batch());
    }

    @Override
    public Tensor forward(Tensor x, Tensor t, Text text) {
      assertThat(text.batch()).isEqualTo((int) x.size(0)).isEqualTo((int) t.size(0));
      return Tensor.full(
          value,
          DType.FLOAT32,
          Device.CPU,
          Arrays.stream(new int[] {0, 1, 2, 3}).mapToLong(x::size).toArray());
    }
  }

  @Test
  void isTheMeanSquareOfWhatTheNetworkMissesAndTheSameEachTime(@TempDir Path cache) {
    EmojiCorpus corpus =
        EmojiCorpus.open(EmojiCorpus.Options.ofSize(8).withConcepts(40).withCache(cache));
    Normalisation normalisation = Normalisation.uniform(3, 0, 1);
    try (Scope scope = Scope.open();
        TextEncoder text = new MiniLmEncoder();
        Parameters parameters = Parameters.on(Device.CPU, Precision.FLOAT32);
        LatentCorpus pictures =
            LatentCorpus.of(corpus.train(), new PixelCodec(), Device.CPU, cache, Progress.NONE)) {
      Tensor clean = pictures.all();
      double size = clean.square().mean().item();
      double mean = clean.mean().item();
      for (double answer : new double[] {0, 2}) {
        Denoiser denoiser =
            new Denoiser(
                new Constant(answer, parameters, Prediction.VELOCITY),
                new RectifiedFlow(),
                new TimeShift(1));
        try (Role role =
            new Role(
                "teacher",
                denoiser.network(),
                new Role.Settings(
                    new LearningRate(1e-3, 0, 0), new AdamW.Settings(0.9, 0.99, 1e-8, 0), 1, 0))) {
          ValidationLoss loss =
              new ValidationLoss(
                  1,
                  denoiser,
                  role,
                  new Captions(text, Device.CPU),
                  normalisation,
                  Device.CPU,
                  Rng.of(3));
          double measured = loss.of(pictures);
          // E (answer − (clean − noise))², where noise is standard normal.
          assertThat(measured)
              .isCloseTo(1 + size - 2 * answer * mean + answer * answer, within(0.1));
          assertThat(loss.of(pictures)).isEqualTo(measured);
        }
      }
    }
  }
}
