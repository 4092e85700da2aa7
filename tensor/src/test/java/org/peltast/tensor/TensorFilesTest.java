package org.peltast.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.peltast.safetensors.Checkpoint;
import org.peltast.safetensors.SafetensorsException;
import org.peltast.safetensors.SafetensorsType;
import org.peltast.safetensors.SafetensorsWriter;
import org.peltast.safetensors.TensorData;
import org.peltast.safetensors.TensorInfo;

class TensorFilesTest {
  @TempDir Path folder;
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static void assertSame(Tensor actual, Tensor expected) {
    assertThat(actual.dtype()).isEqualTo(expected.dtype());
    assertThat(actual.shape()).isEqualTo(expected.shape());
    assertThat(actual.bytes()).isEqualTo(expected.contiguous().bytes());
  }

  @Test
  void everyStorableTypeComesBackBitForBit() {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (DType d : DType.values()) {
      if (d.stored() != null) {
        tensors.put(d.name(), Rng.of(7).normal(3, 5).mul(20).abs().to(d));
        assertThat(DType.of(d.stored())).isEqualTo(d);
      }
    }
    tensors.put("scalar", Tensor.scalar(3.5));
    tensors.put("empty", Tensor.zeros(4, 0, 2));
    Path file = folder.resolve("a.safetensors");
    TensorFiles.write(file, tensors, Map.of("step", "12"));

    Map<String, Tensor> read = TensorFiles.read(file);
    assertThat(read).containsOnlyKeys(tensors.keySet());
    tensors.forEach((name, t) -> assertSame(read.get(name), t));
    assertThat(TensorFiles.metadata(file)).containsExactlyEntriesOf(Map.of("step", "12"));
  }

  @Test
  void viewsAndTrainedWeightsAreWrittenRowMajor() {
    Tensor x = Rng.of(1).normal(6, 4);
    Tensor leaf = x.copy().requireGrad(true);
    Path file = folder.resolve("b.safetensors");
    TensorFiles.write(
        file,
        Map.of("t", x.transpose(0, 1), "e", x.narrow(1, 1, 1).expand(6, 3), "leaf", leaf),
        Map.of());

    Map<String, Tensor> read = TensorFiles.read(file);
    assertSame(read.get("t"), x.transpose(0, 1));
    assertSame(read.get("e"), x.narrow(1, 1, 1).expand(6, 3));
    assertThat(read.get("leaf").requiresGrad()).isFalse();
  }

  @Test
  void exportCastsFloatsAndLeavesWholeNumbers() {
    Tensor w = Rng.of(2).normal(5, 3);
    Tensor ids = Tensor.of(new long[] {1, 2}, 2);
    Path file = folder.resolve("c.safetensors");
    TensorFiles.write(file, Map.of("w", w, "ids", ids), Map.of(), DType.BFLOAT16);

    Map<String, Tensor> read = TensorFiles.read(file);
    assertSame(read.get("w"), w.to(DType.BFLOAT16));
    assertSame(read.get("ids"), ids);
  }

  @Test
  void tensorsLargerThanOnePieceGoThroughSeveral() {
    Tensor large = Rng.of(3).normal(9_000_000).to(DType.BFLOAT16).to(DType.FLOAT32); // 36 MB
    Path file = folder.resolve("d.safetensors");
    int before = scope.size();
    TensorFiles.write(file, Map.of("large", large), Map.of(), DType.BFLOAT16);
    assertThat(scope.size()).as("tensors that writing left behind").isEqualTo(before);
    assertSame(TensorFiles.read(file).get("large").to(DType.FLOAT32), large);
  }

  @Test
  void shardsReadAsOneCheckpoint() throws Exception {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (int i = 0; i < 5; i++) {
      tensors.put("layers." + i, Rng.of(i).normal(8, 8));
    }
    Path index =
        TensorFiles.writeSharded(folder.resolve("model.safetensors"), tensors, Map.of(), null, 600);
    assertThat(index.getFileName()).hasToString("model.safetensors.index.json");
    try (var files = Files.list(folder)) {
      assertThat(files.filter(f -> f.toString().endsWith(".safetensors"))).hasSize(3);
    }
    Map<String, Tensor> read = TensorFiles.read(folder);
    tensors.forEach((name, t) -> assertSame(read.get(name), t));
    try (Checkpoint open = Checkpoint.open(index)) {
      assertSame(TensorFiles.read(open, "layers.3"), tensors.get("layers.3"));
    }
  }

  /** The ends of each format, as its paper or its hardware's manual gives them. */
  @ParameterizedTest
  @CsvSource({
    "F8_E4M3, 38 7e 01 b8 7f, 1 448 0.001953125 -1 NaN",
    "F8_E5M2, 3c 7b 01 7c 7d, 1 57344 1.52587890625e-5 Infinity NaN",
    "F8_E4M3FNUZ, 40 7f 01 c0 80, 1 240 0.0009765625 -1 NaN",
    "F8_E5M2FNUZ, 40 7f 01 c0 80, 1 57344 7.62939453125e-6 -1 NaN"
  })
  void eightBitFloatsAreWidenedExactly(SafetensorsType type, String codes, String values) {
    Path file = folder.resolve("f8.safetensors");
    byte[] bytes = java.util.HexFormat.ofDelimiter(" ").parseHex(codes);
    SafetensorsWriter.write(
        file,
        Map.of(),
        List.of(
            TensorData.of(
                TensorInfo.of("w8", type, bytes.length), () -> java.nio.ByteBuffer.wrap(bytes))));
    String[] expected = values.split(" ");
    try (Checkpoint open = Checkpoint.open(file)) {
      float[] read = TensorFiles.readWidened(open, "w8").toFloats();
      for (int i = 0; i < expected.length; i++) {
        assertThat(read[i]).isEqualTo(Float.valueOf(expected[i]));
      }
      assertThat(TensorFiles.isWidened(type)).isTrue();
    }
  }

  @Test
  void mistakesAreNamed() {
    Path file = folder.resolve("e.safetensors");
    SafetensorsWriter.write(
        file,
        Map.of(),
        List.of(
            TensorData.of(
                TensorInfo.of("w8", SafetensorsType.F8_E4M3, 4),
                () -> java.nio.ByteBuffer.allocate(4))));
    assertThatThrownBy(() -> TensorFiles.read(file))
        .isInstanceOf(TensorException.class)
        .hasMessageContaining("w8")
        .hasMessageContaining("F8_E4M3");
    assertThatThrownBy(() -> TensorFiles.read(folder.resolve("none.safetensors")))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageContaining("none.safetensors");
    Tensor pairs = Tensor.zeros(2, 4).asComplex();
    assertThatThrownBy(() -> TensorFiles.write(file, Map.of("pairs", pairs), Map.of()))
        .isInstanceOf(TensorException.class)
        .hasMessageContaining("pairs is complex");
    assertThat(TensorFiles.metadata(file)).as("the file as it was").isEmpty();
  }
}
