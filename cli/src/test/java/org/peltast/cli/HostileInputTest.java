package org.peltast.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.runs.Checksums;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import org.peltast.testing.TinyModel;

/**
 * The table of hostile inputs in docs/reliability.md, each line of it typed as a command. Every
 * answer is one sentence with the exit code of the table and no stack trace; and where the exit
 * code says that nothing was begun, not a byte has changed.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HostileInputTest {
  private enum Topic {
    RECIPES,
    MODELS,
    PICTURES,
    CAPTIONS,
    PROMPTS,
    PATHS,
    NUMBERS;

    String title() {
      return name().charAt(0) + name().substring(1).toLowerCase(java.util.Locale.ROOT);
    }
  }

  /** Lays out the files of a case. */
  private interface Setup {
    void in(Path folder) throws IOException;
  }

  /**
   * A line of the table.
   *
   * @param typed the command's words; {} stands for the case's folder, {teacher} for a sound model
   * @param says what its sentence holds
   */
  private record Case(
      Topic topic, String input, Setup setup, List<String> typed, int code, String says) {}

  private record Outcome(int code, String out, String err, String changed) {}

  private static final String MARK_BEGIN = "<!-- table: written by HostileInputTest -->\n";
  private static final String MARK_END = "<!-- end of table -->\n";

  private Path root = Path.of("");
  private Path teacher = Path.of("");
  private final List<Case> cases = new ArrayList<>();
  private final Map<Case, Outcome> outcomes = new LinkedHashMap<>();

  @BeforeAll
  void aSoundTeacher(@TempDir Path temporary) {
    root = temporary;
    teacher = root.resolve("teacher");
    TinyModel.write(teacher);
    System.setProperty("peltast.home", root().toString());
    System.setProperty("peltast.cache", root.resolve("cache").toString());
  }

  @AfterAll
  void noHome() {
    System.clearProperty("peltast.home");
    System.clearProperty("peltast.cache");
  }

  // ------------------------------------------------------------------ the cases

  private List<Case> cases() {
    if (!cases.isEmpty()) {
      return cases;
    }
    List<Case> all = cases;
    recipes(all);
    models(all);
    pictures(all);
    captions(all);
    prompts(all);
    paths(all);
    numbers(all);
    return all;
  }

  private void recipes(List<Case> all) {
    recipe(all, "an unknown key", "wings: 2\n", "unknown key 'wings'");
    recipe(all, "a misspelt key", "student: {learnigRate: 1e-4}\n", "'student.learningRate'?");
    recipe(all, "a key in the wrong table", "learningRate: 1e-4\n", "'student.learningRate'?");
    recipe(all, "a key twice", "steps: 2\nsteps: 4\n", "twice");
    recipe(all, "a text for a number", "steps: four\n", "'steps' must be a whole number");
    recipe(all, "a list for a number", "steps: [1, 2]\n", "is a list");
    recipe(all, "a table for a number", "steps: {n: 1}\n", "is a table");
    recipe(all, "a number for a table", "run: 3\n", "'run' must be");
    recipe(all, "a fraction of a step", "steps: 2.5\n", "whole number");
    recipe(all, "yes for true", "unconditional: yes\n", "true or false");
    recipe(all, "a key without a value", "steps:\n", "has no value");
    recipe(all, "a misspelt choice", "method: {kind: dmd-2}\n", "did you mean");
    recipe(all, "an unknown schedule", "method: {renoising: spear}\n", "decoupled-hybrid");
    recipe(all, "an unknown precision", "precision: float64\n", "float32, bf16 or auto");
    recipe(all, "a time without a unit", "run: {checkpointEvery: 90}\n", "90s");
    recipe(
        all,
        "neither spear nor shield",
        "method: {ca: {weight: 0}, dm: {weight: 0}}\n",
        "must not all be 0");
    recipe(all, "an unknown method", "method: {kind: wgan}\n", "decoupled-dmd");
    recipe(
        all,
        "a watch over nothing",
        "method: {dm: {weight: 0}}\nguard: {variance: 1.5}\n",
        "no distribution matching");
    recipe(all, "a band the wrong way round", "method: {ca: {tau: [0.7, 0.3]}}\n", "in order");
    recipe(
        all,
        "a band for one of two that share their τ",
        "method: {renoising: coupled-shared, ca: {tau: [0, 0.5]}}\n",
        "a shared draw has one range");
    recipe(
        all,
        "features that the network has not",
        "method: {gan: {weight: 0.1, taps: [foo]}}\n",
        "has no features called 'foo'");
    recipe(all, "more parts than pictures", "run: {batch: 4, microBatches: 8}\n", "a batch of 4");
    recipe(all, "not YAML", "steps: [1, 2\nalpha: }\n", "is not valid YAML");
    recipe(all, "a list, not a table", "- steps\n- 2\n", "table of 'key: value'");
    recipe(all, "two documents", "steps: 2\n---\nsteps: 4\n", "more than one YAML document");
    recipe(all, "an anchor and an alias", "steps: &n 2\nseed: *n\n", "anchors");
    recipe(all, "a bomb of aliases", bomb(), "anchors");
    recipe(all, "a thousand levels", "a: ".repeat(0) + "{a: ".repeat(1000) + "\n", "recipe");
    recipe(all, "a megabyte of keys", "steps: 2\n# " + "x".repeat(2 << 20) + "\n", "about a page");
    add(
        all,
        Topic.RECIPES,
        "not UTF-8",
        folder -> Files.write(folder.resolve("r.yaml"), new byte[] {'a', ':', (byte) 0xff}),
        "distill --recipe {}/r.yaml --teacher {teacher} --out {}/run",
        2,
        "is not UTF-8 text");
    typed(all, Topic.RECIPES, "no such recipe", "distill --recipe {}/none", 2, "there are");
    typed(all, Topic.RECIPES, "a folder as recipe", "distill --recipe {}", 2, "no recipe");
    typed(all, Topic.RECIPES, "--set without a value", "distill --set steps", 2, "key=value");
    typed(all, Topic.RECIPES, "--set into a number", "distill --set steps.n=3", 2, "'steps");
    typed(
        all,
        Topic.RECIPES,
        "a teacher's misspelt key",
        "train teacher --set model.dims=64 --out {}/run",
        2,
        "'model.dim'?");
    typed(
        all,
        Topic.RECIPES,
        "axes that do not add up",
        "train teacher --set model.dim=100 --out {}/run",
        2,
        "must add up");
    typed(
        all,
        Topic.RECIPES,
        "a judge's misspelt key",
        "train judge --set update=3 --out {}/run",
        2,
        "'updates'?");
  }

  private static String bomb() {
    StringBuilder text = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 30; i++) {
      text.append("a%d: &a%d [".formatted(i, i))
          .append(("*a" + (i - 1) + ", ").repeat(8))
          .append("*a")
          .append(i - 1)
          .append("]\n");
    }
    return text.toString();
  }

  private void recipe(List<Case> all, String input, String yaml, String says) {
    add(
        all,
        Topic.RECIPES,
        input,
        folder -> Files.writeString(folder.resolve("r.yaml"), yaml),
        "distill --recipe {}/r.yaml --teacher {teacher} --out {}/run",
        2,
        says);
  }

  private static final String WEIGHTS = "transformer/diffusion_pytorch_model.safetensors";

  private void models(List<Case> all) {
    typed(
        all,
        Topic.MODELS,
        "no such folder",
        generate("{}/none"),
        2,
        "does not exist; name a model");
    typed(all, Topic.MODELS, "an empty folder", generate("{}"), 2, "no model folder");
    model(all, "no transformer", m -> delete(m.resolve("transformer")), "missing");
    model(all, "no weights", m -> Files.delete(m.resolve(WEIGHTS)), "safetensors");
    model(all, "no codec", m -> delete(m.resolve("vae")), "vae");
    model(all, "no scheduler", m -> delete(m.resolve("scheduler")), "scheduler_config.json");
    model(
        all,
        "a class of another world",
        m -> replace(m.resolve("model_index.json"), "ZImageTransformer2DModel", "UNet2DModel"),
        "or ZImageTransformer2DModel");
    model(
        all,
        "JSON cut in the middle",
        m -> truncate(m.resolve("transformer/config.json"), 40),
        "is not valid JSON");
    model(
        all,
        "a million layers",
        m ->
            replace(
                m.resolve("transformer/config.json"), "\"n_layers\" : 1", "\"n_layers\" : 1000000"),
        "describes a network of");
    model(
        all,
        "a billion channels",
        m -> replace(m.resolve("transformer/config.json"), "\"dim\" : 16", "\"dim\" : 1000000000"),
        "config.json");
    model(
        all,
        "pictures of a billion pixels",
        m -> replace(m.resolve("peltast.json"), "\"height\" : 16", "\"height\" : 1000000000"),
        "pixels");
    model(
        all,
        "an unknown setting",
        m -> replace(m.resolve("peltast.json"), "\"guidance\"", "\"guidanse\""),
        "unknown key guidanse");
    model(all, "a tensor missing", tensors(t -> t.remove(t.firstKey())), "it lacks");
    model(
        all,
        "a tensor too many",
        tensors(t -> t.put("wings", Tensor.of(new float[] {1}, 1))),
        "it has wings");
    model(
        all,
        "a tensor of another shape",
        tensors(t -> t.put(t.firstKey(), Tensor.zeros(3, 3))),
        "the configuration needs");
    model(
        all,
        "a tensor of whole numbers",
        tensors(
            t -> t.put(t.firstKey(), Tensor.zeros(shape(t)).to(org.peltast.tensor.DType.INT64))),
        "not F32, F64, F16 or BF16");
    model(
        all,
        "a weight that is NaN",
        tensors(t -> t.put(t.firstKey(), Tensor.zeros(shape(t)).add(Double.NaN))),
        "holds NaN or infinity");
    model(
        all,
        "a weight that is infinite",
        tensors(t -> t.put(t.firstKey(), Tensor.zeros(shape(t)).add(Double.POSITIVE_INFINITY))),
        "holds NaN or infinity");
    model(all, "weights of no bytes", m -> truncate(m.resolve(WEIGHTS), 0), "0 bytes");
    model(all, "weights cut in the header", m -> truncate(m.resolve(WEIGHTS), 100), "header");
    model(all, "weights cut in the data", m -> truncate(m.resolve(WEIGHTS), 9000), "safetensors");
    model(
        all,
        "a header of 2⁶³ bytes",
        m -> {
          byte[] bytes = Files.readAllBytes(m.resolve(WEIGHTS));
          ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, Long.MAX_VALUE);
          Files.write(m.resolve(WEIGHTS), bytes);
        },
        "header");
    model(
        all,
        "a picture where weights should be",
        m -> Files.write(m.resolve(WEIGHTS), "\u0089PNG\r\n\u001a\n and more".getBytes(UTF_8)),
        "safetensors");
    String layers = "1000, ";
    String weights = "describes a network of";
    sdxl(
        all,
        "a text encoder of a billion layers",
        "text_encoder",
        HIDDEN + "3",
        HIDDEN + G,
        layers);
    sdxl(
        all,
        "a text encoder of a billion words",
        "text_encoder",
        WORDS + "839",
        WORDS + G,
        weights);
    sdxl(all, "a UNet of a billion layers", "unet", BLOCKS + "2", BLOCKS + G, layers);
    sdxl(all, "transformers of a billion blocks", "unet", "    3\n", "    " + G + "\n", layers);
    sdxl(all, "transformers of a hundred blocks", "unet", "    3\n", "    100\n", weights);
    sdxl(all, "an autoencoder of a billion layers", "vae", BLOCKS + "1", BLOCKS + G, layers);
    sdxl(all, "an autoencoder of a million channels", "vae", " 16\n", " 1000000\n", weights);
    add(
        all,
        Topic.MODELS,
        "a broken teacher to distil",
        folder -> {
          copy(teacher, folder.resolve("model"));
          truncate(folder.resolve("model").resolve(WEIGHTS), 9000);
        },
        "distill --teacher {}/model --out {}/run",
        2,
        "safetensors");
    typed(
        all,
        Topic.MODELS,
        "a demonstration of pictures that the judge cannot see",
        "demo --updates 1 --prompts 2 --spear 0 --set teacher={teacher} --set data.size=16"
            + " --set precision=float32 --out {}/run",
        2,
        "the judge sees square pictures of 64 pixels");
    typed(
        all,
        Topic.MODELS,
        "a judge's folder that is empty",
        "evaluate --model {teacher} --judge {}",
        2,
        "config.json");
  }

  private static String generate(String model) {
    return "generate --model " + model + " --prompt owl --out {}/owl.png";
  }

  private void model(List<Case> all, String input, Setup damage, String says) {
    add(
        all,
        Topic.MODELS,
        input,
        folder -> {
          copy(teacher, folder.resolve("model"));
          damage.in(folder.resolve("model"));
        },
        generate("{}/model"),
        2,
        says);
  }

  private static final String G = "1000000000";
  private static final String HIDDEN = "\"num_hidden_layers\": ";
  private static final String WORDS = "\"vocab_size\": ";
  private static final String BLOCKS = "\"layers_per_block\": ";

  /** A model in SDXL's structure, with a change in a component's configuration. */
  private static void sdxl(
      List<Case> all, String input, String component, String from, String to, String says) {
    add(
        all,
        Topic.MODELS,
        input,
        folder -> {
          SdxlFolder.write(folder.resolve("model"));
          replace(folder.resolve("model").resolve(component).resolve("config.json"), from, to);
        },
        generate("{}/model"),
        2,
        says);
  }

  private interface Change {
    void to(TreeMap<String, Tensor> tensors);
  }

  private static Setup tensors(Change change) {
    return model -> {
      Path file = model.resolve(WEIGHTS);
      try (Scope scope = Scope.open()) {
        TreeMap<String, Tensor> tensors = new TreeMap<>(TensorFiles.read(file));
        change.to(tensors);
        TensorFiles.write(file, tensors, Map.of());
      }
    };
  }

  private static long[] shape(TreeMap<String, Tensor> tensors) {
    return tensors.firstEntry().getValue().shape();
  }

  /** Learns captions and pictures of a folder for one update. */
  private static final String LEARN =
      "train teacher --set data.images={}/pictures --set data.size=16 --set model.codec=pixels"
          + " --set model.patch=4 --set model.dim=16 --set model.layers=1 --set model.heads=2"
          + " --set model.axesDims=[4,2,2] --set precision=float32 --set run.updates=1"
          + " --set run.batch=1 --set run.looksEvery=0 --out {}/run";

  private void pictures(List<Case> all) {
    add(
        all,
        Topic.PICTURES,
        "grey of 8 and 16 bits, transparent, of two colours, animated GIF and WebP, CMYK and"
            + " progressive JPEG, one pixel, a strip of 4000 × 1",
        folder -> {
          put(folder, "grey.png", HostilePictures.plain(BufferedImage.TYPE_BYTE_GRAY, 20, 20), "a");
          put(folder, "grey16.png", resource("grey16.png"), "a");
          put(folder, "argb.png", HostilePictures.plain(BufferedImage.TYPE_INT_ARGB, 20, 20), "a");
          put(folder, "two.png", HostilePictures.plain(BufferedImage.TYPE_BYTE_BINARY, 9, 9), "a");
          put(folder, "moving.png", resource("animated.gif"), "a");
          put(folder, "moving2.png", resource("animated.webp"), "a");
          put(folder, "cmyk.png", resource("cmyk.jpg"), "a");
          put(folder, "progressive.png", resource("progressive.jpg"), "a");
          put(folder, "pixel.png", rgb(1, 1), "a");
          put(folder, "strip.png", rgb(4000, 1), "a");
        },
        LEARN,
        0,
        "Done");
    picture(all, "one picture of one colour", () -> rgb(1, 1), 0, "Done");
    picture(all, "zero bytes", () -> new byte[0], 2, "is empty");
    picture(all, "a text named .png", () -> "no picture".getBytes(UTF_8), 2, "is no PNG, JPEG");
    picture(
        all,
        "cut in the middle",
        () -> java.util.Arrays.copyOf(rgb(200, 200), 300),
        2,
        "cannot be");
    picture(
        all,
        "a JPEG cut in the middle",
        () -> java.util.Arrays.copyOf(resource("progressive.jpg"), 300),
        2,
        "can be used");
    picture(
        all,
        "corrupt bytes",
        () -> HostilePictures.corrupted(rgb(200, 200)),
        2,
        "cannot be decoded");
    picture(
        all,
        "a header that claims 60,000 × 60,000",
        () -> HostilePictures.claiming(60_000, 60_000),
        2,
        "at most 64 million are decoded");
    picture(
        all,
        "a header that claims 2³¹ − 1 × 2³¹ − 1",
        () -> HostilePictures.claiming(Integer.MAX_VALUE, Integer.MAX_VALUE),
        2,
        "can be used");
    picture(
        all, "a header that claims 0 × 0", () -> HostilePictures.claiming(0, 0), 2, "can be used");
    add(
        all,
        Topic.PICTURES,
        "a sound picture among broken ones",
        folder -> {
          put(folder, "sound.png", rgb(20, 20), "owl");
          put(folder, "empty.png", new byte[0], "owl");
          put(folder, "huge.png", HostilePictures.claiming(60_000, 60_000), "owl");
          Files.createSymbolicLink(folder.resolve("pictures/lost.png"), folder.resolve("nowhere"));
        },
        LEARN,
        0,
        "3 of 4 pictures cannot be used and are left out");
    add(
        all,
        Topic.PICTURES,
        "a folder without pictures",
        folder -> Files.createDirectory(folder.resolve("pictures")),
        LEARN,
        2,
        "has no picture");
    typed(all, Topic.PICTURES, "no such folder", LEARN, 2, "which is not there");
    add(
        all,
        Topic.PICTURES,
        "folders that are a loop of links",
        folder -> {
          put(folder, "sound.png", rgb(20, 20), "owl");
          Files.createSymbolicLink(folder.resolve("pictures/loop"), folder.resolve("pictures"));
        },
        LEARN,
        0,
        "Done");
    metadata(
        all, "a name that leads out of the folder", "../../etc/passwd.png", "not in the folder");
    metadata(all, "an absolute name", "/etc/passwd.png", "not in the folder");
    metadata(
        all, "a name that leads out and back", "a/../../pictures/../x.png", "not in the folder");
    metadata(all, "a picture that is not there", "lost.png", "does not exist");
    metadata(all, "a name with a NUL", "a\\u0000.png", "not in the folder");
    add(
        all,
        Topic.PICTURES,
        "a line of metadata.jsonl that is cut",
        folder -> {
          put(folder, "sound.png", rgb(20, 20), "owl");
          Files.writeString(folder.resolve("pictures/metadata.jsonl"), "{\"file_name\": \"sou");
        },
        LEARN,
        2,
        "Line 1 of");
    add(
        all,
        Topic.PICTURES,
        "a metadata.jsonl without a caption",
        folder -> {
          put(folder, "sound.png", rgb(20, 20), "owl");
          Files.writeString(
              folder.resolve("pictures/metadata.jsonl"), "{\"file_name\": \"sound.png\"}\n");
        },
        LEARN,
        2,
        "text");
  }

  private static byte[] rgb(int width, int height) throws IOException {
    return HostilePictures.plain(BufferedImage.TYPE_INT_RGB, width, height);
  }

  private static byte[] resource(String name) throws IOException {
    return HostilePictures.resource(root(), name);
  }

  private interface Bytes {
    byte[] get() throws IOException;
  }

  private static void picture(List<Case> all, String input, Bytes file, int code, String says) {
    add(
        all,
        Topic.PICTURES,
        input,
        folder -> put(folder, "owl.png", file.get(), "an owl"),
        LEARN,
        code,
        says);
  }

  private static void metadata(List<Case> all, String input, String name, String says) {
    add(
        all,
        Topic.PICTURES,
        "metadata.jsonl: " + input,
        folder -> {
          put(folder, "sound.png", rgb(20, 20), "owl");
          Files.writeString(
              folder.resolve("pictures/metadata.jsonl"),
              "{\"file_name\": \"%s\", \"text\": \"owl\"}\n".formatted(name));
        },
        LEARN,
        2,
        says);
  }

  private static void put(Path folder, String name, byte[] picture, String caption)
      throws IOException {
    Path pictures = Files.createDirectories(folder.resolve("pictures"));
    Files.write(pictures.resolve(name), picture);
    Files.writeString(pictures.resolve(name.replace(".png", ".txt")), caption + "\n");
  }

  private void captions(List<Case> all) {
    caption(all, "empty", new byte[0], 2, "has an empty caption");
    caption(all, "blanks alone", " \n\t\n".getBytes(UTF_8), 2, "has an empty caption");
    caption(all, "1 MB", "owl ".repeat(1 << 18).getBytes(UTF_8), 0, "was cut");
    caption(
        all, "control characters alone", "\u0001\u0002\u0000".getBytes(UTF_8), 2, "empty caption");
    caption(all, "not UTF-8", new byte[] {'a', ' ', (byte) 0xc3, (byte) 0x28}, 2, "not UTF-8 text");
    caption(
        all,
        "UTF-16 that says so",
        "an owl".getBytes(java.nio.charset.StandardCharsets.UTF_16),
        0,
        "Done");
    caption(
        all,
        "UTF-16 that does not say so, of signs beyond UTF-8",
        "Ωδή".getBytes(java.nio.charset.StandardCharsets.UTF_16LE),
        2,
        "not UTF-8");
    caption(
        all,
        "UTF-16 with half a sign",
        new byte[] {(byte) 0xFF, (byte) 0xFE, 'a', 0, 0, (byte) 0xD8},
        2,
        "not UTF-16 text at line 1");
    add(
        all,
        Topic.CAPTIONS,
        "control characters, escapes, a change of writing's direction, emoji, rare scripts",
        folder -> {
          put(
              folder,
              "a.png",
              rgb(20, 20),
              "an \u001b[31mowl\u0000\u0007 \u202eflow\u2028next\r\n");
          put(folder, "b.png", rgb(20, 20), "🦉🏽‍🚀 ꧁ 𒀀 ﷽");
        },
        LEARN,
        0,
        "Done");
    add(
        all,
        Topic.CAPTIONS,
        "missing",
        folder -> {
          put(folder, "owl.png", rgb(20, 20), "");
          Files.delete(folder.resolve("pictures/owl.txt"));
        },
        LEARN,
        2,
        "has no caption: there is no owl.txt");
    add(
        all,
        Topic.CAPTIONS,
        "a folder",
        folder -> {
          put(folder, "owl.png", rgb(20, 20), "");
          Files.delete(folder.resolve("pictures/owl.txt"));
          Files.createDirectory(folder.resolve("pictures/owl.txt"));
        },
        LEARN,
        2,
        "has no caption");
  }

  private static void caption(List<Case> all, String input, byte[] text, int code, String says) {
    add(
        all,
        Topic.CAPTIONS,
        input,
        folder -> {
          put(folder, "owl.png", rgb(20, 20), "");
          Files.write(folder.resolve("pictures/owl.txt"), text);
        },
        LEARN,
        code,
        says);
  }

  private void prompts(List<Case> all) {
    prompts(all, "no prompt in the file", "\n \n".getBytes(UTF_8), 2, "There is no prompt");
    prompts(all, "a file of no bytes", new byte[0], 2, "There is no prompt");
    prompts(all, "not UTF-8", new byte[] {'a', '\n', (byte) 0xfe, '\n'}, 2, "at line 2");
    prompts(all, "a prompt of 1 MB", "owl ".repeat(1 << 18).getBytes(UTF_8), 0, "was cut");
    prompts(
        all,
        "control characters and half a surrogate pair",
        "a\u0000red\u0007\u001b[31m \u202eowl \ud83e\udd89\n".getBytes(UTF_8),
        0,
        "Wrote");
    add(
        all,
        Topic.PROMPTS,
        "a broken line of JSON",
        folder ->
            Files.writeString(folder.resolve("p.jsonl"), "{\"prompt\": \"owl\"}\n{\"prompt\"\n"),
        "generate --model {teacher} --prompts {}/p.jsonl --out {}/owl.png",
        2,
        "Line 2");
    add(
        all,
        Topic.PROMPTS,
        "a table of prompts",
        folder -> Files.writeString(folder.resolve("p.csv"), "owl;fox\n"),
        "generate --model {teacher} --prompts {}/p.csv --out {}/owl.png",
        2,
        "must be a .txt file");
    typed(
        all,
        Topic.PROMPTS,
        "a folder of prompts",
        "generate --model {teacher} --prompts {} --out {}/owl.png",
        2,
        ".txt file");
    typed(
        all,
        Topic.PROMPTS,
        "no such file",
        "generate --model {teacher} --prompts {}/p.txt --out {}/owl.png",
        2,
        "does not exist");
    all.add(
        new Case(
            Topic.PROMPTS,
            "an empty prompt",
            folder -> {},
            List.of("generate", "--model", "{teacher}", "--prompt", "", "--out", "{}/owl.png"),
            0,
            "Wrote"));
  }

  private void prompts(List<Case> all, String input, byte[] file, int code, String says) {
    add(
        all,
        Topic.PROMPTS,
        input,
        folder -> Files.write(folder.resolve("p.txt"), file),
        "generate --model {teacher} --prompts {}/p.txt --out {}/owl.png",
        code,
        says);
  }

  private void paths(List<Case> all) {
    add(
        all,
        Topic.PATHS,
        "spaces and Unicode, in and out",
        folder -> copy(teacher, folder.resolve("mein Modell 🦉 é\u0301")),
        List.of(
            "generate",
            "--model",
            "{}/mein Modell 🦉 é\u0301",
            "--prompt",
            "owl",
            "--out",
            "{}/Bilder für Ωδή/eule 1.png"),
        0,
        "Wrote Bilder für Ωδή/eule 1.png");
    add(
        all,
        Topic.PATHS,
        "a model that is a loop of links",
        folder -> {
          Files.createSymbolicLink(folder.resolve("a"), folder.resolve("b"));
          Files.createSymbolicLink(folder.resolve("b"), folder.resolve("a"));
        },
        generate("{}/a"),
        2,
        "does not exist");
    add(
        all,
        Topic.PATHS,
        "a run's folder that is a loop of links",
        folder -> {
          Files.createSymbolicLink(folder.resolve("a"), folder.resolve("b"));
          Files.createSymbolicLink(folder.resolve("b"), folder.resolve("a"));
        },
        "distill --teacher {teacher} --out {}/a",
        2,
        "is a file where a folder is wanted");
    add(
        all,
        Topic.PATHS,
        "a picture into a loop of links",
        folder -> Files.createSymbolicLink(folder.resolve("a"), folder.resolve("a")),
        "generate --model {teacher} --prompt owl --out {}/a/owl.png",
        2,
        "is not a folder");
    add(
        all,
        Topic.PATHS,
        "a picture below a file",
        folder -> Files.writeString(folder.resolve("a"), ""),
        "generate --model {teacher} --prompt owl --out {}/a/owl.png",
        2,
        "is not a folder");
    add(
        all,
        Topic.PATHS,
        "a picture named like a folder",
        folder -> Files.createDirectory(folder.resolve("owl.png")),
        "generate --model {teacher} --prompt owl --out {}/owl.png",
        2,
        "is a folder; name a file in it");
    add(
        all,
        Topic.PATHS,
        "pictures into a file",
        folder -> Files.writeString(folder.resolve("owls"), ""),
        "generate --model {teacher} --prompt owl --out {}/owls",
        2,
        "is not a folder");
    add(
        all,
        Topic.PATHS,
        "a run's folder that is a file",
        folder -> Files.writeString(folder.resolve("run"), "precious"),
        "distill --teacher {teacher} --out {}/run",
        2,
        "is a file where a folder is wanted");
    add(
        all,
        Topic.PATHS,
        "a demonstration's folder that is a file",
        folder -> Files.writeString(folder.resolve("run"), "precious"),
        "demo --updates 1 --prompts 2 --spear 0 --out {}/run",
        2,
        "is a file where a folder is wanted");
    add(
        all,
        Topic.PATHS,
        "a teacher that is a file",
        folder -> Files.writeString(folder.resolve("model"), "precious"),
        "distill --teacher {}/model --out {}/run",
        2,
        "there is no teacher in");
    typed(all, Topic.PATHS, "a report of no run", "report {}/none", 2, "There is no run");
    typed(all, Topic.PATHS, "a path with a NUL", "inspect {}/a\u0000b", 2, "path");
    typed(all, Topic.PATHS, "a path of 10,000 letters", "inspect {}/" + "a".repeat(10_000), 2, "");
  }

  private static final List<String> FOUR = List.of("0", "-1", "NaN", "1000000000");

  /** Where a thousand million is only much work, not a mistake. */
  private static final List<String> THREE = FOUR.subList(0, 3);

  private void numbers(List<Case> all) {
    String generate = "generate --model {teacher} --prompt owl --out {}/owl.png";
    numbers(all, FOUR, "generate --steps ", generate, "--steps");
    numbers(all, FOUR, "generate --count ", generate, "--count");
    numbers(all, FOUR, "generate --size ", generate, "");
    numbers(all, THREE, "generate --batch ", generate, "--batch");
    numbers(all, List.of("NaN", "-1", "1e9"), "generate --guidance ", generate, "guidance");
    numbers(all, List.of("0", "-1", "NaN"), "generate --scale ", generate, "--scale");
    numbers(all, List.of("NaN", "1e99"), "generate --seed ", generate, "--seed");
    String distill = "distill --teacher {teacher} --out {}/run --set run.updates=1";
    for (String key :
        List.of(
            "steps",
            "run.batch",
            "run.microBatches",
            "student.learningRate",
            "student.ema",
            "method.fake.updates",
            "data.size")) {
      List<String> wrong =
          key.equals("student.ema") ? List.of("-1", "NaN", "1000000000") : FOUR; // 0 is no average
      numbers(all, wrong, "distill --set " + key + "=", distill, "");
    }
    for (String key : List.of("run.updates", "run.keepCheckpoints")) {
      numbers(all, THREE, "distill --set " + key + "=", distill, "");
    }
    for (String key :
        List.of("method.alpha", "method.ca.weight", "method.dm.weight", "student.weightDecay")) {
      List<String> wrong =
          key.equals("method.alpha")
              ? List.of("NaN", "1e9", "1e999")
              : List.of("-1", "NaN", "1e999");
      numbers(all, wrong, "distill --set " + key + "=", distill, "");
    }
    String judge = "train judge --out {}/run";
    numbers(all, THREE, "train judge --set updates=", judge, "");
    numbers(all, FOUR, "train judge --set settings.learningRate=", judge, "");
    String teach = "train teacher --out {}/run --set run.updates=1";
    for (String key :
        List.of("model.dim", "model.layers", "model.heads", "model.patch", "model.shift")) {
      numbers(all, FOUR, "train teacher --set " + key + "=", teach, "");
    }
    numbers(all, FOUR, "demo --steps ", "demo --updates 1 --out {}/run", "--steps");
    numbers(all, THREE, "demo --updates ", "demo --out {}/run", "--updates");
    numbers(all, FOUR, "demo --minutes ", "demo --out {}/run", "--minutes");
    numbers(all, THREE, "demo --prompts ", "demo --updates 1 --out {}/run", "--prompts");
    numbers(all, List.of("-1", "NaN"), "demo --spear ", "demo --out {}/run", "--spear");
    numbers(all, THREE, "evaluate --prompts ", "evaluate --model {teacher}", "--prompts");
    numbers(all, FOUR, "evaluate --steps ", "evaluate --model {teacher}", "--steps");
    numbers(all, FOUR, "data --size ", "data --cache {}/c", "");
    numbers(all, THREE, "data --count ", "data --cache {}/c", "--count");
    add(
        all,
        Topic.NUMBERS,
        "`distill --memory 100MB`, less than one item takes",
        folder -> Files.writeString(folder.resolve("prompts.txt"), "owl\n"),
        "distill --teacher {teacher} --set data.images={}/prompts.txt"
            + " --set precision=float32 --memory 100MB --out {}/run",
        2,
        "is too little");
    add(
        all,
        Topic.NUMBERS,
        "`train teacher --memory 100MB`, less than one item takes",
        folder -> put(folder, "owl.png", rgb(20, 20), "owl"),
        LEARN + " --memory 100MB",
        2,
        "is too little");
  }

  /**
   * Cases of one option or key.
   *
   * @param named the command's first word, then the option; the number follows
   * @param others the rest of the command, with its first word
   */
  private static void numbers(
      List<Case> all, List<String> wrong, String named, String others, String says) {
    for (String n : wrong) {
      int option = named.lastIndexOf(" --") + 1;
      typed(
          all,
          Topic.NUMBERS,
          "`" + named + n + "`",
          others + " " + named.substring(option) + n,
          2,
          says);
    }
  }

  // ------------------------------------------------------------------ how a case is tried

  private static void typed(
      List<Case> all, Topic topic, String input, String typed, int code, String says) {
    add(all, topic, input, folder -> {}, typed, code, says);
  }

  private static void add(
      List<Case> all, Topic topic, String input, Setup setup, String typed, int code, String says) {
    add(all, topic, input, setup, List.of(typed.split(" ")), code, says);
  }

  private static void add(
      List<Case> all,
      Topic topic,
      String input,
      Setup setup,
      List<String> typed,
      int code,
      String says) {
    all.add(new Case(topic, input, setup, typed, code, says));
  }

  private Outcome outcome(Case one) throws IOException {
    Outcome known = outcomes.get(one);
    if (known != null) {
      return known;
    }
    Path folder = Files.createDirectory(root.resolve("case-" + outcomes.size()));
    one.setup().in(folder);
    Map<String, String> before = tree(folder);
    Typed typed =
        Typed.in(
            one.typed().stream()
                .map(
                    word ->
                        word.replace("{teacher}", teacher.toString())
                            .replace("{}", folder.toString()))
                .toArray(String[]::new));
    Map<String, String> after = tree(folder);
    String changed = before.equals(after) ? "" : after.keySet() + " instead of " + before.keySet();
    Outcome outcome =
        new Outcome(
            typed.code(),
            typed.out(),
            typed
                .err()
                .replace(folder + "/", "")
                .replace(folder.toString(), "the folder")
                .replace(root + "/", ""),
            changed);
    outcomes.put(one, outcome);
    return outcome;
  }

  @TestFactory
  Stream<DynamicTest> eachIsAnsweredByOneSentence() {
    return cases().stream()
        .map(
            one ->
                DynamicTest.dynamicTest(
                    one.topic().title() + ": " + one.input(), () -> requireAnswer(one)));
  }

  private void requireAnswer(Case one) throws IOException {
    Outcome outcome = outcome(one);
    assertThat(outcome.code()).as(outcome.err()).isEqualTo(one.code());
    assertThat(outcome.err())
        .contains(one.says())
        .doesNotContain("Exception", "\tat ", "Caused by");
    if (one.code() == ExitCode.OK) {
      assertThat(outcome.err().contains("left out")).isEqualTo(one.says().contains("left out"));
      return;
    }
    List<String> lines = outcome.err().lines().toList();
    assertThat(lines.stream().filter(l -> l.startsWith("peltast: "))).as(outcome.err()).hasSize(1);
    String sentence = sentence(one, outcome);
    assertThat(sentence).matches("(?s).*[.?!]").hasSizeLessThan(400);
    assertThat(sentence.chars().filter(Character::isISOControl)).as(sentence).isEmpty();
    if (one.code() == ExitCode.USAGE) {
      assertThat(outcome.changed()).as("nothing was begun, so nothing is written").isEmpty();
    }
  }

  /** What is said of the input itself. */
  private static String sentence(Case one, Outcome outcome) {
    return outcome
        .err()
        .lines()
        .filter(
            line ->
                one.code() == ExitCode.OK
                    ? line.contains(one.says())
                    : line.startsWith("peltast: "))
        .findFirst()
        .orElse("")
        .replaceFirst("^peltast: ", "");
  }

  /** With -Dpeltast.docs.write the table is written instead. */
  @Test
  void theTableInTheDocumentIsWhatTheCommandsSay() throws IOException {
    StringBuilder table = new StringBuilder();
    Topic topic = null;
    for (Case one : cases()) {
      if (one.topic() != topic) {
        topic = one.topic();
        table
            .append("\n### ")
            .append(topic.title())
            .append("\n\n| input | what is said | exit code |\n| --- | --- | --- |\n");
      }
      Outcome outcome = outcome(one);
      String said = sentence(one, outcome);
      table.append(
          "| %s | %s | %d |\n"
              .formatted(
                  cell(one.input()),
                  // Times, and what kernels keep, are the machine's.
                  cell(
                      said.replaceAll("[0-9.]+ m?s\\.$", "… s.")
                          .replaceAll("[0-9.]+ MiB", "… MiB")),
                  outcome.code()));
    }
    Path file = root().resolve("docs/reliability.md");
    String page = Files.readString(file);
    int begin = page.indexOf(MARK_BEGIN) + MARK_BEGIN.length();
    int end = page.indexOf(MARK_END);
    assertThat(end).isGreaterThanOrEqualTo(begin);
    if (System.getProperty("peltast.docs.write") != null) {
      Files.writeString(file, page.substring(0, begin) + table + "\n" + page.substring(end), UTF_8);
      return;
    }
    assertThat(page.substring(begin, end))
        .as("run this test with -Dpeltast.docs.write=true to write the table anew")
        .isEqualTo(table + "\n");
  }

  private static String cell(String text) {
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*");
  }

  // ------------------------------------------------------------------ files

  private static Map<String, String> tree(Path folder) throws IOException {
    Map<String, String> all = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(folder)) {
      for (Path path : walk.toList()) {
        all.put(
            folder.relativize(path).toString(),
            Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS) ? Checksums.sha256(path) : "");
      }
    }
    return all;
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> walk = Files.walk(from)) {
      for (Path path : walk.toList()) {
        Files.copy(path, to.resolve(from.relativize(path).toString()));
      }
    }
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> walk = Files.walk(folder)) {
      for (Path path : walk.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  private static void replace(Path file, String from, String to) throws IOException {
    String text = Files.readString(file);
    assertThat(text).contains(from);
    Files.writeString(file, text.replace(from, to));
  }

  private static void truncate(Path file, int bytes) throws IOException {
    byte[] all = Files.readAllBytes(file);
    assertThat(all.length).isGreaterThan(bytes);
    Files.write(file, java.util.Arrays.copyOf(all, bytes));
  }

  /** The clone: tests run in the module's folder. */
  private static Path root() {
    Path here = Path.of("").toAbsolutePath();
    return Files.exists(here.resolve("peltast")) ? here : here.getParent();
  }
}
