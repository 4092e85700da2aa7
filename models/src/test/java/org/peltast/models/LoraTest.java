package org.peltast.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.peltast.models.Verification.Report;
import org.peltast.models.Verification.Verdict;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import org.peltast.tensor.nn.Adapters;
import org.peltast.tensor.nn.Parameter;

/**
 * LoRA files of PEFT and diffusers change what networks predict as they do there, beside the
 * weights and merged into them; ours come back as they were written; others are refused by name.
 */
class LoraTest {
  @TempDir Path temporary;

  private static Path lora(String name) {
    return Golden.path("lora/" + name);
  }

  /** The model folder that a golden file's LoRA is made for. */
  private Path model(String lora) {
    String folder =
        lora.startsWith("zimage")
            ? "zimage-tiny"
            : lora.startsWith("lumina2") ? "lumina2-tiny" : "sdxl-layers";
    Path target = temporary.resolve(folder);
    return Files.exists(target) ? target : FormulaWeights.materialise(Golden.path(folder), target);
  }

  private static Backbone open(Path model) {
    ModelSource source = ModelSource.of(model);
    ModelFamily family = source.family();
    return family.open(
        source.network(family), family.recipe().schedule(), 0, Device.CPU, Precision.FLOAT32);
  }

  @TestFactory
  Stream<DynamicTest> theNetworkPredictsWhatDiffusersPredictsWithIt() throws IOException {
    try (Stream<Path> list = Files.list(lora("zimage.safetensors").getParent())) {
      List<Path> files =
          list.filter(f -> f.toString().matches(".*(forward|half)\\.safetensors"))
              .sorted()
              .toList();
      assertThat(files).hasSizeGreaterThanOrEqualTo(8);
      return files.stream()
          .map(
              f ->
                  DynamicTest.dynamicTest(
                      f.getFileName().toString(),
                      () -> {
                        beside(f);
                        merged(f);
                      }));
    }
  }

  private void beside(Path file) {
    Path model = model(file.getFileName().toString());
    Report report = Verification.run(model, List.of(file), Device.CPU, line -> {});
    assertThat(report.lines())
        .singleElement()
        .satisfies(line -> assertThat(line.verdict()).as(line + "").isEqualTo(Verdict.PASS));
  }

