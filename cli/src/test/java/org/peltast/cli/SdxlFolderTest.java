package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.TensorFiles;

/** A folder as diffusers writes SDXL's, through the commands: looked at, drawn with, distilled. */
class SdxlFolderTest {
  @TempDir Path folder;
  private Path model;
  private Child child;

  @BeforeEach
  void write() throws IOException {
    model = folder.resolve("sdxl");
    child = new Child(folder);
    SdxlFolder.write(model);
  }

  private float[] drawn(String name, String... more) throws Exception {
    Path out = folder.resolve(name + ".safetensors");
    List<String> line =
        Stream.concat(
                Stream.of(
                    "generate",
                    "--model",
                    model + "",
                    "--out",
                    out + "",
                    "--steps",
                    "2",
                    "--prompt",
                    "a photograph of a fox"),
                Stream.of(more))
            .toList();
    assertThat(child.run(line.toArray(String[]::new))).as(child.said()).isZero();
    try (Scope s = Scope.open()) {
      return TensorFiles.read(out).get("image").toFloats();
    }
  }

  @Test
  void itDrawsWhatIsAskedFor() throws Exception {
    assertThat(child.run("inspect", model + "", "--summary")).isZero();
    assertThat(child.said()).contains("unet/diffusion_pytorch_model.safetensors: 840 tensors");
    float[] plain = drawn("plain", "--seed", "3"); // 40 × 48 pixels, as unet/config.json says
    assertThat(plain).hasSize(3 * 40 * 48);
    assertThat(drawn("again", "--seed", "3")).isEqualTo(plain);
    assertThat(drawn("negative", "--seed", "3", "--negative-prompt", "oil painting"))
        .isNotEqualTo(plain);
    assertThat(drawn("wide", "--size", "56x32", "--guidance", "1")).hasSize(3 * 32 * 56);
    Path latents = folder.resolve("latents.safetensors");
    try (Scope s = Scope.open()) {
      TensorFiles.write(latents, Map.of("latents", Rng.of(9).normal(1, 4, 5, 6)), Map.of());
    }
    float[] given = drawn("given", "--latents", latents + "", "--seed", "3");
    assertThat(given).isNotEqualTo(plain);
    assertThat(drawn("same", "--latents", latents + "", "--seed", "4")).isEqualTo(given);
    assertThat(child.run("generate", "--model", model + "", "--prompt", "a", "--size", "41"))
        .isEqualTo(ExitCode.USAGE);
    assertThat(child.said()).contains("multiples of 8, not 41 × 41");
  }

  @Test
  void itIsDistilledOnPromptsAlone() throws Exception {
    Path prompts = folder.resolve("prompts.txt");
    Files.writeString(prompts, "a red fox\nan owl at night\na bridge, oil painting\n");
    Path run = folder.resolve("run");
    String[] line =
        Child.sets(
            List.of("distill", "--recipe", "sdxl", "--out", run + ""),
            "teacher=" + model,
            "data.images=" + prompts,
            "method.fake.updates=1",
            "precision=float32",
            "run.updates=2",
            "run.looksEvery=2",
            "run.batch=2",
            "run.microBatches=1");
    assertThat(child.run(line)).as(child.said()).isZero();
    try (Stream<Path> files = Files.list(run.resolve("text"))) {
      assertThat(files.map(f -> f.getFileName() + "").toList())
          .singleElement()
          .asString()
          .matches("sdxl-[0-9a-f]{16}\\.features");
    }
    Path student = run.resolve("student");
    assertThat(Files.readString(student.resolve("model_index.json")))
        .contains(
            "\"LCMScheduler\"", "\"CLIPTextModelWithProjection\"", "StableDiffusionXLPipeline")
        .contains("\"force_zeros_for_empty_prompt\" : true");
    assertThat(Files.readString(student.resolve("scheduler/scheduler_config.json")))
        .contains("\"original_inference_steps\" : 4");
    assertThat(student.resolve("tokenizer_2/vocab.json")).exists();
    model = student;
    assertThat(drawn("student")).hasSize(3 * 40 * 48);
  }
}
