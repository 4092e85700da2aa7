package org.peltast.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.models.Verification.Line;
import org.peltast.models.Verification.Report;
import org.peltast.models.Verification.Verdict;
import org.peltast.models.codec.Taef2Codec;
import org.peltast.safetensors.SafetensorsException;
import org.peltast.tensor.Device;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;

/**
 * Networks, codecs and pipelines are equal to their references on every golden file; and what is
 * not equal does not pass.
 */
class VerificationTest {
  @TempDir Path temporary;

  /** One test a file: forward, backward, bfloat16, pipelines, the autoencoder. */
  @TestFactory
  Stream<DynamicTest> everyZImageFileAgreesWithDiffusers() throws IOException {
    return everyFile("zimage-", ".*", 20);
  }

  @TestFactory
  Stream<DynamicTest> everyLumina2FileAgreesWithDiffusers() throws IOException {
    return everyFile("lumina2-", ".*", 14);
  }

  /** The same, and the text encoders and what the pipeline makes of prompts. */
  @TestFactory
  Stream<DynamicTest> everySdxlFileAgreesWithDiffusers() throws IOException {
    return everyFile("sdxl-", ".*", 19);
  }

  /**
   * Qwen3 and Gemma 2: states and gradients, padded on either side, beyond the window, bfloat16.
   */
  @TestFactory
  Stream<DynamicTest> everyTextEncoderAgreesWithTransformers() throws IOException {
    return everyFile("text-", "(for|back)ward.*", 12);
  }

  private Stream<DynamicTest> everyFile(String family, String name, int atLeast)
      throws IOException {
    try (Stream<Path> walk = Files.walk(Golden.path("zimage-tiny").getParent(), 2)) {
      List<Path> files =
          walk.filter(p -> p.getParent().getFileName().toString().startsWith(family))
              .filter(p -> p.getFileName().toString().matches(name))
              .filter(p -> p.toString().endsWith(".safetensors"))
              .filter(p -> !p.getFileName().toString().startsWith("tokenizer"))
              .sorted()
              .toList();
      assertThat(files).hasSizeGreaterThanOrEqualTo(atLeast);
      return files.stream()
          .map(
              f ->
                  DynamicTest.dynamicTest(
                      f.getParent().getFileName() + "/" + f.getFileName(), () -> passes(f)));
    }
  }

  private void passes(Path file) throws IOException {
    Path folder = file.getParent();
    folder = materialised(folder);
    Report report = verify(folder, file);
    assertThat(report.lines())
        .allSatisfy(line -> assertThat(line.verdict()).as(line.toString()).isEqualTo(Verdict.PASS));
    assertThat(report.lines()).hasSize(outputs(file));
    assertThat(report.exitCode()).isZero();
  }

  private Path materialised(Path folder) throws IOException {
    try (Stream<Path> walk = Files.walk(folder, 2)) {
      return walk.anyMatch(p -> p.endsWith("formula.json"))
          ? FormulaWeights.materialise(folder, Files.createTempDirectory(temporary, "model"))
          : folder;
    }
  }

  private static int outputs(Path file) {
    try (Scope s = Scope.open()) {
      return (int)
          TensorFiles.read(file).keySet().stream().filter(k -> k.startsWith("output.")).count();
    }
  }

  private static Report verify(Path folder, Path... files) {
    List<Line> told = new ArrayList<>();
    Report report = Verification.run(folder, List.of(files), Device.CPU, told::add);
    assertThat(told).isEqualTo(report.lines());
    return report;
  }

  private Path taef2() throws IOException {
    Path vae = Files.createDirectories(temporary.resolve("taef2/vae"));
    Files.writeString(
        vae.resolve("config.json"), "{\"_class_name\": \"Taef2Codec\", \"weights\": \"built-in\"}");
    return vae.getParent();
  }