  private void merged(Path file) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off();
        Backbone network = open(model(file.getFileName().toString()))) {
      GoldenFile golden = GoldenFile.read(file, Device.CPU);
      Map<String, Tensor> leaves = leaves(network, golden);
      Tensor expected = golden.outputs().get("sample");
      Tensor without = network.family().reference().forward(network, golden, leaves);
      assertThat(Golden.relativeError(without, expected)).isGreaterThan(1e-2);
      golden.mergeLora(network);
      Tensor with = network.family().reference().forward(network, golden, leaves);
      assertThat(Golden.relativeError(with, expected)).isLessThan(1e-4);
    }
  }

  private static Map<String, Tensor> leaves(Backbone network, GoldenFile golden) {
    Map<String, Tensor> leaves = new LinkedHashMap<>();
    network.family().reference().leaves().forEach(name -> leaves.put(name, golden.input(name)));
    return leaves;
  }

  /** A LoRA file that no golden file was made with is not passed over in silence. */
  @Test
  void verifyNeedsAGoldenFileThatWasMadeWithIt() {
    List<Path> plain = List.of(Golden.path("zimage-tiny/forward.safetensors"));
    assertThatThrownBy(
            () ->
                Verification.run(
                    model("zimage"), plain, lora("zimage.safetensors"), Device.CPU, l -> {}))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("lack the metadata lora");
  }

  // ------------------------------------------------------------------ adapters

  @ParameterizedTest
  @CsvSource({"zimage", "lumina2", "sdxl"})
  void withAdaptersAtZeroAllAgreeBitForBitOverOneBase(String family) {
    try (Scope s = Scope.open();
        Backbone base = open(model(family))) {
      LoraSettings settings = new LoraSettings(4, 4, List.of());
      Backbone teacher = base.adapted(Adapters.NONE);
      Backbone student = settings.over(base, Rng.of(1).fork("student"));
      Backbone fake = settings.over(base, Rng.of(1).fork("fake"));
      try (teacher;
          student;
          fake) {
        for (Backbone adapted : List.of(teacher, student, fake)) {
          assertThat(adapted.parameters().base())
              .containsExactlyElementsOf(base.parameters().all());
        }
        assertThat(teacher.parameters().count()).isZero();
        assertThat(student.parameters().count()).isEqualTo(counted(base, 4));
        GoldenFile golden = GoldenFile.read(lora(family + "-forward.safetensors"), Device.CPU);
        ModelFamily.Reference reference = base.family().reference();
        float[] of = answer(reference, teacher, golden);
        assertThat(answer(reference, student, golden)).isEqualTo(of);
        assertThat(answer(reference, fake, golden)).isEqualTo(of);
        assertThat(Lora.of(student).layers().values().iterator().next().a().toFloats())
            .isNotEqualTo(Lora.of(fake).layers().values().iterator().next().a().toFloats());

        // What the adapters learn is theirs alone.
        float[] weights = base.parameters().all().get(0).value().toFloats();
        student.parameters().trainable(true);
        Tensor x = reference.forward(student, golden, leaves(base, golden));
        x.backward(x.detach());
        assertThat(base.parameters().isTrainable()).isFalse();
        for (Parameter p : student.parameters().all()) {
          boolean second = p.name().endsWith("lora_B.weight");
          assertThat(p.value().grad()).as(p.name()).isNotNull();
          float[] gradient = p.value().grad().toFloats();
          boolean zero = true;
          for (float g : gradient) {
            zero &= g == 0;
          }
          // B is zero, so nothing flows through it into A yet.
          assertThat(zero).as(p.name()).isEqualTo(!second);
        }
        assertThat(base.parameters().all().get(0).value().toFloats()).isEqualTo(weights);
      }
      assertThat(base.parameters().all().get(0).value().isOpen()).isTrue();
    }
  }

  private static float[] answer(
      ModelFamily.Reference reference, Backbone network, GoldenFile golden) {
    return reference.forward(network, golden, leaves(network, golden)).toFloats();
  }

  /** r·(in + out) of each target. */
  private static long counted(Backbone base, int rank) {
    long count = 0;
    for (Parameter p : base.parameters().all()) {
      boolean target =
          base.family().loraTargets().stream()
              .anyMatch(end -> p.name().endsWith("." + end + ".weight"));
      if (target) {
        count += rank * Arrays.stream(p.shape()).sum();
      }
    }
    return count;
  }

  @Test
  void aCopyOfANetworkWithAdaptersSharesTheBase() {
    try (Scope s = Scope.open();
        Backbone base = open(model("zimage"));
        Backbone student = new LoraSettings(2, 2, List.of()).over(base, Rng.of(3));
        Backbone copy = student.copy()) {
      assertThat(copy.parameters().base()).containsExactlyElementsOf(base.parameters().all());
      assertThat(copy.parameters().names()).isEqualTo(student.parameters().names());
      Tensor own = copy.parameters().all().get(0).value();
      assertThat(own.toFloats()).isEqualTo(student.parameters().all().get(0).value().toFloats());
      own.zeroInPlace();
      assertThat(student.parameters().all().get(0).value().toFloats()).isNotEqualTo(own.toFloats());
      assertThat(student.obstacleToFusion()).contains("the fused kernels know no adapters");
    }
  }

  @Test
  void targetsThatDoNotExistAreRefusedByName() {
    try (Backbone base = open(model("zimage"))) {
      LoraSettings settings = new LoraSettings(2, 2, List.of("attention.to_q", "attn.to_z"));
      assertThatThrownBy(() -> settings.over(base, Rng.of(1)))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("the network has no layer attn.to_z")
          .hasMessageContaining("attention.to_out.0");
    }
  }

  // ------------------------------------------------------------------ files

  @ParameterizedTest
  @CsvSource({"zimage", "lumina2", "sdxl"})
  void convertedFilesChangeTheNetworkAlike(String family) {
    Path original = lora(family + ".safetensors");
    Path comfy = temporary.resolve("comfy.safetensors");
    Path back = temporary.resolve("back.safetensors");
    ModelSource source = ModelSource.of(model(family));
    int layers = LoraConversion.write(original, source, true, comfy);
    LoraConversion.write(comfy, source, false, back);
    try (Scope s = Scope.open();
        Backbone network = open(model(family))) {
      Map<String, Lora.Factors> first = Lora.read(original, network).layers();
      Map<String, Lora.Factors> second = Lora.read(comfy, network).layers();
      Map<String, Lora.Factors> third = Lora.read(back, network).layers();
      assertThat(first).hasSize(layers);
      assertThat(second.keySet()).isEqualTo(first.keySet());
      assertThat(third.keySet()).isEqualTo(first.keySet());
      first.forEach(
          (layer, f) -> {
            float[] change = change(f);
            assertThat(Golden.relativeError(of(change(second.get(layer))), of(change)))
                .isLessThan(1e-6);
            assertThat(Golden.relativeError(of(change(third.get(layer))), of(change)))
                .isLessThan(1e-6);
          });
    }
    Map<String, String> names =
        Map.of(
            "zimage",
            "diffusion_model.layers.0.attention.to_q.alpha",
            "lumina2",
            "diffusion_model.layers.1.attention.qkv.lora_A.weight",
            "sdxl",
            "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q.lora_down.weight");
    try (Scope s = Scope.open()) {
      assertThat(TensorFiles.read(comfy)).containsKey(names.get(family));
    }
  }

  private static Tensor of(float[] values) {
    return Tensor.of(values, values.length);
  }

  private static float[] change(Lora.Factors f) {
    long r = f.rank();
    return f.b()
        .reshape(f.b().count() / r, r)
        .matmul(f.a().reshape(r, f.a().count() / r))
        .mul(f.scale())
        .contiguous()
        .toFloats();
  }

  @ParameterizedTest
  @CsvSource({"zimage", "lumina2", "sdxl"})
  void ourFileComesBackBitForBit(String family) {
    Path file = temporary.resolve("ours.safetensors");
    try (Scope s = Scope.open();
        Backbone base = open(model(family));
        Backbone student = new LoraSettings(3, 6, List.of()).over(base, Rng.of(5))) {
      Lora written = Lora.of(student);
      written.writeDiffusers(file, base.family(), Map.of("peltast.steps", "4"));
      Lora read = Lora.read(file, base);
      assertThat(read.layers().keySet()).isEqualTo(written.layers().keySet());
      written
          .layers()
          .forEach(
              (layer, f) -> {
                Lora.Factors other = read.layers().get(layer);
                assertThat(other.a().toFloats()).isEqualTo(f.a().toFloats());
                assertThat(other.b().toFloats()).isEqualTo(f.b().toFloats());
                assertThat(other.alpha()).isEqualTo(6.0);
                assertThat(other.scale()).isEqualTo(2.0);
              });
      assertThat(TensorFiles.metadata(file)).containsEntry("peltast.steps", "4");
    }
  }

  @Test
  void howItIsDrawnGoesWithIt() {
    try (TextToImage opened = ModelFolder.open(model("zimage"))) {
      assertThat(DrawingNote.of(opened).metadata())
          .containsEntry("peltast.steps", "50")
          .containsEntry("peltast.shift", "3.0")
          .containsEntry("peltast.dynamic_shifting", "false")
          .containsEntry("peltast.sampler", "euler");
    }
  }

  // ------------------------------------------------------------------ refusals

  private String refused(BiFunction<String, Tensor, Map<String, Tensor>> change) {
    Path file = temporary.resolve("bad.safetensors");
    try (Scope s = Scope.open();
        Backbone network = open(model("zimage"))) {
      Map<String, Tensor> all = new LinkedHashMap<>();
      TensorFiles.read(lora("zimage.safetensors"))
          .forEach((key, value) -> all.putAll(change.apply(key, value)));
      TensorFiles.write(file, all, Map.of());
      float[] before = network.parameters().all().get(3).value().toFloats();
      Throwable refusal =
          org.assertj.core.api.Assertions.catchThrowable(() -> Lora.read(file, network));
      assertThat(refusal).isInstanceOf(ModelException.class);
      assertThat(network.parameters().all().get(3).value().toFloats()).isEqualTo(before);
      assertThat(refusal.getMessage()).startsWith(file + ": the key ").doesNotContain("\n");
      return refusal.getMessage();
    }
  }

  private static final String A = "transformer.layers.0.attention.to_k.lora_A.weight";
  private static final String B = "transformer.layers.0.attention.to_k.lora_B.weight";

  private static Map<String, Tensor> renamed(String key, Tensor value, String from, String to) {
    return Map.of(key.equals(from) ? to : key, value);
  }

  @Test
  void aLoraThatDoesNotFitIsRefusedInASentenceThatNamesTheKey() {
    assertThat(refused((k, v) -> renamed(k, v, A, A.replace("layers.0", "layers.77"))))
        .contains("layers.77.attention.to_k.lora_A.weight changes a layer that the network does");
    assertThat(refused((k, v) -> renamed(k, v, A, A.replace("lora_A", "lora_C"))))
        .contains("to_k.lora_C.weight is none of a LoRA's");
    assertThat(refused((k, v) -> renamed(k, v, A, A.replace("lora_A.weight", "dora_scale"))))
        .contains("to_k.dora_scale belongs to another kind of adapter");
    assertThat(refused((k, v) -> renamed(k, v, A, "lora_te1_text_model_layers_0.lora_down.weight")))
        .contains("lora_te1_text_model_layers_0.lora_down.weight changes a text encoder");
    assertThat(refused((k, v) -> k.equals(B) ? Map.of() : Map.of(k, v)))
        .contains(A + " stands without its second (lora_B, lora_up)");
    assertThat(refused((k, v) -> Map.of(k, k.equals(A) ? v.narrow(1, 0, 31) : v)))
        .contains(A + " is [3, 31], but the layer layers.0.attention.to_k has the weight [32, 32]");
    assertThat(refused((k, v) -> Map.of(k, k.equals(B) ? v.narrow(1, 0, 2) : v)))
        .contains(B + " is [32, 2], but with rank 3 of " + A);
    assertThat(refused((k, v) -> Map.of(k, k.equals(B) ? v.div(0) : v)))
        .contains(B + " holds NaN or infinity");
    assertThat(
            refused(
                (k, v) ->
                    k.equals(A)
                        ? Map.of(
                            k,
                            v,
                            "diffusion_model.layers.0.attention.qkv.lora_A.weight",
                            v,
                            "diffusion_model.layers.0.attention.qkv.lora_B.weight",
                            Tensor.zeros(96, 3))
                        : Map.of(k, v)))
        .contains("changes the layer layers.0.attention.to_k, which ");
  }

  /** A regular expression of a file's own could be one that takes for ever. */
  @Test
  void alphasAreNamedByLayersAndNotByAnyPattern() {
    Path file = temporary.resolve("patterns.safetensors");
    String layer = "layers.0.attention.to_k";
    try (Scope s = Scope.open();
        Backbone network = open(model("zimage"))) {
      Map<String, Tensor> factors =
          Map.of(
              "transformer." + layer + ".lora_A.weight", Tensor.ones(2, 32),
              "transformer." + layer + ".lora_B.weight", Tensor.ones(32, 2));
      for (String name :
          List.of(
              "^" + layer, layer, "attention.to_k", "to_k", "layers\\\\.0\\\\.attention.to_k")) {
        TensorFiles.write(file, factors, metadata(name));
        assertThat(Lora.read(file, network).layers().get(layer).alpha()).as(name).isEqualTo(7);
      }
      for (String other : List.of("o_k", "^to_k", "to_q")) {
        TensorFiles.write(file, factors, metadata(other));
        assertThat(Lora.read(file, network).layers().get(layer).alpha()).as(other).isEqualTo(2);
      }
      for (String pattern : List.of("(.*.*.*.*.*.*.*.*.*)*x", "((){999999999}){999999999}", "")) {
        TensorFiles.write(file, factors, metadata(pattern));
        assertThatThrownBy(() -> Lora.read(file, network))
            .isInstanceOf(ModelException.class)
            .hasMessageContaining("has the alpha_pattern " + pattern)
            .hasMessageContaining("only names of layers are read there");
      }
    }
  }

  private static Map<String, String> metadata(String pattern) {
    return Map.of(
        "lora_adapter_metadata", "{\"transformer.alpha_pattern\": {\"" + pattern + "\": 7}}");
  }

  @Test
  void aFusedProjectionIsSplitAmongItsLayers() {
    Path file = temporary.resolve("fused.safetensors");
    try (Scope s = Scope.open();
        Backbone network = open(model("zimage"))) {
      Tensor a = Rng.of(1).normal(2, 32);
      Tensor b = Rng.of(2).normal(96, 2);
      String key = "lora_unet_layers_1_attention_qkv";
      TensorFiles.write(
          file,
          Map.of(
              key + ".lora_down.weight",
              a,
              key + ".lora_up.weight",
              b,
              key + ".alpha",
              Tensor.scalar(1)),
          Map.of());
      Map<String, Lora.Factors> layers = Lora.read(file, network).layers();
      assertThat(layers.keySet())
          .containsExactly(
              "layers.1.attention.to_q", "layers.1.attention.to_k", "layers.1.attention.to_v");
      Lora.Factors k = layers.get("layers.1.attention.to_k");
      assertThat(k.a().toFloats()).isEqualTo(a.toFloats());
      assertThat(k.b().toFloats()).isEqualTo(b.narrow(0, 32, 32).contiguous().toFloats());
      assertThat(k.scale()).isEqualTo(0.5);
    }
  }
}
