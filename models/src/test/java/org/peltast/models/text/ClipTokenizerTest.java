package org.peltast.models.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.peltast.models.ModelException;
import org.peltast.models.files.JsonConfig;
import org.peltast.tensor.DType;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import tools.jackson.databind.JsonNode;

/** The ids are transformers', on a thousand awkward strings. */
class ClipTokenizerTest {
  private static final int LENGTH = 16;

  @TempDir Path temporary;

  private static Path model() {
    try {
      return Path.of(ClipTokenizerTest.class.getResource("/golden/sdxl-tiny").toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** FNV-1a over the ids, 32 bits each. */
  private static long fingerprint(long[] ids) {
    long hash = 0xCBF29CE484222325L;
    for (long id : ids) {
      for (int shift = 0; shift < 32; shift += 8) {
        hash = (hash ^ (id >>> shift & 255)) * 0x100000001B3L;
      }
    }
    return hash;
  }

  @ParameterizedTest
  @CsvSource({"tokenizer, tokenizer", "tokenizer_2, tokenizer-2"})
  void idsAreThoseOfTransformers(String folder, String file) throws IOException {
    Path golden = model().resolve(file + ".safetensors");
    try (Scope s = Scope.open();
        ClipTokenizer tokenizer = ClipTokenizer.open(model().resolve(folder), 77)) {
      Map<String, Tensor> tensors = TensorFiles.read(golden);
      ByteBuffer text = tensors.get("input.text").bytes();
      List<String> strings =
          new ArrayList<>(
              Arrays.asList(StandardCharsets.UTF_8.decode(text).toString().split("\u0001", -1)));
      for (JsonNode n : JsonConfig.JSON.readTree(TensorFiles.metadata(golden).get("long"))) {
        strings.add(n.get(0).stringValue().repeat(n.get(1).intValue()));
      }
      assertThat(strings).hasSize(1000);
      long[] known = tensors.get("output.ids").to(DType.INT64).toLongs();
      long[] lengths = tensors.get("output.lengths").to(DType.INT64).toLongs();
      long[] fingerprints = tensors.get("output.fingerprints").toLongs();
      int at = 0;
      for (int i = 0; i < strings.size(); i++) {
        long[] ids = tokenizer.ids(strings.get(i));
        if (at < known.length) {
          assertThat(ids)
              .as(strings.get(i))
              .isEqualTo(Arrays.copyOfRange(known, at, at += (int) lengths[i]));
        }
        String brief = strings.get(i).substring(0, Math.min(60, strings.get(i).length()));
        assertThat((long) ids.length).as(brief).isEqualTo(lengths[i]);
        assertThat(fingerprint(ids)).as(brief).isEqualTo(fingerprints[i]);
      }
      assertThat(at).isEqualTo(known.length).isPositive();
      long[] padded = tensors.get("output.padded").to(DType.INT64).toLongs();
      assertThat(tokenizer.length()).isEqualTo(LENGTH);
      for (int i = 0; i < padded.length / LENGTH; i++) {
        assertThat(tokenizer.padded(strings.get(i)))
            .isEqualTo(Arrays.copyOfRange(padded, i * LENGTH, (i + 1) * LENGTH));
      }
    }
  }

  private Path copy() throws IOException {
    Path to = Files.createDirectories(temporary.resolve("tokenizer"));
    try (Stream<Path> files = Files.list(model().resolve("tokenizer_2"))) {
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(file.getFileName().toString()));
      }
    }
    return to;
  }

  @Test
  void aWholeTokenizersFileServesToo() throws IOException {
    Path folder = copy();
    String vocabulary = Files.readString(folder.resolve("vocab.json"));
    StringBuilder merges = new StringBuilder();
    for (String line : Files.readAllLines(folder.resolve("merges.txt"))) {
      if (!line.startsWith("#version")) {
        merges
            .append(merges.isEmpty() ? "" : ",")
            .append(JsonConfig.JSON.writeValueAsString(List.of(line.split(" "))));
      }
    }
    Files.writeString(
        folder.resolve("tokenizer.json"),
        "{\"model\": {\"vocab\": " + vocabulary + ", \"merges\": [" + merges + "]}}");
    Files.delete(folder.resolve("vocab.json"));
    Files.delete(folder.resolve("merges.txt"));
    try (ClipTokenizer whole = ClipTokenizer.open(folder, 77);
        ClipTokenizer parts = ClipTokenizer.open(model().resolve("tokenizer_2"), 77)) {
      for (String text : List.of("a photograph!", "naïve 東京", "")) {
        assertThat(whole.padded(text)).isEqualTo(parts.padded(text));
      }
    }
  }

  /** As SDXL's own tokenizers have it: listed tokens say whether case matters. */
  @Test
  void listedTokensSayHowTheyAreFound() throws IOException {
    Path folder = copy();
    Path settings = folder.resolve("tokenizer_config.json");
    try (ClipTokenizer plain = ClipTokenizer.open(folder, 77)) {
      assertThat(plain.ids("<|STARTOFTEXT|>")).hasSizeGreaterThan(3);
    }
    long begin =
        JsonConfig.read(folder.resolve("vocab.json")).root().get("<|startoftext|>").longValue();
    Files.writeString(
        settings,
        Files.readString(settings)
            .replaceFirst(
                "\\{",
                "{\"added_tokens_decoder\": {\""
                    + begin
                    + "\": {\"content\": \"<|startoftext|>\", \"normalized\": true, \"special\": true}},"));
    try (ClipTokenizer listed = ClipTokenizer.open(folder, 77)) {
      assertThat(listed.ids("<|STARTOFTEXT|>")).containsExactly(begin, begin, begin + 1);
      assertThat(listed.ids("a!")).hasSize(4).contains(0);
    }
  }

  @Test
  void whatIsWrongIsToldInOneSentence() throws IOException {
    Path folder = copy();
    Files.writeString(folder.resolve("merges.txt"), "#version: 0.2\na b\nabc\n");
    refuses(folder, "merges.txt: line 3 is not two symbols");
    Files.delete(folder.resolve("merges.txt"));
    refuses(folder, "merges.txt is missing");
    Files.writeString(folder.resolve("vocab.json"), "{\"a\": 0}");
    Files.writeString(folder.resolve("merges.txt"), "");
    refuses(folder, "the vocabulary lacks the special token <|startoftext|>");
    Files.delete(folder.resolve("vocab.json"));
    refuses(folder, "vocab.json is missing");
  }

  private static void refuses(Path folder, String sentence) {
    assertThatThrownBy(() -> ClipTokenizer.open(folder, 77).close())
        .isInstanceOf(ModelException.class)
        .hasMessageContaining(sentence);
  }
}
