package org.peltast.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.StepGrid;
import org.peltast.models.text.Captions;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/** Pictures are a function of prompt, seed and number, whatever the batches. */
class TextToImageTest {
  private static final List<String> PROMPTS = List.of("a cat", "an enormous elephant", "", "z");

  private Scope scope;
  private TextToImage model;
  private GenerationSettings guided;
  private GenerationSettings renoised;

  @BeforeEach
  void make() {
    scope = Scope.open();
    guided =
        new GenerationSettings(
            6, 8, StepGrid.uniform(3), new Guidance(3), GenerationSettings.sampler("euler"));
    renoised = guided.withGuidance(1).withSampler(GenerationSettings.sampler("renoise"));
    model = ModelFolderTest.tiny(guided);
  }

  @AfterEach
  void close() {
    model.network().close();
    scope.close();
  }

  private Tensor draw(GenerationSettings settings, long seed, int batch) {
    return model.generate(PROMPTS, seed, settings, batch, n -> {});
  }

  @Test
  void drawsTheSameBytesAgain() {
    for (GenerationSettings s : List.of(guided, renoised)) {
      Tensor first = draw(s, 7, 3);
      assertThat(first.shape()).containsExactly(4, 3, 6, 8);
      assertThat(draw(s, 7, 3).toFloats()).isEqualTo(first.toFloats());
      assertThat(draw(s, 8, 3).toFloats()).isNotEqualTo(first.toFloats());
    }
  }

  // Latents are compared, not pictures: the codec cuts this untrained network's large values off,
  // so their rounding would be measured against a much smaller number than it belongs to.
  @Test
  void batchesDoNotChangePictures() {
    Captions captions = new Captions(model.textEncoder(), model.device());
    for (GenerationSettings s : List.of(guided, renoised)) {
      Tensor together = model.latents(captions.of(PROMPTS), captions.empty(4), 7, 0, s);
      for (int i = 0; i < 4; i++) {
        Tensor alone =
            model.latents(captions.of(PROMPTS.subList(i, i + 1)), captions.empty(1), 7, i, s);
        assertThat(Golden.relativeError(alone, together.narrow(0, i, 1))).isLessThan(1e-4);
      }
      assertThat(Golden.relativeError(draw(s, 7, 3), draw(s, 7, 4))).isLessThan(1e-3);
    }
  }

  @Test
  void neitherBatchNorCompanyChangesABit() {
    for (GenerationSettings s : List.of(guided, renoised)) {
      float[] all = draw(s, 7, 4).toFloats();
      assertThat(draw(s, 7, 1).toFloats()).isEqualTo(all);
      assertThat(draw(s, 7, 3).toFloats()).isEqualTo(all);
    }
    List<String> other = List.of("a boat", PROMPTS.get(0), "a boat", PROMPTS.get(1));
    Tensor beside = byPrompt(other);
    Tensor turned = byPrompt(List.of(PROMPTS.get(1), PROMPTS.get(0)));
    float[] first = byPrompt(PROMPTS.subList(0, 1)).toFloats();
    assertThat(beside.narrow(0, 1, 1).contiguous().toFloats()).isEqualTo(first);
    assertThat(turned.narrow(0, 1, 1).contiguous().toFloats()).isEqualTo(first);
    assertThat(turned.narrow(0, 0, 1).contiguous().toFloats())
        .isEqualTo(beside.narrow(0, 3, 1).contiguous().toFloats())
        .isNotEqualTo(first);
    assertThat(beside.narrow(0, 0, 1).contiguous().toFloats())
        .isNotEqualTo(beside.narrow(0, 2, 1).contiguous().toFloats());
  }

  private Tensor byPrompt(List<String> prompts) {
    return model.generate(
        prompts, "", null, PictureStreams.ofPrompts(7, prompts), renoised, 3, n -> {});
  }

  @Test
  void differentNumbersHaveDifferentNoise() {
    Tensor noise = model.startNoise(7, 0, 3, guided);
    assertThat(noise.narrow(0, 1, 1).contiguous().toFloats())
        .isEqualTo(model.startNoise(7, 1, 1, guided).toFloats())
        .isNotEqualTo(model.startNoise(7, 0, 1, guided).toFloats());
  }

  @Test
  void tellsHowFarItIs() {
    List<Integer> told = new ArrayList<>();
    model.generate(PROMPTS, 1, renoised, 3, told::add);
    assertThat(told).containsExactly(3, 4);
  }

  @Test
  void leavesOnlyThePicturesBehind() {
    int before = scope.size();
    draw(guided, 7, 2);
    assertThat(scope.size()).isEqualTo(before + 1);
  }

  @Test
  void bytesAreRoundedRedGreenBlue() {
    Tensor image = Tensor.of(new float[] {0, 1, 0.5f, 0.25f, -1, 2}, 1, 3, 1, 2);
    assertThat(TextToImage.rgb(image).get(0))
        .containsExactly(0, (byte) 128, 0, (byte) 255, 64, (byte) 255);
  }

  @Test
  void wrongRequestsAreToldInOneSentence() {
    assertThatThrownBy(() -> draw(guided.withSize(6, 0), 1, 1)).isInstanceOf(ModelException.class);
    assertThatThrownBy(() -> draw(guided, 1, 0))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("batch");
    assertThatThrownBy(() -> model.generate(List.of(), 1, guided, 1, n -> {}))
        .isInstanceOf(ModelException.class);
    assertThatThrownBy(() -> draw(guided.withSize(600, 8), 1, 1))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("at most");
    assertThatThrownBy(() -> GenerationSettings.sampler("heun"))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("renoise");
  }
}
