package org.peltast.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RoundTripTest {
  @TempDir Path folder;

  @Test
  void whatIsWrittenIsRead() {
    Path file = folder.resolve("a.safetensors");
    ByteBuffer floats = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < 6; i++) {
      floats.putFloat(4 * i, i + 0.5f);
    }
    SafetensorsWriter.write(
        file,
        Map.of("format", "pt"),
        List.of(
            TensorData.of(
                TensorInfo.of("b", SafetensorsType.U8, 3),
                () -> ByteBuffer.wrap(new byte[] {1, 2, 3})),
            TensorData.of(TensorInfo.of("a", SafetensorsType.F32, 2, 3), () -> floats)));
    try (Checkpoint read = Checkpoint.open(file)) {
      assertThat(read.metadata()).containsExactly(Map.entry("format", "pt"));
      assertThat(new ArrayList<>(read.tensors().keySet())).containsExactly("a", "b");
      assertThat(read.require("a").shape()).containsExactly(2L, 3L);
      assertThat(read.data("a").getFloat(20)).isEqualTo(5.5f);
      assertThat(read.data("b")).isEqualTo(ByteBuffer.wrap(new byte[] {1, 2, 3}));
      ByteBuffer two = ByteBuffer.allocate(2);
      read.read("b", 1, two);
      assertThat(two.array()).containsExactly(2, 3);
      assertThatThrownBy(() -> read.require("c"))
          .isInstanceOf(SafetensorsException.class)
          .hasMessageContaining("\"c\"")
          .hasMessageContaining("most similar");
    }
  }
}
