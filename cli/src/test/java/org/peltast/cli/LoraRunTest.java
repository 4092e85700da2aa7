package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.models.lumina2.Lumina2Recipe;
import org.peltast.models.zimage.ZImageRecipe;
import org.peltast.report.PngText;
import org.peltast.safetensors.Checkpoint;
import org.peltast.safetensors.SafetensorsFile;
import org.peltast.tensor.DType;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import org.peltast.testing.TinyModel;

/**
 * Students that are LoRAs over their teacher's weights, of each family: trained, gone on with,
 * drawn with, merged, and handed to diffusers and ComfyUI and back.
 */
class LoraRunTest {
  private static final String LORA = "pytorch_lora_weights.safetensors";

  @TempDir Path folder;
  private Path teacher;
  private Child child;

  @BeforeEach
  void prepare() throws IOException {
    child = new Child(folder);
    teacher = folder.resolve("teacher");
    Files.writeString(folder.resolve("prompts.txt"), "a plain square\na wide field\n");
  }

  private void write(String family) throws IOException {
    List<Integer> dims = List.of(4, 2, 2);
    List<Integer> lens = List.of(160, 16, 16);
    switch (family) {
      case "lumina2" ->
          TinyModel.write(
              teacher, new Lumina2Recipe("pixels", 4, 16, 1, 1, 2, 1, dims, lens, 6), 16, 24);
      case "z-image" ->
          TinyModel.write(
              teacher, new ZImageRecipe("pixels", 4, 16, 1, 1, 2, dims, lens, 6), 16, 24);
      default -> SdxlFolder.write(teacher);
    }
    if (!family.equals("sdxl")) {
      stir(teacher.resolve("transformer/diffusion_pytorch_model.safetensors"));
    }
  }

  /** What is zero in a network from nothing is not in a trained one: nothing would pass it. */
  private static void stir(Path weights) {
    try (Scope s = Scope.open()) {
      Map<String, Tensor> all = new LinkedHashMap<>();
      TensorFiles.read(weights)
          .forEach(
              (name, value) ->
                  all.put(name, value.add(Rng.of(7).fork(name).normal(value.shape()).mul(0.2))));
      TensorFiles.write(weights, all, Map.of("format", "pt"));
    }
  }

  private String[] distill(String family, Path run, String... more) {
    return Child.sets(
        List.of(
            Child.sets(
                List.of(
                    "distill", "--recipe", family, "--teacher", teacher + "", "--out", run + ""),
                "data.images=" + folder.resolve("prompts.txt"),
                "precision=float32",
                "lora.rank=3",
                "lora.alpha=6",
                "steps=4",
                "student.learningRate=0.02",
                "student.warmUp=0",
                "student.ema=0.5",
                "method.fake.updates=1",
                "run.updates=3",
                "run.batch=2",
                "run.microBatches=1",
                "run.looksEvery=0",
                "run.checkpointEvery=0s")),
        more);
  }

  private float[] drawn(String name, Path model, String... more) {
    Path out = folder.resolve(name + ".safetensors");
    List<String> words = new ArrayList<>(List.of("generate", "--model", model + ""));
    words.addAll(List.of("--prompt", "a wide field", "--seed", "5", "--steps", "4"));
    words.addAll(List.of("--guidance", "1", "--sampler", "renoise", "--out", out + ""));
    words.addAll(List.of(more));
    Typed typed = Typed.in(words.toArray(String[]::new));
    assertThat(typed.code()).as(typed.err()).isZero();
    try (Scope s = Scope.open()) {
      return TensorFiles.read(out).get("image").toFloats();
    }
  }

  private static double largest(float[] a, float[] b) {
    assertThat(a).hasSameSizeAs(b);
    double largest = 0;
    for (int i = 0; i < a.length; i++) {
      largest = Math.max(largest, Math.abs(a[i] - b[i]));
    }
    return largest;
  }

