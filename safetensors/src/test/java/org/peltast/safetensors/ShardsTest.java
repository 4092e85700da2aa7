package org.peltast.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ShardsTest {
  private static final String INDEX = "m.safetensors.index.json";

  @TempDir Path folder;

  @BeforeEach
  void twoShards() {
    shard("a.safetensors", "{'__metadata__':{'k':'v','own':'1'},", "x");
    shard("b.safetensors", "{'__metadata__':{'own':'2','k':'v'},", "y");
    index("{'metadata':{'total_size':12},'weight_map':{'x':'a.safetensors','y':'b.safetensors'}}");
  }

  private void shard(String file, String start, String... tensors) {
    StringBuilder header = new StringBuilder(start);
    for (int i = 0; i < tensors.length; i++) {
      header.append(i == 0 ? "" : ",").append('\'').append(tensors[i]);
      header.append("':{'dtype':'U8','shape':[6],'data_offsets':[");
      header.append(6 * i).append(',').append(6 * i + 6).append("]}");
    }
    Raw.write(
        folder.resolve(file),
        Raw.file(header.append('}').toString().replace('\'', '"'), 6 * tensors.length));
  }

  private Path index(String json) {
    return Raw.write(
        folder.resolve(INDEX), json.replace('\'', '"').getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void anIndexAndItsFolderOpenAlike() {
    for (Path path : new Path[] {folder, folder.resolve(INDEX)}) {
      Checkpoint checkpoint = Checkpoint.open(path);
      assertThat(checkpoint.path()).isEqualTo(folder.resolve(INDEX));
      assertThat(checkpoint.files())
          .containsExactly(folder.resolve("a.safetensors"), folder.resolve("b.safetensors"));
      assertThat(checkpoint.tensors()).containsOnlyKeys("x", "y");
      assertThat(checkpoint.metadata()).containsExactly(Map.entry("k", "v"));
      assertThat(Raw.bytes(checkpoint.data("y"))).containsExactly(0, 1, 2, 3, 4, 5);
      checkpoint.close();
      assertThatThrownBy(checkpoint::tensors).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> checkpoint.data("x")).isInstanceOf(IllegalStateException.class);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../a.safetensors",
        "..\\\\a.safetensors",
        "/a.safetensors",
        "sub/a.safetensors",
        "C:a.safetensors",
        "..",
        ".",
        "",
        "a\\u0000.safetensors",
        "a.bin"
      })
  void noShardNameLeadsOutOfTheFolder(String name) throws IOException {
    Files.createDirectory(folder.resolve("sub"));
    refused(
        "{'weight_map':{'x':'" + name + "','y':'b.safetensors'}}",
        "\"x\"",
        "not the plain name of a file");
  }

  static Stream<Arguments> indexes() {
    String good = "{'weight_map':{'x':'a.safetensors','y':'b.safetensors'}}";
    return Stream.of(
        Arguments.of("", "weight_map"),
        Arguments.of("{", "not valid JSON"),
        Arguments.of(good + "{}", "not valid JSON"),
        Arguments.of(good + "x", "not valid JSON"),
        Arguments.of("[]", "no weight_map"),
        Arguments.of("{}", "no weight_map"),
        Arguments.of("null", "no weight_map"),
        Arguments.of("{'weight_map':[]}", "no weight_map"),
        Arguments.of(good.replace("'b.safetensors'", "7"), "tensor \"y\": its weight_map entry"),
        Arguments.of(good.replace("'y'", "'x'"), "Duplicate"),
        Arguments.of(good.replace("b.s", "c.s"), "c.safetensors: this shard, which " + INDEX),
        Arguments.of(good.replace("'y'", "'z'"), "tensor \"z\": it is not in its shard b.safe"),
        Arguments.of(
            "{'weight_map':{'x':'b.safetensors','y':'a.safetensors'}}",
            "tensor \"x\": it is not in its shard b.safetensors but in a.safetensors"),
        Arguments.of("{'weight_map':{'x':'a.safetensors','y':'a.safetensors'}}", "tensor \"y\""));
  }

  @ParameterizedTest
  @MethodSource("indexes")
  void aWrongIndexIsRefused(String json, String reason) {
    refused(json, reason);
  }

  @Test
  void aTensorInTwoShardsIsRefused() {
    shard("b.safetensors", "{", "x", "y");
    refused(
        "{'weight_map':{'x':'a.safetensors','y':'b.safetensors'}}",
        "tensor \"x\": it stands in two shards, a.safetensors and b.safetensors");
  }

  @Test
  void aTensorThatTheIndexDoesNotNameIsRefused() {
    shard("b.safetensors", "{", "y", "z");
    refused(
        "{'weight_map':{'x':'a.safetensors','y':'b.safetensors'}}",
        "tensor \"z\": its shard b.safetensors holds it, but the index does not name it");
  }

  @Test
  void aDamagedShardIsNamedItself() {
    Raw.write(folder.resolve("b.safetensors"), new byte[5]);
    assertThatThrownBy(() -> Checkpoint.open(folder))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageStartingWith(folder.resolve("b.safetensors") + ": ");
  }

  @Test
  void anIndexCutAnywhereIsRefused() {
    byte[] whole = Raw.read(folder.resolve(INDEX));
    for (int length = 0; length < whole.length; length++) {
      refused(new String(whole, 0, length, StandardCharsets.UTF_8), INDEX);
    }
  }

  @Test
  void anIndexThatIsNotUtf8IsRefused() {
    Raw.write(folder.resolve(INDEX), new byte[] {'{', '"', (byte) 0xff, '"', ':', '1', '}'});
    assertThatThrownBy(() -> Checkpoint.open(folder))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageContaining("not UTF-8");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'total_size':1.5e9}",
        "{'total_size':-1}",
        "{'total_size':'1'}",
        "{'total_size':NaN}",
        "{'total_size':-Infinity}",
        "[]",
        "null"
      })
  void whatNobodyUsesIsOverlookedAsOthersDo(String metadata) {
    index("{'metadata':" + metadata + ",'weight_map':{'x':'a.safetensors','y':'b.safetensors'}}");
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertThat(checkpoint.tensors()).hasSize(2);
    }
  }

  @Test
  void aFolderOffersThePlainCheckpointItsVariantOrWhyThereIsNone() throws IOException {
    shard("model.fp16.safetensors", "{", "x", "y");
    Files.writeString(folder.resolve("._a.safetensors"), "left by a Mac");
    assertThat(Checkpoint.locate(folder, null)).isEqualTo(folder.resolve(INDEX));
    assertThat(Checkpoint.locate(folder, "bf16")).isEqualTo(folder.resolve(INDEX));
    assertThat(Checkpoint.locate(folder, "fp16"))
        .isEqualTo(folder.resolve("model.fp16.safetensors"));
    assertThat(Checkpoint.variants(folder)).containsExactly("fp16");
    Path other = Files.createDirectory(folder.resolve("other"));
    Files.writeString(other.resolve("pytorch_model.bin"), "pickle");
    assertThatThrownBy(() -> Checkpoint.open(other))
        .hasMessageContaining("pickles (pytorch_model.bin)")
        .hasMessageContaining("safetensors.torch.save_file");
    Files.move(other.resolve("pytorch_model.bin"), other.resolve("model-Q4.gguf"));
    assertThatThrownBy(() -> Checkpoint.open(other))
        .hasMessageContaining("another format (model-Q4.gguf)");
    Files.copy(folder.resolve("a.safetensors"), other.resolve("m.fp16.safetensors"));
    Files.copy(folder.resolve("a.safetensors"), other.resolve("m.bf16.safetensors"));
    assertThatThrownBy(() -> Checkpoint.open(other))
        .hasMessageContaining("say which variant is meant: bf16 or fp16");
  }

  @Test
  void aFolderMustHoldExactlyOneCheckpoint() throws IOException {
    shard("c.safetensors", "{", "q");
    assertThatThrownBy(() -> Checkpoint.open(folder))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageContaining("more than one checkpoint (" + INDEX + ", c.safetensors)");
    Files.delete(folder.resolve(INDEX));
    assertThatThrownBy(() -> Checkpoint.open(folder))
        .hasMessageContaining("(a.safetensors, b.safetensors, c.safetensors)");
    Files.delete(folder.resolve("a.safetensors"));
    Files.delete(folder.resolve("b.safetensors"));
    try (Checkpoint one = Checkpoint.open(folder)) {
      assertThat(one.path()).isEqualTo(folder.resolve("c.safetensors"));
    }
    Files.delete(folder.resolve("c.safetensors"));
    assertThatThrownBy(() -> Checkpoint.open(folder))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageContaining("holds neither");
  }

  private void refused(String json, String... parts) {
    Path file = index(json);
    assertThatThrownBy(() -> Checkpoint.open(file))
        .isInstanceOf(SafetensorsException.class)
        .satisfies(e -> assertThat(e.getMessage().lines()).hasSize(1))
        .satisfies(e -> assertThat(e.getMessage()).startsWith(folder.toString()).contains(parts));
  }
}