  @Test
  void theBuiltInCodecAgreesWithItsOriginal() throws IOException {
    Report report =
        verify(
            taef2(),
            Golden.path("taef2/encode.safetensors"),
            Golden.path("taef2/decode.safetensors"));
    assertThat(report.lines())
        .extracting(Line::verdict)
        .containsExactly(Verdict.PASS, Verdict.PASS);
    assertThat(report.lines().get(0).toString())
        .matches("encode\\.safetensors  mean \\[2, 32, 9, 7]  \\d\\.\\d\\de[-+]0\\d  1e-04  PASS");
  }

  /** As the codec's weights and recorded answers are handed round: no model about them. */
  @Test
  void aCodecByItselfIsCheckedThereAndBack() throws IOException {
    Path folder = Files.createDirectories(temporary.resolve("codec"));
    for (String name : List.of("encoder.safetensors", "decoder.safetensors")) {
      try (InputStream in = Taef2Codec.class.getResourceAsStream("taef2/" + name)) {
        Files.copy(in, folder.resolve(name));
      }
    }
    try (Scope s = Scope.open()) {
      Golden encoded = Golden.read(Golden.path("taef2/encode.safetensors"));
      Golden decoded = Golden.read(Golden.path("taef2/decode.safetensors"));
      Map<String, Tensor> both = new LinkedHashMap<>();
      both.put("input.image", encoded.input("sample"));
      both.put("output.latents", encoded.output("mean"));
      both.put("output.image", decoded.output("sample"));
      Map<String, String> metadata = new LinkedHashMap<>();
      metadata.put("component", "vae");
      metadata.put("operation", "encode,decode");
      metadata.put("tolerance", "1e-4");
      metadata.put("origin", "both recordings");
      Path file = temporary.resolve("both.safetensors");
      TensorFiles.write(file, both, metadata);
      Report report = verify(folder, file);
      assertThat(report.lines())
          .extracting(Line::output, Line::verdict)
          .containsExactlyInAnyOrder(tuple("latents", Verdict.PASS), tuple("image", Verdict.PASS));

      both.put("output.image", encoded.input("sample")); // nearly: it is what was encoded
      TensorFiles.write(file, both, metadata);
      assertThat(verify(folder, file).exitCode()).isEqualTo(1);
    }
  }

  /** A copy of a golden file with something changed. */
  private Path changed(String name, Map<String, String> metadata, String tensor, Tensor value) {
    Path source = Golden.path(name);
    Map<String, String> m = new LinkedHashMap<>(TensorFiles.metadata(source));
    m.putAll(metadata);
    Map<String, Tensor> t = new LinkedHashMap<>(TensorFiles.read(source));
    if (value == null) {
      t.remove(tensor);
    } else {
      t.put(tensor, value);
    }
    Path file = temporary.resolve("changed.safetensors");
    TensorFiles.write(file, t, m);
    return file;
  }

  @Test
  void whatDiffersFails() throws IOException {
    try (Scope s = Scope.open()) {
      Golden g = Golden.read(Golden.path("zimage-tiny/forward.safetensors"));
      Path folder = Golden.path("zimage-tiny");
      Tensor sample = g.output("sample");
      Tensor bump = Tensor.zeros(sample.shape());
      bump.narrow(3, 2, 1)
          .narrow(0, 1, 1)
          .copyFrom(Tensor.full(0.02, bump.dtype(), bump.device(), 1, 16, 6, 1));
      Path off =
          changed("zimage-tiny/forward.safetensors", Map.of(), "output.sample", sample.add(bump));
      Report report = verify(folder, off);
      assertThat(report.lines()).extracting(Line::verdict).containsExactly(Verdict.FAIL);
      assertThat(report.exitCode()).isEqualTo(1);

      Path other =
          changed(
              "zimage-tiny/forward.safetensors",
              Map.of(),
              "output.sample",
              sample.narrow(2, 0, 4).contiguous());
      assertThat(verify(folder, other).lines().get(0).note()).contains("[3, 16, 6, 10]");
      assertThat(verify(folder, other).exitCode()).isEqualTo(1);
    }
  }

