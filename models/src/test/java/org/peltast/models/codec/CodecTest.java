package org.peltast.models.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.peltast.models.Golden;
import org.peltast.models.ModelException;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/** Codecs and their normalisation; that TAEF2 equals its original is {@code VerificationTest}'s. */
class CodecTest {
  @Test
  void gradientsFlowThroughTaef2ToItsInput() {
    try (Scope s = Scope.open();
        Codec codec = Taef2Codec.builtIn(Device.CPU)) {
      Tensor z = Rng.of(1).normal(1, 32, 2, 2).requireGrad(true);
      codec.decode(z).square().sum().backward();
      assertThat(z.grad().abs().max(false, 0).count()).isPositive();
      assertThat(z.grad().norm(false, 0, 1, 2, 3).item()).isPositive();
    }
  }

  @Test
  void pixelsAreTheirOwnLatents() {
    try (Scope s = Scope.open()) {
      Codec codec = new PixelCodec();
      Tensor image = Rng.of(3).uniform(0, 1, 2, 3, 4, 5);
      Tensor latents = codec.encode(image);
      assertThat(latents.toFloats()[7]).isEqualTo(2 * image.toFloats()[7] - 1);
      assertThat(Golden.relativeError(codec.decode(latents), image)).isLessThan(1e-6);
    }
  }

  @Test
  void normalisationMakesWhatItMeasuredStandardAndIsUndone() {
    try (Scope s = Scope.open()) {
      Tensor scale = Tensor.of(new float[] {1, 3, 0.2f}, 1, 3, 1, 1);
      Tensor shift = Tensor.of(new float[] {-2, 0, 10}, 1, 3, 1, 1);
      Tensor first = Rng.of(4).normal(5, 3, 4, 4).mul(scale).add(shift);
      Tensor second = Rng.of(5).normal(2, 3, 4, 4).mul(scale).add(shift);
      Normalisation n = new Normalisation.Measure(3).add(first).add(second).result();
      Tensor y = n.normalise(Tensor.cat(List.of(first, second), 0));
      for (double m : y.mean(false, 0, 2, 3).toFloats()) {
        assertThat(m).isBetween(-1e-4, 1e-4);
      }
      for (double d : y.to(DType.FLOAT64).square().mean(false, 0, 2, 3).toDoubles()) {
        assertThat(d).isBetween(1 - 1e-4, 1 + 1e-4);
      }
      assertThat(Golden.relativeError(n.denormalise(n.normalise(first)), first)).isLessThan(1e-6);
    }
  }

  @Test
  void theNormalisedCodecDecodesWhatItEncodes() {
    try (Scope s = Scope.open()) {
      Codec codec =
          new NormalisedCodec(
              new PixelCodec(), new Normalisation(List.of(0.1, -0.2, 0.3), List.of(0.5, 1.5, 2.0)));
      Tensor image = Rng.of(6).uniform(0, 1, 1, 3, 2, 2);
      Tensor latents = codec.encode(image);
      assertThat(latents.toFloats()[0])
          .isCloseTo(
              (2 * image.toFloats()[0] - 1 - 0.1f) / 0.5f,
              org.assertj.core.data.Offset.offset(1e-5f));
      assertThat(Golden.relativeError(codec.decode(latents), image)).isLessThan(1e-6);
    }
  }

  @Test
  void wrongShapesAreToldInOneSentence() {
    try (Scope s = Scope.open();
        Codec codec = Taef2Codec.builtIn(Device.CPU)) {
      assertThatThrownBy(() -> codec.encode(Tensor.zeros(1, 3, 20, 16)))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("multiples of 8");
      assertThatThrownBy(() -> codec.decode(Tensor.zeros(1, 16, 2, 2)))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("[B, 32, h, w]");
      assertThatThrownBy(() -> new Normalisation(List.of(0.0), List.of(0.0)))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("positive deviations");
      assertThatThrownBy(() -> new NormalisedCodec(codec, Normalisation.identity(3)))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("32 channels");
      assertThatThrownBy(() -> new Normalisation.Measure(3).result())
          .isInstanceOf(ModelException.class);
    }
  }
}
