package org.peltast.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.safetensors.SafetensorsType;
import org.peltast.safetensors.SafetensorsWriter;
import org.peltast.safetensors.TensorData;
import org.peltast.safetensors.TensorInfo;
import org.peltast.tensor.DType;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import org.peltast.testing.TinyModel;

/**
 * Model folders as other people's tools write them, and as they lie on other people's machines:
 * each is used as it is meant, or refused in one sentence. All by the commands that a user types.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class OtherToolsModelsTest {
  private static final String PLAIN = "diffusion_pytorch_model.safetensors";
  private static final String WEIGHTS = "transformer/" + PLAIN;
  private static final int HEADS_WIDTH = 16;

  private Path root = Path.of("");
  private Path sound = Path.of("");
  private byte[] drawn = {};
  private int cases;

  private record Outcome(int code, String out, String err, byte[] picture) {}

  @BeforeAll
  void aSoundModelAndItsPicture(@TempDir Path temporary) throws IOException {
    root = temporary.toRealPath();
    sound = root.resolve("sound");
    TinyModel.write(sound);
    Rng rng = Rng.of(3);
    rewrite( // an untrained one draws noise, whatever its blocks say
        sound.resolve(WEIGHTS),
        sound.resolve(WEIGHTS),
        t ->
            t.replaceAll(
                (name, value) -> value.add(rng.fork(name).normal(value.shape()).mul(0.2))));
    System.setProperty("peltast.home", root.toString());
    System.setProperty("peltast.cache", root.resolve("cache").toString());
    drawn = draw(sound).picture();
    assertThat(drawn).isNotEmpty();
  }

  @AfterAll
  void noHome() {
    System.clearProperty("peltast.home");
    System.clearProperty("peltast.cache");
  }

  // ------------------------------------------------------------------ typing

  private static Outcome type(String... words) {
    Typed typed = Typed.in(words);
    assertThat(typed.err()).doesNotContain("Exception", "\tat ");
    return new Outcome(typed.code(), typed.out(), typed.err(), new byte[0]);
  }

  private Outcome draw(Path model, String... more) throws IOException {
    Path out = root.resolve("drawn-" + cases++ + ".png");
    List<String> words =
        new ArrayList<>(List.of("generate", "--model", "" + model, "--prompt", "an owl"));
    words.addAll(List.of(more));
    words.addAll(List.of("--out", out.toString()));
    Outcome told = type(words.toArray(String[]::new));
    return new Outcome(
        told.code(),
        told.out(),
        told.err(),
        Files.exists(out) ? Files.readAllBytes(out) : new byte[0]);
  }

  private void requireDrawn(Path model, String... more) throws IOException {
    Outcome outcome = draw(model, more);
    assertThat(outcome.code()).as(outcome.err()).isZero();
    assertThat(outcome.picture()).isEqualTo(drawn);
  }

  private void requireRefused(Path model, String... says) throws IOException {
    Outcome outcome = draw(model);
    assertThat(outcome.code()).as(outcome.err()).isEqualTo(ExitCode.USAGE);
    assertThat(outcome.err()).contains(says).startsWith("peltast: ").hasLineCount(1);
  }

  /** A copy of the sound model. */
  private Path copy(String name) throws IOException {
    Path copy = root.resolve(name);
    Runs.copy(sound, copy);
    return copy;
  }

  private static void write(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  private static void edit(Path file, String from, String to) throws IOException {
    String text = Files.readString(file);
    assertThat(text).contains(from);
    Files.writeString(file, text.replace(from, to));
  }

  private interface Change {
    void to(Map<String, Tensor> tensors);
  }

  /** The tensors of a file, changed, in another. */
  private static void rewrite(Path from, Path to, Change change) {
    try (Scope scope = Scope.open()) {
      Map<String, Tensor> tensors = new TreeMap<>(TensorFiles.read(from));
      change.to(tensors);
      TensorFiles.write(to, tensors, Map.of());
    }
  }

  /** Twice the head's bias: another picture. */
  private static void another(Map<String, Tensor> tensors) {
    tensors.replaceAll(
        (name, value) ->
            name.equals("x_pad_token") || name.contains("bias") ? value.add(0.25) : value);
  }

  // ------------------------------------------------------------------ variants and neighbours

  @Test
  void aVariantIsReadWhenItIsAskedForAndThePlainFileElse() throws IOException {
    Path model = copy("variants");
    Path transformer = model.resolve("transformer");
    rewrite(
        model.resolve(WEIGHTS),
        transformer.resolve("diffusion_pytorch_model.fp16.safetensors"),
        t -> {
          another(t);
          t.replaceAll((name, value) -> value.to(DType.FLOAT16));
        });
    for (String other : List.of("diffusion_pytorch_model.bin", "model.onnx", "flax.msgpack")) {
      write(transformer.resolve(other), "weights in another format");
    }
    requireDrawn(model);
    Outcome variant = draw(model, "--variant", "fp16");
    assertThat(variant.code()).as(variant.err()).isZero();
    assertThat(variant.picture()).isNotEmpty().isNotEqualTo(drawn);

    Outcome none = draw(model, "--variant", "bf16");
    assertThat(none.code()).isEqualTo(ExitCode.USAGE);
    assertThat(none.err()).contains("no weights of the variant bf16; it has fp16");
    assertThat(draw(sound, "--variant", "fp16").err()).contains("leave the variant out");

    Outcome listed = type("inspect", model.toString());
    assertThat(listed.out()).contains(PLAIN, "model.fp16.safetensors", "F16", "F32");
    Outcome one = type("inspect", model.toString(), "--variant", "fp16");
    assertThat(one.out()).contains("fp16.safetensors", "F16").doesNotContain("F32", PLAIN);
  }

  @ParameterizedTest
  @CsvSource({
    "diffusion_pytorch_model.safetensors.index.fp16.json, model.fp16-0000%d-of-00002.safetensors",
    "diffusion_pytorch_model.fp16.safetensors.index.json, model-0000%d-of-00002.fp16.safetensors"
  })
  void aVariantInShardsBesideThePlainFile(String index, String shards) throws IOException {
    Path model = copy("sharded-" + cases++);
    Path transformer = model.resolve("transformer");
    Map<String, String> map = new LinkedHashMap<>();
    try (Scope scope = Scope.open()) {
      Map<String, Tensor> all = new TreeMap<>(TensorFiles.read(model.resolve(WEIGHTS)));
      another(all);
      List<Map<String, Tensor>> parts = List.of(new TreeMap<>(), new TreeMap<>());
      all.forEach((name, value) -> parts.get(map.size() % 2).put(named(map, name, shards), value));
      for (int i = 0; i < parts.size(); i++) {
        TensorFiles.write(transformer.resolve(shards.formatted(i + 1)), parts.get(i), Map.of());
      }
    }
    String entries =
        map.entrySet().stream()
            .map(e -> "\"%s\": \"%s\"".formatted(e.getKey(), e.getValue()))
            .collect(Collectors.joining(","));
    write(
        transformer.resolve(index),
        "{\"metadata\": {\"total_size\": NaN}, \"weight_map\": {" + entries + "}}");
    requireDrawn(model);
    Outcome variant = draw(model, "--variant", "fp16");
    assertThat(variant.code()).as(variant.err()).isZero();
    assertThat(variant.picture()).isNotEmpty().isNotEqualTo(drawn);
  }

  private static String named(Map<String, String> map, String name, String shards) {
    map.put(name, shards.formatted(map.size() % 2 + 1));
    return name;
  }

  @ParameterizedTest
  @ValueSource(strings = {"diffusion_pytorch_model.bin", "model.ckpt", "weights.pth"})
  void picklesAloneAreOneSentenceThatSaysHowToConvert(String pickle) throws IOException {
    Path model = copy("pickle-" + cases++);
    Files.move(model.resolve(WEIGHTS), model.resolve("transformer").resolve(pickle));
    requireRefused(model, pickle, "pickle", "safetensors.torch.save_file");
    Outcome listed = type("inspect", model.resolve("transformer").toString());
    assertThat(listed.code()).isEqualTo(ExitCode.USAGE);
    assertThat(listed.err()).contains(pickle, "convert them");
  }

  @Test
  void twoPlainCheckpointsAreRefusedWithAMendThatCanBeFollowed() throws IOException {
    Path model = copy("two");
    Files.copy(model.resolve(WEIGHTS), model.resolve("transformer/other.safetensors"));
    requireRefused(model, "more than one checkpoint", "move the others out of the folder");
    requireDrawn(model, "--transformer", model.resolve(WEIGHTS).toString());
  }

  @Test
  void shardsWithoutTheirIndexAreNamed() throws IOException {
    Path model = copy("no-index");
    Path transformer = model.resolve("transformer");
    Path first = transformer.resolve("diffusion_pytorch_model-00001-of-00002.safetensors");
    Files.move(model.resolve(WEIGHTS), first);
    requireRefused(model, "it holds shards (", "fetch the file that ends in .safetensors.index");
    Files.copy(first, transformer.resolve("diffusion_pytorch_model-00002-of-00002.safetensors"));
    requireRefused(model, "00002-of-00002", "but not the index that says what is in which");
    Files.delete(transformer.resolve("diffusion_pytorch_model-00002-of-00002.safetensors"));
    Files.move(first, transformer.resolve("diffusion_pytorch_model-00001-of-00001.safetensors"));
    requireDrawn(model);
  }

  @ParameterizedTest
  @ValueSource(strings = {"z_image.sft", "diffusion_pytorch_model.SAFETENSORS"})
  void theEndingMayBeAnother(String name) throws IOException {
    Path model = copy("ending-" + cases++);
    Files.move(model.resolve(WEIGHTS), model.resolve("transformer").resolve(name));
    requireDrawn(model);
    assertThat(type("inspect", model.toString()).out()).contains(name, "x_pad_token");
  }

  /** As a network is saved that was not taken out of what it was trained in. */
  @ParameterizedTest
  @CsvSource({"_orig_mod.,", "module.,", "module._orig_mod.,", ",_orig_mod."})
  void namesOfWrappersAreTakenOff(String before, String within) throws IOException {
    Path model = copy("wrapped-" + cases++);
    rewrite(
        sound.resolve(WEIGHTS),
        model.resolve(WEIGHTS),
        tensors -> {
          Map<String, Tensor> wrapped = new TreeMap<>();
          tensors.forEach(
              (name, value) ->
                  wrapped.put(
                      (before == null ? "" : before)
                          + name.replaceFirst(
                              "^(layers\\.\\d+\\.)", "$1" + (within == null ? "" : within)),
                      value));
          tensors.clear();
          tensors.putAll(wrapped);
        });
    requireDrawn(model);
  }

  @Test
  void whatDesktopsAndDownloadsLeaveBehindIsPassedOver() throws IOException {
    Path model = copy("littered");
    Path run = root.resolve("littered-run");
    String[] distil = distillation(model, run, 1);
    assertThat(type(distil).code()).isZero();
    litter(model);
    litter(run.resolve("checkpoints/000001"));
    requireDrawn(model);
    Outcome again = type(distil);
    assertThat(again.code()).as(again.err()).isZero();
    assertThat(again.err()).doesNotContain("damaged", "not in manifest");
    Outcome listed = type("inspect", model.toString());
    assertThat(listed.code()).as(listed.err()).isZero();
    assertThat(listed.out())
        .isEqualTo(type("inspect", sound + "").out().replace("sound", "littered"));
  }

  private static void litter(Path folder) throws IOException {
    write(folder.resolve(".DS_Store"), "Bud1");
    write(folder.resolve("Thumbs.db"), "thumbnails");
    write(folder.resolve("desktop.ini"), "[ViewState]");
    write(folder.resolve("transformer/._" + PLAIN), "AppleDouble");
    write(folder.resolve("transformer/.DS_Store"), "Bud1");
    write(folder.resolve("vae/.DS_Store"), "Bud1");
    write(folder.resolve(".cache/huggingface/download/" + WEIGHTS + ".metadata"), "0\n0\n0\n");
    write(folder.resolve(".cache/huggingface/x.safetensors"), "half");
  }

  // ------------------------------------------------------------------ links

  /** As the hub's cache has it: names in snapshots/ are links to blobs/. */
  @Test
  void aModelBelowLinksIsReadAndAChangedByteBehindThemIsNoticed() throws IOException {
    Path snapshot = root.resolve("hub/models--x/snapshots/0123");
    Path blobs = Files.createDirectories(root.resolve("hub/models--x/blobs"));
    try (var walk = Files.walk(sound)) {
      int number = 0;
      for (Path file : walk.filter(Files::isRegularFile).toList()) {
        Path link = snapshot.resolve(sound.relativize(file).toString());
        Path blob = blobs.resolve("blob" + number++);
        Files.copy(file, blob);
        Files.createDirectories(link.getParent());
        Files.createSymbolicLink(link, link.getParent().relativize(blob));
      }
    }
    Path linked = Files.createSymbolicLink(root.resolve("linked-model"), snapshot);
    requireDrawn(linked);
    assertThat(type("inspect", linked.toString()).out()).contains(PLAIN);

    Path repository = root.resolve("hub/models--x");
    requireRefused(repository, "holds no model_index.json; name " + snapshot);

    Path run = root.resolve("linked-run");
    assertThat(type(distillation(linked, run, 1)).code()).isZero();
    Outcome again = type(distillation(sound, run, 1)); // the same, lying elsewhere
    assertThat(again.code()).as(again.err()).isZero();
    Path weights = snapshot.resolve(WEIGHTS).toRealPath();
    Runs.flip(weights, (int) Files.size(weights) - 2);
    Outcome changed = type(distillation(linked, run, 1));
    assertThat(changed.code()).isEqualTo(ExitCode.USAGE);
    assertThat(changed.err()).contains("what it reads has changed since it began (teacher)");
  }

  // ------------------------------------------------------------------ going on

  private static String[] distillation(Path teacher, Path out, int updates) {
    return Child.sets(
        List.of("distill", "--teacher", teacher.toString(), "--out", out.toString()),
        "data.images=" + prompts(out),
        "precision=float32",
        "device=cpu",
        "run.batch=2",
        "run.looksEvery=0",
        "run.checkpointEvery=0s",
        "run.updates=" + updates);
  }

  private static Path prompts(Path out) {
    Path file = out.resolveSibling("prompts.txt");
    try {
      Files.writeString(file, "a red owl\na blue boat\n");
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
    return file;
  }

  @Test
  void aRunGoesOnToMoreUpdatesFromWhereverItsInputsLie() throws IOException {
    Path here = Path.of("").toAbsolutePath();
    Path run = root.resolve("longer");
    Outcome first = type(distillation(here.relativize(sound), run, 1));
    assertThat(first.code()).as(first.err()).isZero();
    assertThat(Files.readString(run.resolve("recipe.yaml"))).contains("teacher: " + sound);

    Path moved = copy("moved");
    Path list = root.resolve("other-name.txt");
    Files.copy(prompts(run), list);
    Outcome more =
        type(
            "distill",
            "--out",
            "" + run,
            "--teacher",
            "" + moved,
            "--resume",
            "--set",
            "run.updates=3",
            "--set",
            "data.images=" + list);
    assertThat(more.code()).as(more.err()).isZero();
    assertThat(more.err()).contains("goes on to 3 updates instead of 1");
    assertThat(Runs.figures(run)).hasSize(3);
    assertThat(Files.readString(run.resolve("recipe.yaml"))).contains("updates: 3", "" + moved);

    // A command that is refused changes nothing, and says nothing of what it would have done.
    String recipe = Files.readString(run.resolve("recipe.yaml"));
    for (String set : List.of("teacher=nowhere", "run.batch=7", "data.images=nowhere.txt")) {
      Outcome refused = type("distill", "--out", "" + run, "--set", "run.updates=9", "--set", set);
      assertThat(refused.code()).as(refused.err()).isEqualTo(ExitCode.USAGE);
      assertThat(refused.err()).doesNotContain("goes on to").hasLineCount(1);
      assertThat(run.resolve("recipe.yaml")).hasContent(recipe);
    }

    Outcome fewer = type("distill", "--out", "" + run, "--set", "run.updates=2");
    assertThat(fewer.code()).isEqualTo(ExitCode.USAGE);
    assertThat(fewer.err()).contains("it says 'updates: 3', not 'updates: 2'").hasLineCount(1);
    edit(moved.resolve("peltast.json"), "\"guidance\" : 3", "\"guidance\" : 4");
    assertThat(type("distill", "--out", "" + run).err()).contains("has changed", "(teacher)");
  }

  // ------------------------------------------------------------------ single files

  /** The original's names, as ComfyUI's single files have them. */
  private static void comfy(Map<String, Tensor> tensors, String prefix) {
    Map<String, Tensor> renamed = new TreeMap<>();
    for (String name : List.copyOf(tensors.keySet())) {
      if (name.endsWith(".attention.to_q.weight")) {
        String block = name.substring(0, name.length() - "to_q.weight".length());
        renamed.put(
            prefix + block + "qkv.weight",
            Tensor.cat(
                List.of(
                    of(tensors, name),
                    of(tensors, block + "to_k.weight"),
                    of(tensors, block + "to_v.weight")),
                0));
      } else if (!name.matches(".*\\.attention\\.to_[kv]\\.weight")) {
        renamed.put(
            prefix
                + name.replace(".attention.to_out.0.", ".attention.out.")
                    .replace(".attention.norm_q.", ".attention.q_norm.")
                    .replace(".attention.norm_k.", ".attention.k_norm.")
                    .replaceFirst("^all_(x_embedder|final_layer)\\.\\d+-1\\.", "$1."),
            of(tensors, name));
      }
    }
    renamed.put(prefix + "norm_final.weight", Tensor.zeros(HEADS_WIDTH));
    tensors.clear();
    tensors.putAll(renamed);
  }

  private static Tensor of(Map<String, Tensor> tensors, String name) {
    Tensor tensor = tensors.get(name);
    assertThat(tensor).as(name).isNotNull();
    return tensor;
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "model.diffusion_model."})
  void aSingleFileOfComfyUiIsTheTransformer(String prefix) throws IOException {
    Path file = root.resolve("comfy-" + cases++ + ".safetensors");
    rewrite(
        sound.resolve(WEIGHTS),
        file,
        t -> {
          comfy(t, prefix);
          if (!prefix.isEmpty()) { // a whole model in one file
            t.put("vae.decoder.conv_in.weight", Tensor.zeros(2, 2));
            t.put("text_encoders.qwen3_4b.model.norm.weight", Tensor.zeros(2));
          }
        });
    requireDrawn(sound, "--transformer", file.toString());
    assertThat(type("inspect", file.toString()).out()).contains(prefix + "layers.0.attention.qkv");

    Path model = copy("comfy-folder-" + cases++);
    Files.delete(model.resolve(WEIGHTS));
    Files.copy(file, model.resolve("transformer/z_image.safetensors"));
    requireDrawn(model);

    if (prefix.isEmpty()) {
      return;
    }
    Path run = root.resolve("comfy-run-" + cases++);
    List<String> distil = new ArrayList<>(List.of(distillation(sound, run, 1)));
    distil.addAll(List.of("--transformer", file.toString()));
    Outcome distilled = type(distil.toArray(String[]::new));
    assertThat(distilled.code()).as(distilled.err()).isZero();
    assertThat(Files.readString(run.resolve("recipe.yaml"))).contains("transformer: " + file);
  }

  /** E4M3 with one scale for each weight, for each row and for each block; E5M2 without. */
  @ParameterizedTest
  @CsvSource({
    "F8_E4M3, .scale_weight, whole",
    "F8_E4M3, .weight_scale, rows",
    "F8_E4M3, .weight_scale_inv, blocks",
    "F8_E4M3, .weight_scale_inv, as many blocks as rows",
    "F8_E5M2, '', none"
  })
  void weightsOfEightBitsAreWidened(SafetensorsType type, String scale, String each)
      throws IOException {
    Path file = root.resolve("fp8-" + cases++ + ".safetensors");
    Path wide = root.resolve("wide-" + cases++ + ".safetensors");
    List<TensorData> narrow = new ArrayList<>();
    try (Scope scope = Scope.open()) {
      Map<String, Tensor> tensors = new TreeMap<>(TensorFiles.read(sound.resolve(WEIGHTS)));
      comfy(tensors, "model.diffusion_model.");
      for (Map.Entry<String, Tensor> e : Map.copyOf(tensors).entrySet()) {
        String name = e.getKey();
        long[] shape = e.getValue().shape();
        boolean many = each.startsWith("as many");
        if (shape.length != 2
            || !name.endsWith(".weight")
            || !name.contains("layers.")
            || many && (shape[0] != 16 || shape[1] % 4 != 0)) {
          narrow.add(data(name, SafetensorsType.F32, shape, e.getValue().toFloats()));
          continue;
        }
        float[] factors = new float[(int) (shape[0] * shape[1])];
        float[] values = e.getValue().toFloats();
        byte[] codes = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
          long row = i / shape[1];
          long column = i % shape[1];
          factors[i] =
              switch (each) {
                case "whole" -> 0.0078125f;
                case "rows" -> 0.0078125f * (1 + row % 3);
                case "blocks" ->
                    0.0078125f * (1 + (row / (shape[0] / 2) + column / (shape[1] / 2)));
                case "as many blocks as rows" ->
                    0.0078125f * (1 + row * 4 / shape[0] + column * 4 / shape[1]);
                default -> 1;
              };
          codes[i] = nearest(type, values[i] / factors[i]);
          values[i] = value(type, codes[i]) * factors[i];
        }
        tensors.put(name, Tensor.of(values, shape));
        ByteBuffer bytes = ByteBuffer.wrap(codes);
        narrow.add(TensorData.of(TensorInfo.of(name, type, shape), bytes::duplicate));
        String base = name.substring(0, name.length() - ".weight".length());
        if (each.equals("whole")) {
          narrow.add(data(base + scale, SafetensorsType.F32, new long[0], 0.0078125f));
          narrow.add(data(base + ".scale_input", SafetensorsType.F32, new long[0], 1));
        } else if (each.equals("rows")) {
          float[] rows = new float[(int) shape[0]];
          for (int i = 0; i < rows.length; i++) {
            rows[i] = 0.0078125f * (1 + i % 3);
          }
          narrow.add(data(base + scale, SafetensorsType.F32, new long[] {shape[0], 1}, rows));
          byte[] format = "{\"format\": \"float8_e4m3fn\"}".getBytes(UTF_8);
          narrow.add(
              TensorData.of(
                  TensorInfo.of(base + ".comfy_quant", SafetensorsType.U8, format.length),
                  () -> ByteBuffer.wrap(format)));
        } else if (each.equals("blocks")) {
          float f = 0.0078125f;
          narrow.add(
              data(base + scale, SafetensorsType.F32, new long[] {2, 2}, f, 2 * f, 2 * f, 3 * f));
        } else if (many) {
          float[] blocks = new float[16];
          for (int i = 0; i < blocks.length; i++) {
            blocks[i] = 0.0078125f * (1 + i / 4 + i % 4);
          }
          narrow.add(data(base + scale, SafetensorsType.F32, new long[] {4, 4}, blocks));
        }
      }
      if (each.equals("whole")) {
        narrow.add(
            TensorData.of(
                TensorInfo.of("model.diffusion_model.scaled_fp8", type, 0),
                () -> ByteBuffer.allocate(0)));
      }
      TensorFiles.write(wide, tensors, Map.of());
    }
    SafetensorsWriter.write(file, Map.of(), narrow);
    byte[] expected = draw(sound, "--transformer", wide.toString()).picture();
    Outcome outcome = draw(sound, "--transformer", file.toString());
    assertThat(outcome.code()).as(outcome.err()).isZero();
    assertThat(outcome.picture()).isEqualTo(expected).isNotEqualTo(drawn);
    assertThat(type("inspect", file.toString()).out()).contains(type.name());
  }

  private static TensorData data(String name, SafetensorsType type, long[] shape, float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return TensorData.of(TensorInfo.of(name, type, shape), bytes::duplicate);
  }

  /** By the formats' definitions, written down once more. */
  private static float value(SafetensorsType type, byte code) {
    int mantissaBits = type == SafetensorsType.F8_E4M3 ? 3 : 2;
    int bias = type == SafetensorsType.F8_E4M3 ? 7 : 15;
    int exponent = (code & 0x7f) >> mantissaBits;
    float mantissa = (code & (1 << mantissaBits) - 1) / (float) (1 << mantissaBits);
    float size =
        exponent == 0 ? Math.scalb(mantissa, 1 - bias) : Math.scalb(1 + mantissa, exponent - bias);
    return code < 0 ? -size : size;
  }

  private static byte nearest(SafetensorsType type, float wanted) {
    int last = type == SafetensorsType.F8_E4M3 ? 0x7e : 0x7b; // what follows is no number
    byte best = 0;
    for (int code = 0; code <= last; code++) {
      byte signed = (byte) (wanted < 0 ? code | 0x80 : code);
      if (Math.abs(value(type, signed) - wanted) < Math.abs(value(type, best) - wanted)) {
        best = signed;
      }
    }
    return best;
  }

  @ParameterizedTest
  @CsvSource({
    "layers.0.attention.qkv.weight_scale_2, F32, ''",
    "layers.0.attention.qkv.comfy_quant, U8, '{\"format\": \"nvfp4\"}'",
    "layers.0.attention.qkv.weight.absmax, F32, ''"
  })
  void otherQuantisationsAreRefusedByName(String name, SafetensorsType type, String text)
      throws IOException {
    Path file = root.resolve("quantised-" + cases++ + ".safetensors");
    List<TensorData> all = new ArrayList<>();
    try (Scope scope = Scope.open()) {
      TensorFiles.read(sound.resolve(WEIGHTS))
          .forEach((n, t) -> all.add(data(n, SafetensorsType.F32, t.shape(), t.toFloats())));
    }
    byte[] bytes = text.isEmpty() ? new byte[4] : text.getBytes(UTF_8);
    long[] shape = {text.isEmpty() ? 1 : bytes.length};
    all.add(TensorData.of(TensorInfo.of(name, type, shape), () -> ByteBuffer.wrap(bytes)));
    SafetensorsWriter.write(file, Map.of(), all);
    Outcome outcome = draw(sound, "--transformer", file.toString());
    assertThat(outcome.code()).isEqualTo(ExitCode.USAGE);
    assertThat(outcome.err()).contains("quantised", "only 8-bit floats are read").hasLineCount(1);
  }

  @Test
  void aTransformerThatIsNotThereOrAModelThatIsAFileIsOneSentence() throws IOException {
    Outcome none = draw(sound, "--transformer", root.resolve("none.safetensors").toString());
    assertThat(none.code()).isEqualTo(ExitCode.USAGE);
    assertThat(none.err()).contains("none.safetensors does not exist; name").hasLineCount(1);
    Outcome file = draw(sound.resolve(WEIGHTS));
    assertThat(file.err()).contains("is not a folder", "as its transformer").hasLineCount(1);
  }

  // ------------------------------------------------------------------ autoencoders

  /** A small AutoencoderKL of two resolutions: names and shapes as diffusers has them. */
  private static Map<String, long[]> autoencoder() {
    Map<String, long[]> all = new TreeMap<>();
    for (String side : List.of("encoder", "decoder")) {
      boolean encoder = side.equals("encoder");
      convolution(all, side + ".conv_in", encoder ? 3 : 3, encoder ? 4 : 8, 3);
      for (int i = 0; i < 2; i++) {
        String block = side + (encoder ? ".down_blocks." : ".up_blocks.") + i;
        int to = encoder == (i == 0) ? 4 : 8;
        int in = encoder ? 4 : 8;
        for (int j = 0; j < (encoder ? 1 : 2); j++) {
          resnet(all, block + ".resnets." + j, j == 0 ? in : to, to);
        }
        if (i == 0) {
          convolution(
              all, block + (encoder ? ".downsamplers" : ".upsamplers") + ".0.conv", to, to, 3);
        }
      }
      resnet(all, side + ".mid_block.resnets.0", 8, 8);
      resnet(all, side + ".mid_block.resnets.1", 8, 8);
      norm(all, side + ".mid_block.attentions.0.group_norm", 8);
      for (String layer : List.of("to_q", "to_k", "to_v", "to_out.0")) {
        all.put(side + ".mid_block.attentions.0." + layer + ".weight", new long[] {8, 8});
        all.put(side + ".mid_block.attentions.0." + layer + ".bias", new long[] {8});
      }
      norm(all, side + ".conv_norm_out", encoder ? 8 : 4);
      convolution(all, side + ".conv_out", encoder ? 8 : 4, encoder ? 6 : 3, 3);
    }
    convolution(all, "quant_conv", 6, 6, 1);
    convolution(all, "post_quant_conv", 3, 3, 1);
    return all;
  }

  private static void resnet(Map<String, long[]> all, String name, int in, int out) {
    norm(all, name + ".norm1", in);
    convolution(all, name + ".conv1", in, out, 3);
    norm(all, name + ".norm2", out);
    convolution(all, name + ".conv2", out, out, 3);
    if (in != out) {
      convolution(all, name + ".conv_shortcut", in, out, 1);
    }
  }

  private static void norm(Map<String, long[]> all, String name, int width) {
    all.put(name + ".weight", new long[] {width});
    all.put(name + ".bias", new long[] {width});
  }

  private static void convolution(Map<String, long[]> all, String name, int in, int out, int k) {
    all.put(name + ".weight", new long[] {out, in, k, k});
    all.put(name + ".bias", new long[] {out});
  }

  private static final String OF_AUTOENCODER =
      """
      {"_class_name": "AutoencoderKL", "_diffusers_version": "0.5.0", "in_channels": 3,
       "out_channels": 3, "latent_channels": 3, "block_out_channels": [4, 8],
       "layers_per_block": 1, "norm_num_groups": 2, "act_fn": "silu", "sample_size": NaN,
       "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D"],
       "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D"], "scaling_factor": 0.5}
      """;

  private Path withAutoencoder(String name, UnaryOperator<String> names, boolean kernels)
      throws IOException {
    Path model = copy(name);
    edit(
        model.resolve("model_index.json"),
        "\"peltast\", \"PixelCodec\"",
        "\"diffusers\", \"AutoencoderKL\"");
    Files.writeString(model.resolve("vae/config.json"), OF_AUTOENCODER);
    try (Scope scope = Scope.open()) {
      Map<String, Tensor> tensors = new TreeMap<>();
      Rng rng = Rng.of(5);
      int number = 0;
      for (Map.Entry<String, long[]> e : autoencoder().entrySet()) {
        Tensor value = rng.fork(number++).normal(e.getValue()).mul(0.2);
        boolean isKernel = kernels && e.getKey().matches(".*attentions.0.to_.*weight");
        tensors.put(names.apply(e.getKey()), isKernel ? value.unsqueeze(-1).unsqueeze(-1) : value);
      }
      TensorFiles.write(
          model.resolve("vae/diffusion_pytorch_model.safetensors"), tensors, Map.of());
    }
    return model;
  }

  private static String old(String name) {
    return name.replace(".to_q.", ".query.")
        .replace(".to_k.", ".key.")
        .replace(".to_v.", ".value.")
        .replace(".to_out.0.", ".proj_attn.");
  }

  private static String latentDiffusions(String name) {
    return "first_stage_model."
        + name.replace("down_blocks.", "down.")
            .replaceFirst("decoder\\.up_blocks\\.0\\.", "decoder.up.1.")
            .replaceFirst("decoder\\.up_blocks\\.1\\.", "decoder.up.0.")
            .replaceFirst("mid_block\\.resnets\\.0\\.", "mid.block_1.")
            .replaceFirst("mid_block\\.resnets\\.1\\.", "mid.block_2.")
            .replace("resnets.", "block.")
            .replace("downsamplers.0.", "downsample.")
            .replace("upsamplers.0.", "upsample.")
            .replace("conv_shortcut.", "nin_shortcut.")
            .replace("conv_norm_out.", "norm_out.")
            .replace("mid_block.attentions.0.group_norm.", "mid.attn_1.norm.")
            .replace("mid_block.attentions.0.to_out.0.", "mid.attn_1.proj_out.")
            .replaceFirst("mid_block\\.attentions\\.0\\.to_([qkv])\\.", "mid.attn_1.$1.");
  }

  @Test
  void anAutoencoderWithOldNamesOrThoseOfLatentDiffusionIsRead() throws IOException {
    Outcome now = draw(withAutoencoder("vae-now", name -> name, false));
    assertThat(now.code()).as(now.err()).isZero();
    assertThat(now.picture()).isNotEqualTo(drawn);
    Outcome old = draw(withAutoencoder("vae-old", OtherToolsModelsTest::old, false));
    assertThat(old.code()).as(old.err()).isZero();
    assertThat(old.picture()).isEqualTo(now.picture());
    Path single = withAutoencoder("vae-ldm", OtherToolsModelsTest::latentDiffusions, true);
    Outcome ldm = draw(single);
    assertThat(ldm.code()).as(ldm.err()).isZero();
    assertThat(ldm.picture()).isEqualTo(now.picture());

    // What is written is as diffusers reads it.
    Path run = root.resolve("vae-run");
    Outcome distilled = type(distillation(single, run, 1));
    assertThat(distilled.code()).as(distilled.err()).isZero();
    assertThat(type("inspect", run.resolve("student/vae").toString()).out())
        .contains("decoder.mid_block.attentions.0.to_q.weight")
        .doesNotContain("first_stage_model");
  }

  // ------------------------------------------------------------------ configurations

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"quantization_config\": {\"quant_method\": \"bitsandbytes\"} | quantization_config is set (bitsandbytes)",
        "\"rope_scaling\": 2.0 | the key rope_scaling is not one that is read"
      })
  void aConfigurationThatChangesTheMathematicsIsRefused(String entry, String says)
      throws IOException {
    Path model = copy("config-" + cases++);
    edit(model.resolve("transformer/config.json"), "\"n_kv_heads\" : 1,", "");
    edit(model.resolve("transformer/config.json"), "{", "{" + entry + ",");
    requireRefused(model, "transformer/config.json", says);
  }

  @Test
  void whatChangesNothingIsPassedOver() throws IOException {
    Path model = copy("harmless");
    edit(
        model.resolve("transformer/config.json"),
        "{",
        "{\"_name_or_path\": \"/home/me/x\", \"_diffusers_version\": NaN, \"torch_dtype\": \"float16\","
            + " \"transformers_version\": Infinity, \"pooled_projection_dim\": null, ");
    edit(model.resolve("scheduler/scheduler_config.json"), "{", "{\"max_shift\": -Infinity, ");
    edit(model.resolve("model_index.json"), "{", "{\"_x\": NaN, ");
    Files.writeString(
        model.resolve("vae/config.json"),
        "\ufeff" + Files.readString(model.resolve("vae/config.json")).replace("\n", "\r\n"));
    requireDrawn(model);
    edit(model.resolve("scheduler/scheduler_config.json"), "\"shift\" : 1.0", "\"shift\" : NaN");
    requireRefused(model, "shift must be a number, but is");
    Path commented = copy("commented");
    edit(commented.resolve("transformer/config.json"), "{", "{ // mine\n");
    requireRefused(
        commented,
        "transformer/config.json is not valid JSON (a comment, which JSON does not have)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"\n\n\n", "\t\r\n ", "   "})
  void aHeaderPaddedWithWhiteSpaceIsRead(String padding) throws IOException {
    Path model = copy("padded-" + cases++);
    byte[] bytes = Files.readAllBytes(model.resolve(WEIGHTS));
    ByteBuffer file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int length = (int) file.getLong(0);
    String json = new String(bytes, 8, length, UTF_8).strip();
    byte[] header = (padding + json + padding).getBytes(UTF_8);
    ByteBuffer padded =
        ByteBuffer.allocate(8 + header.length + bytes.length - 8 - length)
            .order(ByteOrder.LITTLE_ENDIAN);
    padded.putLong(header.length).put(header).put(bytes, 8 + length, bytes.length - 8 - length);
    Files.write(model.resolve(WEIGHTS), padded.array());
    requireDrawn(model);
  }

  // ------------------------------------------------------------------ inspect

  @Test
  void inspectListsTheRestAndNamesTheBad() throws IOException {
    Path folder = Files.createDirectory(root.resolve("some-bad"));
    Files.copy(sound.resolve(WEIGHTS), folder.resolve("good.safetensors"));
    write(folder.resolve("bad.safetensors"), "no tensors");
    write(
        folder.resolve("model.safetensors.index.json"),
        "{\"weight_map\": {\"wings\": \"good.safetensors\"}}");
    write(
        folder.resolve("sub/gone.safetensors.index.json"),
        "{\"weight_map\": {\"x\": \"gone-00001-of-00001.safetensors\"}}");
    Files.createSymbolicLink(folder.resolve("nowhere.safetensors"), folder.resolve("none"));
    Files.createSymbolicLink(folder.resolve("sub/loop"), folder);
    Outcome outcome = type("inspect", folder.toString());
    assertThat(outcome.code()).isEqualTo(ExitCode.FAILED);
    assertThat(outcome.out())
        .contains("good.safetensors", "x_pad_token")
        .doesNotContain("bad.safe");
    assertThat(outcome.err())
        .contains("bad.safetensors", "wings", "gone-00001-of-00001", "nowhere.safetensors", "loop");
    assertThat(outcome.err().lines()).allMatch(line -> line.startsWith("peltast: "));

    write(
        folder.resolve("both.safetensors.index.json"),
        "{\"weight_map\": {\"x\": \"bad.safetensors\"}}");
    outcome = type("inspect", folder.toString()); // named by the index, and found beside it
    assertThat(outcome.err().lines().filter(line -> line.contains("bad.safetensors"))).hasSize(1);

    Outcome index = type("inspect", folder.resolve("model.safetensors.index.json").toString());
    assertThat(index.code()).isEqualTo(ExitCode.FAILED);
    assertThat(index.out()).contains("good.safetensors", "x_pad_token");
    assertThat(index.err()).contains("wings").hasLineCount(1);
  }

  // ------------------------------------------------------------------ prompts and pictures

  @Test
  void promptsBeyondTheModelsLimitAreCounted() throws IOException {
    String longer = "an owl on a tall tree " + "beside a river ".repeat(12);
    Outcome cut = draw(sound, "--prompt", longer);
    assertThat(cut.err())
        .contains("1 of 2 prompts is longer than the 32 tokens", "from token 31 on");
    assertThat(draw(sound).err()).doesNotContain("longer");

    Path model = copy("short");
    Path config = model.resolve("text_encoder/config.json");
    edit(config, "minilm-l6-v2-q-32-", "minilm-l6-v2-q-9-");
    edit(config, "\"max_tokens\" : 32", "\"max_tokens\" : 9");
    Outcome shorter = draw(model, "--prompt", "a red owl on a very tall green tree at night");
    assertThat(shorter.code()).as(shorter.err()).isZero();
    assertThat(shorter.err()).contains("longer than the 9 tokens", "from token 8 on");

    Path run = root.resolve("long-captions");
    String[] distil = distillation(sound, run, 1);
    Path list = root.resolve("long.txt");
    write(list, longer + "\n" + longer + " and more\nan owl\n");
    List<String> words = new ArrayList<>(List.of(distil));
    words.addAll(List.of("--set", "data.images=" + list));
    assertThat(type(words.toArray(String[]::new)).err())
        .contains("2 of 3 prompts are longer than the 32 tokens");
  }

  @Test
  void aSecondNetworkIsNotPassedOver() throws IOException {
    Path model = copy("two-networks");
    Path index = model.resolve("model_index.json");
    edit(index, "{", "{\"transformer_2\": [\"diffusers\", \"ZImageTransformer2DModel\"], ");
    requireRefused(
        model, "the component transformer_2 (ZImageTransformer2DModel) is not supported");
    Path harmless = copy("no-second-network");
    edit(
        harmless.resolve("model_index.json"),
        "{",
        "{\"transformer_2\": [null, null], \"feature_extractor\": [\"transformers\","
            + " \"CLIPImageProcessor\"], ");
    requireDrawn(harmless);
  }

  @Test
  void aVariantIsMeasured() throws IOException {
    Path model = root.resolve("measured");
    TinyModel.write(model, 64);
    rewrite(
        model.resolve(WEIGHTS),
        model.resolve("transformer/diffusion_pytorch_model.fp16.safetensors"),
        t -> {
          another(t);
          t.replaceAll((name, value) -> value.to(DType.FLOAT16));
        });
    Path pictures = root.resolve("pictures");
    Files.createDirectories(pictures);
    for (int i = 0; i < 8; i++) {
      BufferedImage picture = new BufferedImage(64, 64, BufferedImage.TYPE_INT_RGB);
      picture.setRGB(8 * i, 8, 0x20_4080 * i);
      ImageIO.write(picture, "png", pictures.resolve(i + ".png").toFile());
      write(pictures.resolve(i + ".txt"), "a dot, number " + i);
    }
    String typed =
        "evaluate --steps 1 --guidance 1 --prompts 4 --samples 1 --judge ../weights/judge --images "
            + pictures
            + " --model "
            + model;
    Outcome plain = type(typed.split(" "));
    Outcome variant = type((typed + " --variant fp16").split(" "));
    assertThat(plain.code()).as(plain.err()).isZero();
    assertThat(variant.code()).as(variant.err()).isZero();
    assertThat(variant.out()).contains("alignment").isNotEqualTo(plain.out());
    Outcome none = type((typed + " --variant bf16").split(" "));
    assertThat(none.code()).isEqualTo(ExitCode.USAGE);
    assertThat(none.err()).contains("no weights of the variant bf16; it has fp16");
    assertThat(type((typed + " --model b --transformer c").split(" ")).err())
        .contains("--transformer is the network of one --model");
  }

  @Test
  void neitherBatchNorOrderChangesAPromptsPicture() throws IOException {
    List<String> prompts = List.of("an owl", "a long red boat", "");
    Path one = drawn("one-by-one", "1", prompts);
    Path all = drawn("at-once", "16", prompts);
    Path turned = drawn("turned", "2", List.of("", "a long red boat", "an owl"));
    for (int i = 0; i < 3; i++) {
      assertThat(one.resolve("000" + i + ".png"))
          .hasSameBinaryContentAs(all.resolve("000" + i + ".png"));
      assertThat(turned.resolve("000" + (2 - i) + ".png"))
          .hasSameBinaryContentAs(all.resolve("000" + i + ".png"));
    }
  }

  private Path drawn(String name, String batch, List<String> prompts) {
    Path out = root.resolve(name);
    List<String> words = new ArrayList<>(List.of("generate", "--model", "" + sound));
    words.addAll(List.of("--batch", batch, "--out", out + "/"));
    prompts.forEach(prompt -> words.addAll(List.of("--prompt", prompt)));
    Outcome outcome = type(words.toArray(String[]::new));
    assertThat(outcome.code()).as(outcome.err()).isZero();
    return out;
  }

  @Test
  void theEndingOfOutIsTheFormat() throws IOException {
    BufferedImage png = ImageIO.read(new ByteArrayInputStream(drawn));
    for (String name : List.of("a.jpg", "b.JPEG", "c.webp", "d.PNG")) {
      Path out = root.resolve("formats").resolve(name);
      Outcome outcome =
          type("generate", "--model", "" + sound, "--prompt", "an owl", "--out", "" + out);
      assertThat(outcome.code()).as(outcome.err()).isZero();
      byte[] bytes = Files.readAllBytes(out);
      String begins = new String(bytes, 0, 12, java.nio.charset.StandardCharsets.ISO_8859_1);
      boolean jpeg = name.toLowerCase(java.util.Locale.ROOT).startsWith("j", 2);
      assertThat(begins)
          .startsWith(jpeg ? "\u00ff\u00d8\u00ff" : name.endsWith("webp") ? "RIFF" : "\u0089PNG");
      BufferedImage read = ImageIO.read(new ByteArrayInputStream(bytes));
      assertThat(read.getWidth()).isEqualTo(png.getWidth());
      int off = 0; // all in all
      for (int i = 0; i < png.getWidth() * png.getHeight(); i++) {
        int x = i % png.getWidth();
        int y = i / png.getWidth();
        off += difference(png.getRGB(x, y), read.getRGB(x, y));
      }
      assertThat(off / (png.getWidth() * png.getHeight())).isLessThan(40);
      assertThat(off == 0).isEqualTo(!jpeg);
    }
    Outcome unknown =
        type("generate", "--model", "" + sound, "--prompt", "x", "--out", root + "/cat.gif");
    assertThat(unknown.code()).isEqualTo(ExitCode.USAGE);
    assertThat(unknown.err()).contains("not written as .gif; end it with .png, .jpg");
    Path folder = root.resolve("pictures.d");
    Outcome slash = type("generate", "--model", "" + sound, "--prompt", "x", "--out", folder + "/");
    assertThat(slash.code()).as(slash.err()).isZero();
    assertThat(folder.resolve("0000.png")).exists();
    String longest = "n".repeat(251) + ".png";
    Outcome named =
        type("generate", "--model", "" + sound, "--prompt", "x", "--out", root + "/" + longest);
    assertThat(named.code()).as(named.err()).isZero();
    assertThat(root.resolve(longest)).exists();
  }

  private static int difference(int a, int b) {
    int most = 0;
    for (int shift = 0; shift < 24; shift += 8) {
      most = Math.max(most, Math.abs((a >> shift & 255) - (b >> shift & 255)));
    }
    return most;
  }

  /** A student in a folder whose name is as long as names can be. */
  @Test
  void aRunInAFolderWithTheLongestName() throws IOException {
    Path run = root.resolve("r".repeat(255));
    Outcome outcome = type(distillation(sound, run, 1));
    assertThat(outcome.code()).as(outcome.err()).isZero();
    assertThat(run.resolve("student/model_index.json")).exists();
  }

  @Test
  void recipesFromWindowsAreRead() throws IOException {
    Path recipe = root.resolve("windows.yaml");
    Files.writeString(recipe, "\ufeffsteps: 1\r\nrun:\r\n  updates: 1\r\n  batch: 2\r\n");
    Path run = root.resolve("windows-run");
    List<String> words = new ArrayList<>(List.of(distillation(sound, run, 1)));
    words.addAll(List.of("--recipe", recipe.toString()));
    Outcome outcome = type(words.toArray(String[]::new));
    assertThat(outcome.code()).as(outcome.err()).isZero();
    assertThat(Files.readString(run.resolve("recipe.yaml"))).contains("steps: 1\n");
    Files.writeString(recipe, "run:\n\tupdates: 1\n");
    words.set(words.indexOf(run.toString()), root.resolve("tabs-run").toString());
    Outcome tabs = type(words.toArray(String[]::new));
    assertThat(tabs.code()).isEqualTo(ExitCode.USAGE);
    assertThat(tabs.err()).contains("TAB").hasLineCount(1);
  }
}
