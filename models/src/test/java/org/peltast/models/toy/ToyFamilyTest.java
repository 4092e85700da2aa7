package org.peltast.models.toy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.diffusion.Ddim;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.diffusion.Prediction;
import org.peltast.diffusion.StepGrid;
import org.peltast.diffusion.TimeShift;
import org.peltast.diffusion.VariancePreserving;
import org.peltast.models.Backbone;
import org.peltast.models.GenerationSettings;
import org.peltast.models.ModelException;
import org.peltast.models.ModelFamilies;
import org.peltast.models.ModelFamily;
import org.peltast.models.ModelFolder;
import org.peltast.models.NetworkRecipe;
import org.peltast.models.TextToImage;
import org.peltast.models.codec.Normalisation;
import org.peltast.models.codec.NormalisedCodec;
import org.peltast.models.codec.PixelCodec;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Parameter;

/** A family that is registered is opened, drawn with, written and measured by what is there. */
class ToyFamilyTest {
  private static final NoiseSchedule SCHEDULE =
      new NoiseSchedule(
          new VariancePreserving(100, 0.001, 0.02), Prediction.EPSILON, TimeShift.NONE);

  @TempDir Path temporary;
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private Path written(NoiseSchedule schedule) {
    try (ToyNetwork network = new ToyNetwork(3, 5, 2, schedule, Device.CPU, Precision.FLOAT32)) {
      network.parameters().initialise(Rng.of(1));
      Path folder = temporary.resolve("toy");
      ModelFolder.write(
          folder,
          TextToImage.of(
              network,
              schedule,
              new NormalisedCodec(new PixelCodec(), Normalisation.uniform(3, 0.5, 0.5)),
              new ToyEncoder(),
              new GenerationSettings(
                  4, 6, StepGrid.uniform(3), new Guidance(2), schedule.sampler()),
              Map.of()),
          DType.FLOAT32);
      return folder;
    }
  }

  @Test
  void isFoundBesideTheStandardOne() {
    assertThat(ModelFamilies.all())
        .extracting(ModelFamily::id)
        .contains("lumina2", "sdxl", "toy", "z-image");
    assertThat(ModelFamilies.named("toy")).isInstanceOf(ToyFamily.class);
    assertThatThrownBy(() -> ModelFamilies.named("toys"))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("unknown model family 'toys'; use ")
        .hasMessageContaining("toy or z-image");
  }

  @Test
  void itsFolderIsReadAgainAndDrawsTheSamePictures() throws IOException {
    Path folder = written(SCHEDULE);
    assertThat(folder.resolve("transformer")).doesNotExist();
    assertThat(Files.readString(folder.resolve("model_index.json")))
        .contains("\"_class_name\" : \"ToyPipeline\"", "\"unet\" : [ \"toys\", \"ToyUNet\" ]")
        .contains("\"text_encoder_2\"", "\"EulerDiscreteScheduler\"");
    assertThat(Files.readString(folder.resolve("peltast.json"))).doesNotContain("patch");
    List<String> prompts = List.of("a cat", "an elephant", "");
    try (TextToImage first = ModelFolder.open(folder);
        TextToImage second = ModelFolder.open(copied(first))) {
      assertThat(first.schedule()).isEqualTo(SCHEDULE);
      assertThatThrownBy(() -> first.withShift(new TimeShift(3)))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("shifted in rectified flow alone");
      assertThat(second.schedule()).isEqualTo(SCHEDULE);
      assertThat(first.defaults().sampler()).isInstanceOf(Ddim.class);
      Tensor drawn = first.generate(prompts, 3, first.defaults(), 2, n -> {});
      assertThat(drawn.shape()).containsExactly(3, 3, 4, 6);
      assertThat(drawn.allFinite()).isTrue();
      assertThat(second.generate(prompts, 3, second.defaults(), 2, n -> {}).toFloats())
          .isEqualTo(drawn.toFloats());
      // What it reads besides tokens decides, too: these two have the same token feature.
      float[] other =
          first
              .generate(List.of("a dog", "an elephant", ""), 3, first.defaults(), 2, n -> {})
              .narrow(0, 0, 1)
              .contiguous()
              .toFloats();
      assertThat(other).isNotEqualTo(drawn.narrow(0, 0, 1).contiguous().toFloats());
    }
  }

