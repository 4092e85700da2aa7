package org.peltast.models.codec;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.models.FormulaWeights;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Device;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/** A picture that is computed in strips is the picture that is computed at once: no seam at all. */
class StripsTest {
  /** The bar is 1/255. */
  private static final double ROUNDING = 1e-4;

  @TempDir Path temporary;
  private Scope scope;
  private AutoencoderKl codec;

  @BeforeEach
  void open() throws IOException, URISyntaxException {
    scope = Scope.open();
    Path golden = Path.of(StripsTest.class.getResource("/golden/sdxl-tiny").toURI());
    Path model = FormulaWeights.materialise(golden, temporary);
    codec = (AutoencoderKl) Codecs.load(model.resolve("vae"), Device.CPU).codec();
  }

  @AfterEach
  void close() {
    codec.close();
    scope.close();
  }

  private static double difference(Tensor a, Tensor b) {
    assertThat(a.shape()).isEqualTo(b.shape());
    return a.sub(b).abs().reshape(a.count()).max(false, 0).item();
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 700, 3000, 20_000})
  void whatIsCutIsTheSame(long strip) {
    Tensor latents = Rng.of(1).normal(2, 4, 13, 9);
    Tensor images = Rng.of(2).uniform(0, 1, 2, 3, 104, 72);
    try (Autograd off = Autograd.off()) {
      Tensor decoded = codec.decode(latents);
      Tensor encoded = codec.encode(images);
      codec.cut(new Strips(0, strip));
      assertThat(difference(codec.decode(latents), decoded)).isLessThan(ROUNDING);
      assertThat(difference(codec.encode(images), encoded)).isLessThan(ROUNDING);
    }
  }

  /** With gradients a picture is computed at once, whatever its size. */
  @Test
  void gradientsFlowThroughLargePictures() {
    codec.cut(new Strips(0, 700));
    Tensor latents = Rng.of(1).normal(1, 4, 5, 6).requireGrad(true);
    codec.decode(latents).sum().backward();
    assertThat(latents.grad().toFloats()).isNotEqualTo(new float[4 * 5 * 6]);
  }

  /** A picture costs little beyond two feature maps: what was made on the way is let go. */
  @Test
  void nothingIsLeftBehind() {
    Tensor latents = Rng.of(1).normal(1, 4, 5, 6);
    codec.cut(new Strips(0, 700));
    int before = scope.size();
    try (Autograd off = Autograd.off()) {
      for (int i : List.of(1, 2, 3)) {
        codec.decode(latents);
        assertThat(scope.size()).isEqualTo(before + i);
      }
    }
  }
}