  @Test
  void otherGuidanceFails() throws IOException {
    try (Scope s = Scope.open()) {
      Path lumina = materialised(Golden.path("lumina2-tiny"));
      for (Map<String, String> metadata :
          List.of(
              Map.of("guidance_scale", "3.9"),
              Map.of("steps", "5"),
              Map.of("cfg_normalization", "False"),
              Map.of("cfg_trunc_ratio", "0.4"))) {
        Path file = changed("lumina2-tiny/sample.safetensors", metadata, "output.image", null);
        assertThat(verify(lumina, file).exitCode()).as(metadata.toString()).isEqualTo(1);
      }
      Path folder = Golden.path("zimage-tiny");
      for (Map<String, String> metadata :
          List.of(
              Map.of("guidance_scale", "3.4"),
              Map.of("steps", "5"),
              Map.of("cfg_normalization", "0.9"),
              Map.of("cfg_truncation", "0.4"))) {
        Path file = changed("zimage-tiny/sample.safetensors", metadata, "output.image", null);
        assertThat(verify(folder, file).exitCode()).as(metadata.toString()).isEqualTo(1);
      }
    }
  }

  @Test
  void whatCannotBeComputedIsSaidAndDoesNotPass() throws IOException {
    try (Scope s = Scope.open()) {
      Path folder = Golden.path("zimage-tiny");
      String forward = "zimage-tiny/forward.safetensors";
      Path unet = changed(forward, Map.of("component", "unet"), "input.none", null);
      Report report = verify(folder, unet, Golden.path(forward));
      assertThat(report.lines())
          .extracting(Line::verdict)
          .containsExactly(Verdict.UNSUPPORTED, Verdict.PASS);
      assertThat(report.lines().get(0).note()).contains("unet forward");
      assertThat(report.exitCode()).isEqualTo(2);

      Path unknown = changed(forward, Map.of(), "output.attention", Tensor.zeros(2));
      assertThat(verify(folder, unknown).exitCode()).isEqualTo(2);
      Path lora = changed(forward, Map.of("lora", "x.safetensors"), "input.none", null);
      assertThatThrownBy(() -> verify(folder, lora))
          .isInstanceOf(SafetensorsException.class)
          .hasMessageContaining("x.safetensors: there is no such file");

      Path flux = Files.createDirectories(temporary.resolve("flux/transformer"));
      Files.writeString(
          flux.resolve("config.json"), "{\"_class_name\": \"FluxTransformer2DModel\"}");
      assertThat(verify(flux.getParent(), Golden.path(forward)).lines().get(0).note())
          .contains("FluxTransformer2DModel", "Lumina2Transformer2DModel");
    }
  }

  @Test
  void malformedFilesAreToldInOneSentence() throws IOException {
    try (Scope s = Scope.open()) {
      Path folder = Golden.path("zimage-tiny");
      String forward = "zimage-tiny/forward.safetensors";
      refuses(folder, changed(forward, Map.of(), "input.latents", null), "input.latents");
      refuses(folder, changed(forward, Map.of(), "output.sample", null), "is no golden file");
      refuses(
          folder, changed(forward, Map.of("tolerance", "small"), "input.none", null), "tolerance");
      refuses(
          folder, changed(forward, Map.of("patch_size", "3"), "input.none", null), "patch sizes");
      refuses(
          folder,
          changed(
              forward,
              Map.of(),
              "input.caption_mask",
              Tensor.of(new long[] {0, 1, 1, 0, 1, 0}, 3, 2)),
          "do not fit the mask");
      refuses(folder, Files.writeString(temporary.resolve("x.safetensors"), "x"), "x.safetensors");
      refuses(temporary, Golden.path(forward), "config.json is missing");
      assertThatThrownBy(() -> Verification.run(folder, List.of(), Device.CPU, l -> {}))
          .isInstanceOf(ModelException.class);
    }
  }

  private static void refuses(Path folder, Path golden, String sentence) {
    assertThatThrownBy(() -> verify(folder, golden))
        .hasMessageContaining(sentence)
        .satisfies(
            e ->
                assertThat(e.getClass().getSimpleName())
                    .isIn("ModelException", "SafetensorsException"));
  }
}
