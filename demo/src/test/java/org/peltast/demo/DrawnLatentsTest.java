package org.peltast.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.diffusion.EulerOde;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.StepGrid;
import org.peltast.models.GenerationSettings;
import org.peltast.runs.RunException;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;

class DrawnLatentsTest {
  private static final GenerationSettings SETTINGS =
      new GenerationSettings(64, 64, StepGrid.uniform(50), new Guidance(3), new EulerOde());

  @TempDir Path folder;

  private static DrawnLatents some() {
    return new DrawnLatents(
        "abc",
        DrawnLatents.describe(SETTINGS),
        7,
        List.of("a cat", "a dög", "a red apple, noto"),
        Rng.of(1).normal(3, 4, 2, 2));
  }

  @Test
  void whatIsWrittenIsReadBackToHalfPrecision() {
    try (Scope scope = Scope.open()) {
      Path file = folder.resolve("drawn.safetensors");
      DrawnLatents some = some();
      some.write(file);
      DrawnLatents read = DrawnLatents.read(file).orElseThrow();
      assertThat(read.captions()).isEqualTo(some.captions());
      assertThat(read.seed()).isEqualTo(7);
      float[] expected = some.latents().toFloats();
      float[] actual = read.latents().toFloats();
      for (int i = 0; i < expected.length; i++) {
        assertThat(actual[i])
            .isCloseTo(
                expected[i],
                org.assertj.core.data.Offset.offset(Math.abs(expected[i]) / 1000f + 1e-6f));
      }
    }
  }

  @Test
  void theyAnswerForTheirOwnModelSettingsAndFirstCaptionsAlone() {
    try (Scope scope = Scope.open()) {
      DrawnLatents some = some();
      assertThat(some.answers("abc", SETTINGS, List.of("a cat", "a dög"))).isTrue();
      assertThat(some.answers("abd", SETTINGS, List.of("a cat"))).isFalse();
      assertThat(some.answers("abc", SETTINGS.withGuidance(2), List.of("a cat"))).isFalse();
      assertThat(some.answers("abc", SETTINGS.withSteps(49), List.of("a cat"))).isFalse();
      assertThat(some.answers("abc", SETTINGS, List.of("a dög"))).isFalse();
      DrawnLatents first = some.first(2);
      assertThat(first.captions()).containsExactly("a cat", "a dög");
      assertThat(first.latents().toFloats())
          .isEqualTo(Arrays.copyOf(some.latents().toFloats(), 2 * 4 * 2 * 2));
    }
  }

  @Test
  void aDamagedFileIsNamedAndNoFileIsNone() throws Exception {
    try (Scope scope = Scope.open()) {
      Path file = folder.resolve("drawn.safetensors");
      assertThat(DrawnLatents.read(file)).isEmpty();
      some().write(file);
      byte[] bytes = Files.readAllBytes(file);
      Files.write(file, Arrays.copyOf(bytes, bytes.length - 5));
      assertThatThrownBy(() -> DrawnLatents.read(file))
          .isInstanceOf(RunException.class)
          .hasMessageContaining("drawn.safetensors is damaged")
          .hasMessageContaining("--redraw");
    }
  }
}
