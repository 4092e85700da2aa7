package org.peltast.safetensors;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The reference library's own files: see {@code oracles/safetensors_golden.py}. */
class GoldenTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"types", "empty", "shapes", "names"})
  void readsTheValuesAndWritesTheSameBytes(String name) {
    Path golden = Raw.golden(name + ".safetensors");
    Path written = folder.resolve("written.safetensors");
    try (Checkpoint file = Checkpoint.open(golden)) {
      List<TensorData> tensors = new ArrayList<>();
      for (TensorInfo info : file.tensors().values()) {
        byte[] expected = values(info);
        assertThat(Raw.bytes(file.data(info.name()))).as(info.name()).isEqualTo(expected);
        tensors.add(TensorData.of(info, () -> ByteBuffer.wrap(expected)));
      }
      Collections.shuffle(tensors, new Random(5));
      if (name.equals("shapes")) {
        // Tensors without elements share an offset: the golden must show that order too.
        assertThat(tensors.stream().filter(t -> t.info().byteSize() == 0)).hasSize(2);
      }
      SafetensorsWriter.write(written, file.metadata(), tensors);
    }
    assertThat(Raw.read(written)).isEqualTo(Raw.read(golden));
  }

  @Test
  void readsEveryTypeThatPyTorchHas() {
    try (Checkpoint file = Checkpoint.open(Raw.golden("types.safetensors"))) {
      List<SafetensorsType> missing = new ArrayList<>(List.of(SafetensorsType.values()));
      file.tensors().values().forEach(info -> missing.remove(info.type()));
      assertThat(missing).containsExactly(SafetensorsType.F6_E2M3, SafetensorsType.F6_E3M2);
      assertThat(file.metadata()).containsExactly(Map.entry("format", "pt"));
      assertThat(file.require("t.float4_e2m1fn_x2").shape()).containsExactly(2L, 8L);
    }
  }

  @Test
  void readsNamesAndMetadataOfAnyUnicode() {
    try (Checkpoint file = Checkpoint.open(Raw.golden("names.safetensors"))) {
      assertThat(file.tensors().keySet())
          .contains("", "\0\u001f\u007f", "\b\f\n\r\t", "\ud835\udc00", "\ue000", "data_offsets");
      assertThat(file.metadata())
          .containsExactly(Map.entry("ключ \"\\/\n\u0001", "値 \ud83d\ude00 \u2029 \u007f"));
    }
  }

  @Test
  void splitsIntoTheSameShardsUnderTheSameIndex() {
    Path golden = Raw.golden("sharded");
    List<TensorData> tensors = new ArrayList<>();
    try (Checkpoint shards = Checkpoint.open(golden)) {
      assertThat(shards.files()).hasSize(3);
      assertThat(shards.metadata()).containsExactly(Map.entry("format", "pt"));
      for (String name : List.of("z.weight", "a.weight", "large.weight", "é", "tail", "b.weight")) {
        TensorInfo info = shards.require(name);
        byte[] expected = values(info);
        assertThat(Raw.bytes(shards.data(name))).as(name).isEqualTo(expected);
        tensors.add(TensorData.of(info, () -> ByteBuffer.wrap(expected)));
      }
    }
    Path index =
        SafetensorsWriter.writeSharded(
            folder.resolve("model.safetensors"), Map.of("format", "pt"), tensors, 56);
    assertThat(index).isEqualTo(folder.resolve("model.safetensors.index.json"));
    assertThat(Raw.list(folder)).isEqualTo(Raw.list(golden));
    for (String name : Raw.list(golden)) {
      assertThat(Raw.read(folder.resolve(name))).as(name).isEqualTo(Raw.read(golden.resolve(name)));
    }
  }

  /** The formula of the golden script. */
  private static byte[] values(TensorInfo info) {
    int length = info.name().getBytes(StandardCharsets.UTF_8).length;
    byte[] bytes = new byte[(int) info.byteSize()];
    for (int i = 0; i < bytes.length; i++) {
      int value = (37 * i + 11 * length) % 256;
      bytes[i] = (byte) (info.type() == SafetensorsType.BOOL ? value % 2 : value);
    }
    return bytes;
  }
}
