package org.peltast.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.diffusion.DynamicShift;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.diffusion.StepGrid;
import org.peltast.diffusion.TimeShift;
import org.peltast.models.codec.Codec;
import org.peltast.models.codec.Codecs;
import org.peltast.models.codec.Normalisation;
import org.peltast.models.codec.NormalisedCodec;
import org.peltast.models.codec.PixelCodec;
import org.peltast.models.codec.Taef2Codec;
import org.peltast.models.text.TextEncoder;
import org.peltast.models.text.TokenFeatures;
import org.peltast.models.zimage.ZImageConfig;
import org.peltast.models.zimage.ZImageTransformer;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Parameters;

/** Model folders: what is written is read again; what is wrong is told in one sentence. */
class ModelFolderTest {
  private static final ZImageConfig TINY =
      new ZImageConfig(
          List.of(1),
          3,
          16,
          1,
          1,
          2,
          1e-5,
          true,
          4,
          256,
          1000,
          List.of(4, 2, 2),
          List.of(100, 16, 16));

  @TempDir Path temporary;
  private Scope scope;
  private TextToImage model;

  @BeforeEach
  void makeModel() {
    scope = Scope.open();
    model = tiny(settings());
  }

  @AfterEach
  void close() {
    model.network().close();
    scope.close();
  }

  private static GenerationSettings settings() {
    return new GenerationSettings(
        6, 8, StepGrid.of(0, 0.6), Guidance.NONE, GenerationSettings.sampler("renoise"));
  }

