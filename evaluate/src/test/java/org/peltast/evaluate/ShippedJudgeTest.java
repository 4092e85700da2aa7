package org.peltast.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.peltast.data.EmojiFamily;
import org.peltast.models.text.MiniLmEncoder;
import org.peltast.tensor.Device;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/** The judge in {@code weights/judge} is whole and fits the code. */
class ShippedJudgeTest {
  private static final Path FOLDER = Path.of("..", "weights", "judge");

  @Test
  void readsColoursAndKnowsItsEncoderFamiliesAndReference() {
    JudgeFolder folder = JudgeFolder.at(FOLDER);
    try (Judge judge = folder.load(Device.CPU);
        MiniLmEncoder encoder = new MiniLmEncoder();
        Scope scope = Scope.open()) {
      assertThat(judge.config().name()).isEqualTo("emoji-clip");
      assertThat(judge.config().families())
          .containsExactlyInAnyOrderElementsOf(
              Arrays.stream(EmojiFamily.values()).map(EmojiFamily::id).toList());
      new Evaluation(judge, encoder, folder.reference(), 0); // encoder and reference are its own

      // Discs on white, drawn here: neither concept nor family of the corpus, but plainly coloured.
      List<String> colours = List.of("red", "green", "blue", "yellow");
      float[][] codes = {
        {.87f, .18f, .27f}, {.47f, .70f, .35f}, {.33f, .67f, .93f}, {.99f, .80f, .30f}
      };
      float[] pixels = new float[4 * 3 * 64 * 64];
      for (int i = 0; i < pixels.length; i++) {
        int x = i % 64;
        int y = i / 64 % 64;
        int c = i / 4096 % 3;
        boolean inside = Math.hypot(x - 31.5, y - 31.5) < 28;
        pixels[i] = inside ? codes[i / 12288][c] : 1;
      }
      FeatureTable discs = judge.see(Tensor.of(pixels, 4, 3, 64, 64)).embeddings();
      FeatureTable words =
          judge.read(encoder, colours.stream().map(c -> c + " circle, twemoji style").toList());
      assertThat(Retrieval.atK(discs, words, new int[] {0, 1, 2, 3}, 1)).containsOnly(1);
    }
  }

  @Test
  void referenceIsFarFromNoise() {
    JudgeFolder folder = JudgeFolder.at(FOLDER);
    try (Judge judge = folder.load(Device.CPU);
        Scope scope = Scope.open()) {
      GaussianStatistics reference = folder.reference();
      assertThat(reference.count()).isGreaterThan(2000);
      FrechetDistance distance = new FrechetDistance(reference);
      assertThat(distance.to(reference)).isCloseTo(0, within(1e-3 * reference.trace()));
      Tensor noise = Rng.of(1).uniform(0, 1, 64, 3, 64, 64);
      assertThat(distance.to(judge.see(noise).features())).isGreaterThan(reference.trace());
    }
  }

  @Test
  void isSmallAndHasACard() throws IOException {
    long bytes = Files.size(FOLDER.resolve("model.safetensors"));
    assertThat(bytes).isLessThan(3L << 20);
    assertThat(Files.readString(FOLDER.resolve("README.md")))
        .contains(JudgeFolder.at(FOLDER).checksum());
  }
}
