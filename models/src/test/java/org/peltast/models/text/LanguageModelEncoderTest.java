package org.peltast.models.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.models.FormulaWeights;
import org.peltast.models.ModelException;
import org.peltast.models.files.Component;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import org.peltast.tensor.nn.Parameters;
import tools.jackson.databind.ObjectMapper;

/** Prompts to ids as transformers makes them, ids to features, and what is refused. */
class LanguageModelEncoderTest {
  @TempDir Path temporary;

  private static Path golden(String name) {
    try {
      return Path.of(LanguageModelEncoderTest.class.getResource("/golden/" + name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private Path model(String name) throws IOException {
    return FormulaWeights.materialise(
        golden(name), Files.createTempDirectory(temporary, "model").resolve("m"));
  }

  private static LanguageModelEncoder open(Path model, PromptFormat format, Precision precision) {
    return LanguageModelEncoder.open(
        Component.of(model.resolve("text_encoder")),
        model.resolve("tokenizer"),
        format,
        Device.CPU,
        precision);
  }

  private static List<long[]> rows(Tensor values, Tensor lengths) {
    long[] all = values.toLongs();
    List<long[]> rows = new ArrayList<>();
    int at = 0;
    for (long length : lengths.toLongs()) {
      rows.add(java.util.Arrays.copyOfRange(all, at, at + (int) length));
      at += (int) length;
    }
    return rows;
  }

  /** A thousand strings: emoji, CJK, combining marks, right to left, controls, 10 kB. */
  private void idsAgree(String name, PromptFormat format) throws IOException {
    try (Scope s = Scope.open();
        LanguageModelEncoder encoder = open(model(name), format, Precision.FLOAT32);
        PromptTokenizer tokenizer = PromptTokenizer.open(golden(name).resolve("tokenizer"))) {
      Map<String, Tensor> file = TensorFiles.read(golden(name).resolve("ids.safetensors"));
      List<long[]> texts = rows(file.get("input.text"), file.get("input.text_lengths"));
      List<long[]> plain = rows(file.get("output.ids"), file.get("output.ids_lengths"));
      List<long[]> framed = rows(file.get("output.framed"), file.get("output.framed_lengths"));
      assertThat(texts).hasSize(1000);
      for (int i = 0; i < texts.size(); i++) {
        byte[] bytes = new byte[texts.get(i).length];
        for (int j = 0; j < bytes.length; j++) {
          bytes[j] = (byte) texts.get(i)[j];
        }
        String text = new String(bytes, StandardCharsets.UTF_8);
        assertThat(tokenizer.ids(text, 1 << 20)).as("%d: %s", i, text).isEqualTo(plain.get(i));
        assertThat(encoder.tokenIds(text)).as("%d: %s", i, text).isEqualTo(framed.get(i));
      }
    }
  }

  @Test
  void idsAreThoseOfZImagesPipeline() throws IOException {
    idsAgree("text-qwen3-tiny", PromptFormat.QWEN3_CHAT);
  }

  @Test
  void idsAreThoseOfLuminasPipeline() throws IOException {
    idsAgree("text-gemma2-tiny", PromptFormat.LUMINA2_SYSTEM);
  }

  /** Prompts to features, as the pipeline's own encode_prompt makes them. */
  private void featuresAgree(String name) throws IOException {
    Path file = golden(name).resolve("features.safetensors");
    List<String> prompts = new ArrayList<>();
    new ObjectMapper()
        .readTree(TensorFiles.metadata(file).get("prompts"))
        .forEach(p -> prompts.add(p.stringValue()));
    Path model = model(name);
    try (Scope s = Scope.open();
        LanguageModelEncoder encoder =
            LanguageModelEncoder.open(
                Component.of(model.resolve("text_encoder")),
                model.resolve("tokenizer"),
                Device.CPU,
                Precision.FLOAT32)) {
      Map<String, Tensor> expected = TensorFiles.read(file);
      List<TokenFeatures> features = encoder.encode(prompts);
      assertThat(features).hasSize(4);
      for (int i = 0; i < features.size(); i++) {
        double tokens =
            expected
                .get("output.prompt_attention_mask")
                .select(0, i)
                .to(DType.FLOAT32)
                .sum()
                .item();
        assertThat(features.get(i).tokens()).isEqualTo((int) tokens);
        float[] actual = features.get(i).values();
        float[] wanted =
            expected
                .get("output.prompt_embeds")
                .select(0, i)
                .narrow(0, 0, features.get(i).tokens())
                .toFloats();
        for (int j = 0; j < wanted.length; j++) {
          assertThat(actual[j]).isCloseTo(wanted[j], within(2e-5f));
        }
      }
    }
  }

  @Test
  void featuresAreThoseOfZImagesPipeline() throws IOException {
    featuresAgree("text-qwen3-tiny");
  }

  @Test
  void featuresAreThoseOfLuminasPipeline() throws IOException {
    featuresAgree("text-gemma2-tiny");
  }

  @Test
  void negativePromptsHaveNoSystemPrompt() throws IOException {
    Path model = model("text-gemma2-tiny");
    try (LanguageModelEncoder encoder =
        open(model, PromptFormat.LUMINA2_SYSTEM, Precision.FLOAT32)) {
      LanguageModelEncoder negative = (LanguageModelEncoder) encoder.forNegative();
      assertThat(negative.tokenIds("red")).hasSizeLessThan(10).startsWith(2);
      assertThat(encoder.tokenIds("red")).hasSizeGreaterThan(20).startsWith(2);
      assertThat(negative.tokenIds("")).isEqualTo(encoder.tokenIds("")).containsExactly(2);
      assertThat(negative.id()).isNotEqualTo(encoder.id());
      assertThat(negative.encode("red").tokens()).isEqualTo(negative.tokenIds("red").length);
    }
    try (LanguageModelEncoder qwen =
        open(model("text-qwen3-tiny"), PromptFormat.QWEN3_CHAT, Precision.FLOAT32)) {
      assertThat(qwen.forNegative()).isSameAs(qwen);
      assertThat(qwen.tokenIds("")).isNotEmpty();
    }
  }

  private static void edit(Path model, UnaryOperator<String> change) throws IOException {
    Path config = model.resolve("text_encoder/config.json");
    Files.writeString(config, change.apply(Files.readString(config)));
  }

  private interface Change {
    void to(Map<String, Tensor> tensors);
  }

  /** Writes the weights anew: in another dtype, under a prefix, changed. */
  private static void rewrite(Path model, DType dtype, String prefix, Change change)
      throws IOException {
    Path folder = model.resolve("text_encoder");
    Path file = folder.resolve("diffusion_pytorch_model.safetensors");
    try (Scope s = Scope.open()) {
      Map<String, Tensor> tensors = new LinkedHashMap<>(TensorFiles.read(file));
      change.to(tensors);
      Map<String, Tensor> named = new LinkedHashMap<>();
      tensors.forEach((name, value) -> named.put(prefix + name, value));
      Files.delete(file);
      TensorFiles.writeSharded(
          folder.resolve("model.safetensors"), named, Map.of("format", "pt"), dtype, 20_000);
    }
  }

  /** As published: shards in bfloat16 or float16, with the head and its prefix, or without. */
  @Test
  void filesOfAnyDtypeShardingAndPrefixAreRead() throws IOException {
    for (DType dtype : List.of(DType.BFLOAT16, DType.FLOAT16)) {
      Path narrow = model("text-qwen3-tiny");
      rewrite(
          narrow,
          dtype,
          "model.",
          tensors -> tensors.put("layers.0.self_attn.rotary_emb.inv_freq", Tensor.ones(5)));
      assertThat(narrow.resolve("text_encoder/model.safetensors.index.json")).exists();
      Path wide = model("text-qwen3-tiny");
      rewrite(wide, dtype, "", tensors -> {});
      try (Scope s = Scope.open()) { // the same rounded values in float32
        Path folder = wide.resolve("text_encoder");
        Map<String, Tensor> rounded = new LinkedHashMap<>(TensorFiles.read(folder));
        try (var files = Files.list(folder)) {
          for (Path p : files.filter(f -> f.toString().contains("safetensors")).toList()) {
            Files.delete(p);
          }
        }
        TensorFiles.write(folder.resolve("model.safetensors"), rounded, Map.of(), DType.FLOAT32);
        Tensor ids = Tensor.of(new long[] {3, 14, 15, 9, 26}, 1, 5);
        try (TextNetwork a =
                TextNetworks.open(
                    narrow.resolve("text_encoder"), Device.CPU, Precision.FLOAT32, dtype);
            TextNetwork b =
                TextNetworks.open(folder, Device.CPU, Precision.FLOAT32, DType.FLOAT32);
            Autograd off = Autograd.off()) {
          assertThat(a.parameters().find("embed_tokens.weight").value().dtype()).isEqualTo(dtype);
          assertThat(a.outputs(ids, null).get(TextNetwork.LAST).toFloats())
              .isEqualTo(b.outputs(ids, null).get(TextNetwork.LAST).toFloats());
          if (dtype == DType.FLOAT16) {
            assertThatThrownBy(() -> a.parameters().trainable(true))
                .hasMessageContaining("only float32 and bfloat16 are trained");
          }
        }
      }
    }
  }

  @Test
  void theHeadIsPassedOver() throws IOException {
    Path model = model("text-qwen3-tiny");
    rewrite(model, DType.FLOAT32, "model.", tensors -> {});
    Path folder = model.resolve("text_encoder");
    try (Scope s = Scope.open()) {
      Map<String, Tensor> all = new LinkedHashMap<>(TensorFiles.read(folder));
      all.put("lm_head.weight", Tensor.ones(90, 40));
      try (var files = Files.list(folder)) {
        for (Path p : files.filter(f -> f.toString().contains("safetensors")).toList()) {
          Files.delete(p);
        }
      }
      TensorFiles.write(folder.resolve("model.safetensors"), all, Map.of());
    }
    assertThat(DecoderFiles.open(Component.of(folder)).prefix()).isEqualTo("model.");
  }

  /** Declared and expected shapes are told twice: they are the same. */
  @Test
  void theShapesAreThoseOfTheNetwork() throws IOException {
    for (String name : List.of("qwen3-tiny", "qwen3-window", "gemma2-tiny", "gemma2-uncapped")) {
      DecoderFiles files =
          DecoderFiles.open(Component.of(model("text-" + name).resolve("text_encoder")));
      try (Parameters p = Parameters.on(Device.CPU, Precision.FLOAT32)) {
        new Decoder(p, files.config());
        Map<String, List<Long>> declared = new LinkedHashMap<>();
        p.values().forEach((n, t) -> declared.put(n, boxed(t.shape())));
        Map<String, List<Long>> expected = new LinkedHashMap<>();
        files.config().shapes().forEach((n, shape) -> expected.put(n, boxed(shape)));
        assertThat(declared).isEqualTo(expected);
      }
    }
  }

  private static List<Long> boxed(long[] shape) {
    return java.util.Arrays.stream(shape).boxed().toList();
  }

  @Test
  void aPromptsFeaturesAreItsOwn() throws IOException {
    Path model = model("text-qwen3-tiny");
    try (LanguageModelEncoder encoder = open(model, PromptFormat.QWEN3_CHAT, Precision.FLOAT32)) {
      List<TokenFeatures> all = encoder.encode(List.of("a red apple", "", "你好 😀 ".repeat(400)));
      assertThat(all.get(0)).isEqualTo(encoder.encode("a red apple"));
      assertThat(all.get(0).width()).isEqualTo(20).isEqualTo(encoder.width());
      assertThat(all.get(2).tokens()).isEqualTo(512).isEqualTo(encoder.maxTokens());
      assertThat(all.get(0).tokens()).isEqualTo(encoder.tokenIds("a red apple").length);
      assertThat(encoder.tokens("你好 😀 ".repeat(400))).isGreaterThan(512);
      assertThat(encoder.tokens("")).isEqualTo(encoder.specialTokens());
      // The framed prompt's own states, as the network gives them without the frame's help.
      long[] ids = encoder.tokenIds("a red apple");
      try (Scope s = Scope.open();
          Autograd off = Autograd.off();
          TextNetwork network =
              TextNetworks.open(
                  model.resolve("text_encoder"), Device.CPU, Precision.FLOAT32, DType.FLOAT32)) {
        Tensor states =
            network.outputs(Tensor.of(ids, 1, ids.length), null).get(TextNetwork.PENULTIMATE);
        assertThat(all.get(0).values()).isEqualTo(states.toFloats());
        // Padding on the right, as the pipeline has it, changes nothing but rounding.
        long[] padded = java.util.Arrays.copyOf(ids, 40);
        long[] mask = new long[40];
        java.util.Arrays.fill(mask, 0, ids.length, 1);
        Tensor same =
            network
                .outputs(Tensor.of(padded, 1, 40), Tensor.of(mask, 1, 40))
                .get(TextNetwork.PENULTIMATE)
                .narrow(1, 0, ids.length);
        float[] a = states.toFloats();
        float[] b = same.toFloats();
        for (int i = 0; i < a.length; i++) {
          assertThat(b[i]).isCloseTo(a[i], within(1e-5f));
        }
      }
    }
  }

  @Test
  void anEncoderPutAwayComesBack() throws IOException {
    try (LanguageModelEncoder encoder =
        open(model("text-gemma2-tiny"), PromptFormat.LUMINA2_SYSTEM, Precision.FLOAT32)) {
      assertThat(encoder.isLarge()).isTrue();
      TokenFeatures before = encoder.encode("ink on paper");
      encoder.rest();
      assertThat(encoder.encode("ink on paper")).isEqualTo(before);
      encoder.close();
      assertThatThrownBy(() -> encoder.encode("ink")).hasMessageContaining("closed");
    }
  }

  @Test
  void theIdNamesFilesFormatAndPrecision() throws IOException {
    Path model = model("text-gemma2-tiny");
    String id;
    try (LanguageModelEncoder e = open(model, PromptFormat.LUMINA2_SYSTEM, Precision.FLOAT32)) {
      id = e.id();
      assertThat(id).startsWith("gemma2-lumina2-256-float32-");
    }
    try (LanguageModelEncoder e = open(model, PromptFormat.LUMINA2_SYSTEM, Precision.FLOAT32)) {
      assertThat(e.id()).isEqualTo(id);
    }
    try (LanguageModelEncoder e = open(model, PromptFormat.LUMINA2_SYSTEM, Precision.BF16)) {
      assertThat(e.id()).isNotEqualTo(id);
    }
    Path config = model.resolve("tokenizer/tokenizer_config.json");
    Files.writeString(config, Files.readString(config) + " ");
    try (LanguageModelEncoder e = open(model, PromptFormat.LUMINA2_SYSTEM, Precision.FLOAT32)) {
      assertThat(e.id()).isNotEqualTo(id);
    }
  }

  private void refused(String name, UnaryOperator<String> change, String... said)
      throws IOException {
    Path model = model(name);
    edit(model, change);
    assertThatThrownBy(() -> DecoderFiles.open(Component.of(model.resolve("text_encoder"))))
        .isInstanceOf(ModelException.class)
        .message()
        .contains(said);
  }

  private static UnaryOperator<String> with(String key, String value) {
    return json ->
        json.contains("\"" + key + "\":")
            ? json.replaceAll(
                "\"" + key + "\": (\\[[^]]*]|\\{[^}]*}|[^,\\n]+)",
                "\"" + key + "\": " + value.replace("$", "\\$"))
            : json.replaceFirst("\\{", "{\"" + key + "\": " + value + ",");
  }

  @Test
  void whatWouldComputeSomethingElseIsRefusedByName() throws IOException {
    String qwen = "text-qwen3-tiny";
    String gemma = "text-gemma2-tiny";
    refused(qwen, with("model_type", "\"llama\""), "model_type is llama", "qwen3 and gemma2");
    refused(qwen, with("attention_multiplier", "2.0"), "the key attention_multiplier");
    refused(
        qwen,
        with("quantization_config", "{\"quant_method\": \"gptq\", \"bits\": 4}"),
        "quantization_config is set (gptq)");
    refused(qwen, with("rope_scaling", "{\"rope_type\": \"yarn\", \"factor\": 4}"), "yarn");
    refused(qwen, with("rope_parameters", "{\"rope_type\": \"linear\"}"), "linear");
    refused(qwen, with("rope_parameters", "{\"factor\": 2.0}"), "rope_parameters", "factor");
    refused(qwen, with("hidden_act", "\"gelu\""), "hidden_act must be silu", "gelu");
    refused(qwen, with("num_key_value_heads", "4"), "multiple of num_key_value_heads");
    refused(qwen, with("head_dim", "9"), "head_dim must be even");
    refused(qwen, with("layer_types", "[\"full_attention\"]"), "layer_types names 1 layers");
    refused(qwen, with("vocab_size", "0"), "vocab_size must be 1");
    refused(qwen, with("vocab_size", "91"), "embed_tokens.weight is [910, 20]", "[91, 20]");
    refused(qwen, with("num_hidden_layers", "2"), "layers.2", "does not know");
    refused(qwen, with("num_hidden_layers", "999999"), "num_hidden_layers must be at most 1000");
    refused(gemma, with("use_bidirectional_attention", "true"), "use_bidirectional_attention");
    refused(gemma, with("hidden_activation", "\"gelu\""), "hidden_activation must be");
    refused(gemma, with("query_pre_attn_scalar", "-1"), "query_pre_attn_scalar");
    refused(gemma, with("use_sliding_window", "true"), "the key use_sliding_window");
  }

  @Test
  void keysOfOtherVersionsAreRead() throws IOException {
    for (String key : List.of("pad_token_id", "_name_or_path", "quantization_config")) {
      Path model = model("text-qwen3-tiny");
      edit(model, with(key, "null"));
      assertThat(
              DecoderFiles.open(Component.of(model.resolve("text_encoder"))).config().ropeTheta())
          .isEqualTo(1e6);
    }
    Path signed = model("text-qwen3-tiny");
    edit(signed, with("license", "\"MIT\""));
    assertThat(DecoderFiles.open(Component.of(signed.resolve("text_encoder"))).config().ropeTheta())
        .isEqualTo(1e6);
    Path five = model("text-qwen3-window");
    assertThat(DecoderFiles.open(Component.of(five.resolve("text_encoder"))).config().ropeTheta())
        .isEqualTo(500);
    assertThat(DecoderFiles.open(Component.of(five.resolve("text_encoder"))).config().windows())
        .containsExactly(0, 4, 4);
    edit(five, json -> json.replaceAll("(?s)\"layer_types\": \\[.*?],", ""));
    assertThat(DecoderFiles.open(Component.of(five.resolve("text_encoder"))).config().windows())
        .containsExactly(0, 4, 4);
    Path gemma = model("text-gemma2-tiny");
    assertThat(DecoderFiles.open(Component.of(gemma.resolve("text_encoder"))).config().windows())
        .containsExactly(5, 0, 5, 0);
  }

  @Test
  void brokenFilesAreToldInASentence() throws IOException {
    Path infinite = model("text-qwen3-tiny");
    rewrite(
        infinite,
        DType.FLOAT32,
        "",
        tensors ->
            tensors.put("norm.weight", Tensor.full(Double.NaN, DType.FLOAT32, Device.CPU, 20)));
    assertThatThrownBy(
            () ->
                TextNetworks.open(
                    infinite.resolve("text_encoder"), Device.CPU, Precision.FLOAT32, DType.FLOAT32))
        .hasMessageContaining("norm.weight holds NaN");
    Path whole = model("text-qwen3-tiny");
    rewrite(
        whole,
        DType.FLOAT32,
        "",
        tensors -> tensors.put("norm.weight", Tensor.of(new long[20], 20)));
    assertThatThrownBy(() -> DecoderFiles.open(Component.of(whole.resolve("text_encoder"))))
        .hasMessageContaining("norm.weight is of type I64");
    Path without = model("text-gemma2-tiny");
    Files.delete(without.resolve("tokenizer/tokenizer.json"));
    assertThatThrownBy(() -> open(without, PromptFormat.LUMINA2_SYSTEM, Precision.FLOAT32))
        .hasMessageContaining("tokenizer.json is missing");
    Files.writeString(without.resolve("tokenizer/tokenizer.json"), "{}");
    assertThatThrownBy(
            () -> open(without, PromptFormat.LUMINA2_SYSTEM, Precision.FLOAT32).tokenIds("a"))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("is no tokenizer that can be loaded");
  }

  private void tokenizerRefuses(UnaryOperator<String> change, String said) throws IOException {
    Path model = model("text-gemma2-tiny");
    Path config = model.resolve("tokenizer/tokenizer_config.json");
    Files.writeString(config, change.apply(Files.readString(config)));
    assertThatThrownBy(() -> PromptTokenizer.open(model.resolve("tokenizer")))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining(said);
  }

  @Test
  void aTokenizersConfigurationIsObeyedOrRefused() throws IOException {
    tokenizerRefuses(with("truncation_side", "\"left\""), "truncation_side is left");
    tokenizerRefuses(
        with("added_tokens_decoder", "{\"7\": {\"content\": \"<nowhere>\"}}"), "<nowhere>");
    Path model = model("text-gemma2-tiny");
    Path config = model.resolve("tokenizer/tokenizer_config.json");
    String said = Files.readString(config);
    Files.writeString(config, with("add_bos_token", "false").apply(said));
    try (PromptTokenizer tokenizer = PromptTokenizer.open(model.resolve("tokenizer"))) {
      assertThat(tokenizer.ids("", 9)).isEmpty();
    }
    Files.writeString(config, with("add_eos_token", "true").apply(said));
    try (PromptTokenizer tokenizer = PromptTokenizer.open(model.resolve("tokenizer"))) {
      assertThat(tokenizer.ids("red ".repeat(99), 9)).hasSize(9).startsWith(2).endsWith(1);
    }
  }
}