  /** A pixel model with random weights everywhere, reading the letters of its prompts. */
  static TextToImage tiny(GenerationSettings settings) {
    Parameters p = Parameters.on(Device.CPU, Precision.FLOAT32);
    ZImageTransformer network = new ZImageTransformer(TINY, p);
    p.initialise(Rng.of(3));
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      for (var parameter : p.all()) {
        Tensor v = parameter.value();
        v.copyFrom(v.add(Rng.of(4).fork(parameter.name()).normal(v.shape()).mul(0.2)));
      }
    }
    p.changed();
    NormalisedCodec codec =
        new NormalisedCodec(
            new PixelCodec(), new Normalisation(List.of(0.1, 0.2, 0.3), List.of(0.5, 0.6, 0.7)));
    return TextToImage.of(
        network,
        NoiseSchedule.flow(new TimeShift(3)),
        codec,
        new LetterEncoder(),
        settings,
        Map.of("recipe", "none", "seed", "3"));
  }

  /** Of 6 × 8 pixels, which are 3 × 4 tokens of 2 × 2. */
  @Test
  void aStudentHasTheShiftOfTheSizeThatItWasTrainedAt() {
    DynamicShift dynamic = new DynamicShift(4, 64, 0.5, 1.1, DynamicShift.Type.EXPONENTIAL);
    TextToImage teacher =
        TextToImage.of(
            model.network(),
            NoiseSchedule.flow(dynamic),
            model.codec(),
            model.textEncoder(),
            settings(),
            Map.of());
    assertThat(teacher.denoiser().shift()).isEqualTo(dynamic.at(12));
    Path folder = temporary.resolve("dynamic");
    ModelFolder.write(folder, teacher, DType.FLOAT32);
    assertThat(ModelFolder.schedule(folder, teacher.network().family()))
        .isEqualTo(NoiseSchedule.flow(dynamic));
    assertThat(teacher.with(teacher.network(), settings(), Map.of()).schedule())
        .isEqualTo(NoiseSchedule.flow(dynamic.at(12)));
    TextToImage larger = teacher.with(teacher.network(), settings().withSize(12, 8), Map.of());
    assertThat(larger.schedule()).isEqualTo(NoiseSchedule.flow(dynamic.at(24)));
    assertThat(teacher.withShift(new TimeShift(3)).denoiser().shift()).isEqualTo(new TimeShift(3));
  }

  /** One token a letter, after one for the beginning. */
  record LetterEncoder() implements TextEncoder {
    @Override
    public String id() {
      return "letters";
    }

    @Override
    public int width() {
      return 4;
    }

    @Override
    public int maxTokens() {
      return 40;
    }

    @Override
    public List<TokenFeatures> encode(List<String> prompts) {
      return prompts.stream()
          .map(
              p -> {
                float[] v = new float[4 * (p.length() + 1)];
                v[0] = 1;
                for (int i = 0; i < p.length(); i++) {
                  for (int d = 0; d < 4; d++) {
                    v[4 * (i + 1) + d] = (float) Math.sin(p.charAt(i) * (d + 1));
                  }
                }
                return new TokenFeatures(v, p.length() + 1, 4);
              })
          .toList();
    }

    @Override
    public void close() {}
  }

  private Path written() {
    Path folder = temporary.resolve("model");
    ModelFolder.write(folder, model, DType.FLOAT32);
    return folder;
  }

  @Test
  void readsWhatItWrote() throws IOException {
    Path folder = written();
    try (TextToImage again = ModelFolder.open(folder)) {
      assertThat(again.defaults()).isEqualTo(model.defaults());
      assertThat(again.provenance()).isEqualTo(model.provenance());
      assertThat(again.network())
          .isInstanceOfSatisfying(
              ZImageTransformer.class, n -> assertThat(n.config()).isEqualTo(TINY));
      assertThat(again.denoiser().shift()).isEqualTo(new TimeShift(3));
      assertThat(((NormalisedCodec) again.codec()).normalisation())
          .isEqualTo(((NormalisedCodec) model.codec()).normalisation());
      model
          .network()
          .parameters()
          .values()
          .forEach(
              (name, value) ->
                  assertThat(again.network().parameters().find(name).value().toFloats())
                      .as(name)
                      .isEqualTo(value.toFloats()));
    }
    assertThat(list(temporary)).containsExactly("model");
  }

  private static List<String> list(Path folder) throws IOException {
    try (var entries = Files.list(folder)) {
      return entries.map(p -> p.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void exportsRoundedToBfloat16() {
    Path folder = temporary.resolve("half");
    ModelFolder.write(folder, model, DType.BFLOAT16);
    try (TextToImage again = ModelFolder.open(folder)) {
      String name = "layers.0.attention.to_q.weight";
      Tensor expected =
          model.network().parameters().find(name).value().to(DType.BFLOAT16).to(DType.FLOAT32);
      assertThat(again.network().parameters().find(name).value().toFloats())
          .isEqualTo(expected.toFloats());
    }
  }

  @Test
  void replacesAnOlderModelAndKeepsItsCard() throws IOException {
    Path folder = written();
    Files.writeString(folder.resolve("README.md"), "a card");
    Map<String, Tensor> weights = new LinkedHashMap<>(model.network().parameters().values());
    weights.put("x_pad_token", Tensor.full(7, DType.FLOAT32, Device.CPU, 1, 16));
    ModelFolder.write(folder, model, weights, DType.FLOAT32);
    assertThat(folder.resolve("README.md")).hasContent("a card");
    try (TextToImage again = ModelFolder.open(folder)) {
      assertThat(again.network().parameters().find("x_pad_token").value().toFloats())
          .containsOnly(7);
    }
    assertThat(list(temporary)).containsExactly("model");
  }

  @Test
  void keepsLinksBesideAnOlderModelAsLinks() throws IOException {
    Path folder = written();
    Path shared = Files.createDirectory(temporary.resolve("shared"));
    Files.writeString(shared.resolve("owl.txt"), "an owl");
    Files.createSymbolicLink(folder.resolve("samples"), Path.of("../shared"));
    Files.createSymbolicLink(folder.resolve("gone"), Path.of("../nowhere"));
    ModelFolder.write(folder, model, DType.FLOAT32);
    assertThat(Files.readSymbolicLink(folder.resolve("samples"))).hasToString("../shared");
    assertThat(folder.resolve("samples/owl.txt")).hasContent("an owl");
    assertThat(Files.readSymbolicLink(folder.resolve("gone"))).hasToString("../nowhere");
    assertThat(list(temporary)).containsExactly("model", "shared");
  }

  /** In a container a process may have the id of the one that was killed. */
  @Test
  void leftoversOfTheSameProcessIdArePutAway() throws IOException {
    Path folder = written();
    String pid = ProcessHandle.current().pid() + "";
    Path half = temporary.resolve(".model.new-" + pid);
    Files.createDirectories(half.resolve("transformer"));
    Files.writeString(folder.resolve("README.md"), "a card");
    Files.move(folder, temporary.resolve(".model.old-" + pid)); // killed between two renames
    ModelFolder.write(folder, model, DType.FLOAT32);
    assertThat(list(temporary)).containsExactly("model");
    assertThat(folder.resolve("README.md")).hasContent("a card");
    ModelFolder.open(folder).close();
  }

  @Test
  void doesNotWriteOverOtherThings() throws IOException {
    Path folder = Files.createDirectory(temporary.resolve("mine"));
    Files.writeString(folder.resolve("thesis.txt"), "…");
    assertThatThrownBy(() -> ModelFolder.write(folder, model, DType.FLOAT32))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("other things");
    assertThatThrownBy(() -> ModelFolder.write(folder.resolve("thesis.txt"), model, DType.FLOAT32))
        .hasMessageContaining("is a file");
    assertThat(folder.resolve("thesis.txt")).hasContent("…");
  }

  @Test
  void refusesToWriteWeightsThatAreNotNumbers() {
    Map<String, Tensor> weights = new LinkedHashMap<>(model.network().parameters().values());
    weights.put("x_pad_token", Tensor.full(Double.NaN, DType.FLOAT32, Device.CPU, 1, 16));
    Path folder = temporary.resolve("model");
    assertThatThrownBy(() -> ModelFolder.write(folder, model, weights, DType.FLOAT32))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("x_pad_token");
    assertThat(folder).doesNotExist();
  }

  @Test
  void aTaef2ModelNamesItsCodecsBuiltInWeights() throws IOException {
    try (Codec codec =
        new NormalisedCodec(Taef2Codec.builtIn(Device.CPU), Normalisation.uniform(32, 0, 2))) {
      Path vae = Files.createDirectory(temporary.resolve("vae"));
      Codecs.write(vae, codec);
      assertThat(list(vae)).containsExactly("config.json");
      try (NormalisedCodec again = Codecs.load(vae, Device.CPU)) {
        Tensor z = Rng.of(1).normal(1, 32, 2, 2);
        assertThat(again.decode(z).toFloats()).isEqualTo(codec.decode(z).toFloats());
        assertThat(again.normalisation()).isEqualTo(Normalisation.uniform(32, 0, 2));
      }
    }
  }

  @Test
  void opensWhatDiffusersWrote() throws IOException {
    Path folder = FormulaWeights.materialise(Golden.path("zimage-tiny"), temporary.resolve("d"));
    try (TextToImage tiny = ModelFolder.open(folder, Device.CPU, Precision.FLOAT32)) {
      assertThat(tiny.codec().factor()).isEqualTo(8);
      assertThat(tiny.denoiser().shift()).isEqualTo(new TimeShift(3));
      assertThat(((NormalisedCodec) tiny.codec()).normalisation())
          .isEqualTo(Normalisation.uniform(16, 0.1159, 1 / 0.3611));
      assertThat(tiny.defaults().height()).isEqualTo(64); // as its autoencoder was trained
      assertThatThrownBy(tiny::textEncoder)
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("no text encoder");

      Path vae = Files.createDirectory(temporary.resolve("vae"));
      Codecs.write(vae, tiny.codec());
      try (NormalisedCodec again = Codecs.load(vae, Device.CPU)) {
        Tensor z = Rng.of(1).normal(1, 16, 2, 2);
        assertThat(again.decode(z).toFloats()).isEqualTo(tiny.codec().decode(z).toFloats());
      }
    }
    edit(folder.resolve("vae/config.json"), "UpDecoderBlock2D", "AttnUpDecoderBlock2D");
    fails(folder, "vae/config.json: up_block_types must be 4 times UpDecoderBlock2D");
  }

  // ------------------------------------------------------------------ mistakes

  private void fails(Path folder, String... sentence) {
    assertThatThrownBy(() -> ModelFolder.open(folder).close())
        .hasMessageContainingAll(sentence)
        .satisfies(
            e ->
                assertThat(e.getClass().getSimpleName())
                    .isIn("ModelException", "SafetensorsException"))
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n").doesNotContain("null"));
  }

  private static void edit(Path file, String from, String to) throws IOException {
    String text = Files.readString(file);
    assertThat(text).contains(from);
    Files.writeString(file, text.replace(from, to));
  }

  @Test
  void aFolderThatIsNoneOrNoModel() throws IOException {
    fails(temporary.resolve("nowhere"), "does not exist");
    fails(temporary, "is no model folder", "model_index.json");
    Path file = Files.writeString(temporary.resolve("file"), "x");
    fails(file, "is not a folder");
  }

  @Test
  void unknownClasses() throws IOException {
    Path folder = written();
    Path index = folder.resolve("model_index.json");
    edit(index, "ZImageTransformer2DModel", "UNet2DConditionModel");
    fails(folder, "transformer is of class UNet2DConditionModel", "ZImageTransformer2DModel");
    edit(index, "UNet2DConditionModel", "ZImageTransformer2DModel");
    edit(index, "PixelCodec", "VQModel");
    fails(folder, "vae is of class VQModel", "PixelCodec");
    edit(index, "VQModel", "PixelCodec");
    edit(index, "MiniLmEncoder", "T5EncoderModel");
    fails(folder, "text_encoder is of class T5EncoderModel", "Qwen3Model", "MiniLmEncoder");
    edit(index, "T5EncoderModel", "Qwen3Model");
    fails(folder, "lacks the key model_type");
    edit(index, "Qwen3Model", "MiniLmEncoder");
    edit(index, "FlowMatchEulerDiscreteScheduler", "DDIMScheduler");
    fails(folder, "scheduler is of class DDIMScheduler");
  }

  @Test
  void wrongSettings() throws IOException {
    Path folder = written();
    Path extras = folder.resolve("peltast.json");
    String good = Files.readString(extras);
    edit(extras, "\"guidance\" : 1.0", "\"guidance\" : \"strong\"");
    fails(folder, "peltast.json: guidance must be a number, but is \"strong\"");
    Files.writeString(extras, good.replace("\"guidance\"", "\"guidence\""));
    fails(folder, "peltast.json: unknown key guidence");
    Files.writeString(extras, good.replace("\"height\" : 6", "\"height\" : 0"));
    fails(folder, "peltast.json: a picture of 0 × 8");
    Files.writeString(extras, good.replace("renoise", "heun"));
    fails(folder, "peltast.json: unknown sampler heun");
    Files.writeString(extras, "{");
    fails(folder, "peltast.json is not valid JSON");
    Files.writeString(extras, "[]");
    fails(folder, "peltast.json must hold one JSON object");
    Files.writeString(extras, good);
    edit(folder.resolve("scheduler/scheduler_config.json"), "3.0", "-3.0");
    fails(folder, "scheduler_config.json", "shift must be positive");
    edit(folder.resolve("scheduler/scheduler_config.json"), "-3.0", "3.0");
    edit(folder.resolve("transformer/config.json"), "\"dim\" : 16", "\"dim\" : 17");
    fails(folder, "transformer/config.json", "dim 17 must be a multiple of n_heads 2");
    edit(folder.resolve("transformer/config.json"), "\"dim\" : 17", "\"dim\" : \"16\"");
    fails(folder, "transformer/config.json: dim must be a whole number, but is \"16\"");
    Files.delete(folder.resolve("transformer/config.json"));
    fails(folder, "transformer/config.json is missing");
  }

  @Test
  void wrongCodecs() throws IOException {
    Path folder = written();
    Path vae = folder.resolve("vae/config.json");
    edit(vae, "0.5", "0.0");
    fails(folder, "vae/config.json", "positive deviations");
    Files.writeString(vae, "{\"_class_name\": \"Taef2Codec\", \"weights\": \"built-in\"}");
    fails(folder, "3 channels", "taef2 has 32");
    Files.writeString(vae, "{\"_class_name\": \"Taef2Codec\"}");
    fails(folder, "encoder.safetensors");
  }

  @Test
  void wrongWeights() throws IOException {
    Path folder = written();
    Path file = folder.resolve("transformer/diffusion_pytorch_model.safetensors");
    byte[] good = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(good, good.length - 5));
    fails(folder, "diffusion_pytorch_model.safetensors");

    String header = new String(good, java.nio.charset.StandardCharsets.ISO_8859_1);
    Files.write(file, latin(header.replace("\"x_pad_token\"", "\"y_pad_token\"")));
    fails(folder, "it lacks x_pad_token", "it has y_pad_token");
    Files.write(
        file,
        latin(
            header.replace(
                "\"cap_pad_token\":{\"dtype\":\"F32\",\"shape\":[1,16]",
                "\"cap_pad_token\":{\"dtype\":\"F32\",\"shape\":[16,1]")));
    fails(folder, "cap_pad_token is [16, 1]", "[1, 16]");

    byte[] broken = good.clone();
    ByteBuffer.wrap(broken).order(ByteOrder.LITTLE_ENDIAN).putFloat(good.length - 4, Float.NaN);
    Files.write(file, broken);
    fails(folder, "NaN or infinity");

    Files.delete(file);
    fails(folder, "transformer");
  }

  private static byte[] latin(String s) {
    return s.getBytes(java.nio.charset.StandardCharsets.ISO_8859_1);
  }

  @Test
  void anotherTextEncoderIsNoticedWhenItIsNeeded() throws IOException {
    try (TextToImage again = ModelFolder.open(written())) {
      assertThatThrownBy(again::textEncoder)
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("trained with the text encoder letters");
    }
  }
}