  private Path copied(TextToImage model) {
    Path folder = temporary.resolve("copy");
    ModelFolder.write(folder, model, DType.FLOAT32);
    return folder;
  }

  @Test
  void aModelOfOneFamilyReplacesOneOfAnother() throws IOException {
    Path folder = written(SCHEDULE);
    Files.createDirectory(folder.resolve("transformer"));
    Files.writeString(folder.resolve("transformer/config.json"), "{}");
    written(SCHEDULE);
    assertThat(folder.resolve("transformer")).doesNotExist();
    assertThat(folder.resolve("unet")).isDirectory();
  }

  @Test
  void withoutSettingsItHasThoseOfItsPath() throws IOException {
    Path folder = written(SCHEDULE);
    Files.delete(folder.resolve("peltast.json"));
    try (TextToImage model = ModelFolder.open(folder)) {
      assertThat(model.defaults().sampler()).isInstanceOf(Ddim.class);
      assertThat(model.defaults().height()).isEqualTo(64);
    }
  }

  @Test
  void theSchedulersFileDecidesWhatTheNetworkPredicts() throws IOException {
    Path folder = written(SCHEDULE);
    Path file = folder.resolve("scheduler/scheduler_config.json");
    Files.writeString(file, Files.readString(file).replace("\"epsilon\"", "\"v_prediction\""));
    try (TextToImage model = ModelFolder.open(folder)) {
      assertThat(model.network().prediction()).isEqualTo(Prediction.VELOCITY);
      assertThat(model.denoiser().path()).isEqualTo(SCHEDULE.path());
    }
  }

  @Test
  void aSchedulerOfAnotherPathIsRefused() throws IOException {
    Path folder = written(SCHEDULE);
    Path index = folder.resolve("model_index.json");
    Files.writeString(
        index,
        Files.readString(index)
            .replace("EulerDiscreteScheduler", "FlowMatchEulerDiscreteScheduler"));
    assertThatThrownBy(() -> ModelFolder.open(folder).close())
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("scheduler is of class FlowMatchEulerDiscreteScheduler")
        .hasMessageContaining("EulerDiscreteScheduler or DDIMScheduler");
  }

  /** The same of every family: it can be made in any size, measured, copied; its LoRAs fit it. */
  @Test
  void everyFamilyKeepsThePlugsPromises() {
    for (ModelFamily family : ModelFamilies.all()) {
      NetworkRecipe recipe = family.scaled(new ModelFamily.Scale(32, 1, 2, 4, 3));
      recipe.check();
      family.recipe().check();
      assertThat(NetworkRecipe.kinds().get(family.id())).isEqualTo(recipe.getClass());
      try (Backbone network = recipe.create(3, 2, Device.CPU, Precision.FLOAT32)) {
        network.parameters().initialise(Rng.of(2));
        assertThat(network.family().id()).isEqualTo(family.id());
        assertThat(network.prediction()).isEqualTo(recipe.schedule().prediction());
        assertThat(network.channels()).isEqualTo(3);
        assertThat(network.captionWidth()).isEqualTo(2);
        assertThat(network.maxHeight()).isGreaterThanOrEqualTo(4);
        assertThat(network.cost(4, 4, 3).forwardOperations())
            .isPositive()
            .isLessThanOrEqualTo(network.cost(4, 64, 3).forwardOperations());
        assertThat(family.loraTargets())
            .isNotEmpty()
            .allSatisfy(
                target ->
                    assertThat(network.parameters().values().keySet())
                        .anyMatch(
                            name ->
                                name.equals(target + ".weight")
                                    || name.endsWith("." + target + ".weight")));
        try (Backbone twin = network.copy()) {
          for (Parameter p : network.parameters().all()) {
            assertThat(twin.parameters().find(p.name()).value().toFloats())
                .isEqualTo(p.value().toFloats());
          }
        }
      }
    }
  }
}