  private static double mean(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += Math.abs(a[i] - b[i]);
    }
    return sum / a.length;
  }

  private static void typed(String... words) {
    Typed typed = Typed.in(words);
    assertThat(typed.code()).as(typed.err()).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"z-image", "lumina2", "sdxl"})
  void aStudentThatIsALoraGoesAllTheWay(String family) throws Exception {
    write(family);
    Path run = folder.resolve("run");
    assertThat(child.run(distill(family, run))).as(child.said()).isZero();
    Path student = run.resolve("student");
    assertThat(child.said()).contains("the LoRA alone is in " + student.resolve(LORA));

    // A checkpoint has the adapters alone: no weight of the base is trained or saved.
    try (Checkpoint state =
        SafetensorsFile.open(run.resolve("checkpoints/000003/student.safetensors"))) {
      assertThat(state.tensors().keySet())
          .isNotEmpty()
          .allMatch(name -> name.contains(".lora_A.") || name.contains(".lora_B."))
          .anyMatch(name -> name.startsWith("ema."));
    }
    goesOnBitForBit(family, run);

    // Drawn with the file, merged by the command, converted and exported: the same pictures.
    String component = family.equals("sdxl") ? "unet" : "transformer";
    Path lora = student.resolve(LORA);
    assertThat(TensorFiles.metadata(lora))
        .containsEntry("peltast.steps", "4")
        .containsKey("lora_adapter_metadata");
    String shift = family.equals("z-image") ? "3.0" : "6.0";
    Path as =
        folder.resolve("teacher-as-student"); // its schedule is what the student is drawn with
    Runs.copy(teacher, as);
    Runs.delete(as.resolve("scheduler"));
    Runs.copy(student.resolve("scheduler"), as.resolve("scheduler"));
    float[] without = drawn("without", as);
    float[] with = drawn("with", as, "--lora", lora + "");
    assertThat(largest(with, without)).isGreaterThan(1e-3);
    assertThat(largest(drawn("off", as, "--lora", lora + ":0"), without)).isZero();
    assertThat(mean(drawn("student", student), with)).isLessThan(0.02); // it is in bfloat16

    Path merged = folder.resolve("merged");
    typed(
        "lora",
        "merge",
        "--model",
        teacher + "",
        "--lora",
        lora + "",
        "--out",
        merged + "",
        "--weights",
        "float32");
    assertThat(
            largest(drawn("merged", merged), drawn("teacher-with", teacher, "--lora", lora + "")))
        .isZero();

    Path comfy = folder.resolve("out/comfy-lora.safetensors");
    typed("lora", "convert", lora + "", "--model", as + "", "--to", "comfyui", "--out", comfy + "");
    assertThat(largest(drawn("comfy", as, "--lora", comfy + ""), with)).isLessThan(1e-4);
    assertThat(TensorFiles.metadata(comfy)).containsEntry("peltast.steps", "4");

    Path single = folder.resolve("out/single.safetensors");
    typed("export", student + "", "--to", "comfyui", "--out", single + "");
    assertThat(
            largest(
                drawn("single", student, "--transformer", single + ""), drawn("again", student)))
        .isZero();
    assertSameNumbers(student.resolve(component), single);
    Map<String, String> metadata = TensorFiles.metadata(single);
    assertThat(metadata)
        .containsEntry("peltast.steps", "4")
        .containsEntry("peltast.guidance", "1.0")
        .containsEntry("peltast.sampler", "renoise");
    String note = Files.readString(folder.resolve("out/single.txt"));
    String workflow = Files.readString(folder.resolve("out/single.workflow.json"));
    assertThat(note).contains("steps: 4", "distilled for them");
    assertThat(workflow).contains("\"KSampler\"", "\"steps\" : 4", "\"lcm\"", "single.safetensors");
    if (family.equals("sdxl")) {
      assertThat(metadata).containsEntry("peltast.timesteps", "[999, 749, 499, 249]");
      assertThat(workflow).contains("CheckpointLoaderSimple").doesNotContain("ModelSampling");
    } else {
      assertThat(metadata)
          .containsEntry("peltast.shift", shift)
          .containsEntry("peltast.dynamic_shifting", "false");
      assertThat(note).contains("shift: " + shift);
      assertThat(workflow).contains("ModelSamplingAuraFlow", "\"shift\" : " + shift);
    }
  }

  /** The last checkpoint is gone, as after a kill: the run goes on to the same bits. */
  private void goesOnBitForBit(String family, Path run) throws Exception {
    Map<String, String> results = Runs.results(run);
    Path again = folder.resolve("again");
    Runs.copy(run, again);
    Runs.delete(again.resolve("student"));
    Runs.delete(again.resolve("checkpoints/000003"));
    assertThat(child.run(distill(family, again))).as(child.said()).isZero();
    assertThat(Runs.results(again)).isEqualTo(results);
  }

  /** Every number of a component is in the single file, and it has no other of the network. */
  private static void assertSameNumbers(Path component, Path single) {
    try (Scope s = Scope.open()) {
      Map<String, Tensor> own = TensorFiles.read(component);
      Map<String, Tensor> file = TensorFiles.read(single);
      long count = own.values().stream().mapToLong(t -> t.count()).sum();
      long network =
          file.entrySet().stream()
              .filter(e -> !e.getKey().matches("(conditioner|first_stage_model)\\..*"))
              .mapToLong(e -> e.getValue().count())
              .sum();
      assertThat(network).isEqualTo(count);
      assertThat(new TreeSet<>(file.keySet())).isNotEqualTo(new TreeSet<>(own.keySet()));
    }
  }

  @Test
  void whatDoesNotFitIsOneSentence() throws Exception {
    write("z-image");
    assertThat(
            child.run(distill("z-image", folder.resolve("bad"), "lora.targets=[attention.to_x]")))
        .isEqualTo(ExitCode.USAGE);
    assertThat(child.said())
        .contains("the network has no layer attention.to_x for a LoRA to adapt");
    Path lora = folder.resolve("other.safetensors");
    Files.copy(Path.of("../models/src/test/resources/golden/lora/sdxl.safetensors"), lora);
    Typed typed =
        Typed.in("generate", "--model", teacher + "", "--prompt", "a", "--lora", lora + ":0.5");
    assertThat(typed.code()).isEqualTo(ExitCode.USAGE);
    assertThat(typed.err())
        .hasLineCount(1)
        .contains(lora + ": the key unet.", "changes a layer that the network does not have");
    typed = Typed.in("lora", "merge", "--model", teacher + "", "--out", folder.resolve("m") + "");
    assertThat(typed.code()).isEqualTo(ExitCode.USAGE);
    assertThat(typed.err()).contains("there is no LoRA to merge");
    typed =
        Typed.in("export", teacher + "", "--to", "comfyui", "--out", folder.resolve("a.bin") + "");
    assertThat(typed.code()).isEqualTo(ExitCode.USAGE);
    assertThat(typed.err()).contains("does not end with .safetensors");
    assertThat(folder.resolve("a.bin")).doesNotExist();
    for (String command :
        List.of(
            "export " + teacher + " --to comfyui --out {}/a.bin",
            "import " + lora + " --model " + teacher + " --out {}/model",
            "lora convert " + lora + " --model " + teacher + " --to comfyui --out {}/a.safetensors",
            "lora extract " + folder + "/none --teacher " + teacher + " --out {}/a.safetensors")) {
      Path fresh = folder.resolve("new");
      typed = Typed.in(command.replace("{}", fresh + "/deep").split(" "));
      assertThat(typed.code()).as(command + typed.err()).isEqualTo(ExitCode.USAGE);
      assertThat(fresh).as(command).doesNotExist();
    }
  }

  @Test
  void aMergeReplacesNothingAndTriesNoStrangersPattern() throws Exception {
    write("z-image");
    Path lora = folder.resolve("lora.safetensors");
    try (Scope s = Scope.open()) {
      TensorFiles.write(lora, lora(0), Map.of());
    }
    // A stranger's pattern must not be tried in all ways.
    Path patterned = folder.resolve("patterned.safetensors");
    try (Scope s = Scope.open()) {
      TensorFiles.write(
          patterned,
          lora(0),
          Map.of(
              "lora_adapter_metadata",
              "{\"transformer.lora_alpha\": 1, \"transformer.alpha_pattern\": {\"(a|a)(a|a)(a|a)\": 2}}"));
    }
    Typed hanging =
        Typed.in(
            "lora",
            "merge",
            "--model",
            teacher + "",
            "--lora",
            patterned + "",
            "--out",
            folder.resolve("never") + "");
    assertThat(hanging.code()).isEqualTo(ExitCode.USAGE);
    assertThat(hanging.err()).contains("only names of layers are read there");
    // What is there stays: the base itself, of all things.
    Typed over =
        Typed.in(
            "lora", "merge", "--model", teacher + "", "--lora", lora + "", "--out", teacher + "");
    assertThat(over.code()).isEqualTo(ExitCode.USAGE);
    assertThat(over.err()).contains("is there already");
  }

  /** A merged model is stored as its base is, and float16 refuses what it cannot hold. */
  @Test
  void mergedWeightsAreStoredAsTheBasesAre() throws Exception {
    write("z-image");
    Path weights = teacher.resolve("transformer/diffusion_pytorch_model.safetensors");
    Path lora = folder.resolve("lora.safetensors");
    for (DType dtype : List.of(DType.FLOAT32, DType.BFLOAT16, DType.FLOAT16)) {
      try (Scope s = Scope.open()) {
        TensorFiles.write(weights, TensorFiles.read(weights), Map.of("format", "pt"), dtype);
        TensorFiles.write(lora, lora(0), Map.of());
      }
      Path merged = folder.resolve("merged-" + dtype);
      typed("lora", "merge", "--model", teacher + "", "--lora", lora + "", "--out", merged + "");
      assertThat(merged.resolve("transformer/diffusion_pytorch_model.safetensors"))
          .hasSameBinaryContentAs(weights);
    }
    try (Scope s = Scope.open()) {
      TensorFiles.write(lora, lora(1e6), Map.of());
    }
    Path merged = folder.resolve("too-large");
    Typed typed =
        Typed.in(
            "lora", "merge", "--model", teacher + "", "--lora", lora + "", "--out", merged + "");
    assertThat(typed.code()).isEqualTo(ExitCode.USAGE);
    assertThat(typed.err()).contains("layers.0.attention.to_q.weight", "FLOAT16 cannot");
    assertThat(merged).doesNotExist();
  }

  /** A LoRA of one layer that adds a number to its first row of weights, and nothing to others. */
  private static Map<String, Tensor> lora(double added) {
    float[] b = new float[16];
    b[0] = (float) added;
    return Map.of(
        "transformer.layers.0.attention.to_q.lora_A.weight",
        Tensor.ones(1, 16),
        "transformer.layers.0.attention.to_q.lora_B.weight",
        Tensor.of(b, 16, 1));
  }

  /** A picture says which LoRAs it was drawn with. */
  @Test
  void pngFilesNameTheLora() throws Exception {
    write("z-image");
    Path lora = folder.resolve("zero.safetensors");
    try (Scope s = Scope.open()) {
      TensorFiles.write(
          lora,
          Map.of(
              "transformer.layers.0.attention.to_q.lora_A.weight",
              Tensor.ones(2, 16),
              "transformer.layers.0.attention.to_q.lora_B.weight",
              Tensor.zeros(16, 2)),
          Map.of());
    }
    Path png = folder.resolve("a.png");
    typed(
        "generate",
        "--model",
        teacher + "",
        "--prompt",
        "a",
        "--lora",
        lora + ":0.5",
        "--out",
        png + "");
    assertThat(PngText.read(png)).containsEntry("model.lora", "zero.safetensors:0.5");
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left.map(p -> p.getFileName() + "")).noneMatch(n -> n.contains(".tmp"));
    }
  }
}
