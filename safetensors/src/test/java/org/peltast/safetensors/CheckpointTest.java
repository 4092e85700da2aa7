package org.peltast.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointTest {
  @TempDir Path folder;

  /** 5 GiB that take no room: a sparse file with marks where mappings begin and end. */
  @Test
  void filesBeyondTwoGibibytesAreRead() throws IOException {
    Path file = folder.resolve("large.safetensors");
    long huge = 3L << 30;
    long large = Integer.MAX_VALUE;
    String header =
        ("{'first':{'dtype':'I64','shape':[1],'data_offsets':[0,8]},"
                + "'huge':{'dtype':'U8','shape':[3,1073741824],'data_offsets':[8,%d]},"
                + "'large':{'dtype':'U8','shape':[%d],'data_offsets':[%d,%d]},"
                + "'last':{'dtype':'F32','shape':[],'data_offsets':[%d,%d]}}")
            .replace('\'', '"')
            .formatted(
                8 + huge, large, 8 + huge, 8 + huge + large, 8 + huge + large, 12 + huge + large);
    byte[] start = Raw.file(header, 8);
    long data = start.length - 8;
    try (RandomAccessFile raw = new RandomAccessFile(file.toFile(), "rw")) {
      raw.write(start);
      raw.seek(data + 8 + Integer.MAX_VALUE - 2);
      raw.write(new byte[] {1, 2, 3, 4, 5});
      raw.seek(data + 8 + huge - 1);
      raw.write(new byte[] {6, 7});
      raw.seek(data + 8 + huge + large - 1);
      raw.write(new byte[] {8, 0, 0, (byte) 0x80, 0x3f});
    }
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      assertThat(checkpoint.data("first").getLong(0)).isEqualTo(0x0706050403020100L);
      assertThatThrownBy(() -> checkpoint.data("huge"))
          .isInstanceOf(SafetensorsException.class)
          .hasMessageContaining("\"huge\": its 3.0 GiB do not fit one buffer; read it in pieces");
      ByteBuffer five = ByteBuffer.allocate(5);
      checkpoint.read("huge", Integer.MAX_VALUE - 2, five);
      assertThat(five.array()).containsExactly(1, 2, 3, 4, 5);
      ByteBuffer one = ByteBuffer.allocate(1);
      checkpoint.read("huge", huge - 1, one);
      assertThat(one.array()).containsExactly(6);
      ByteBuffer values = checkpoint.data("large");
      assertThat(values.remaining()).isEqualTo(Integer.MAX_VALUE);
      assertThat(values.get(0)).isEqualTo((byte) 7);
      assertThat(values.get(Integer.MAX_VALUE - 1)).isEqualTo((byte) 8);
      assertThat(checkpoint.data("last").getFloat(0)).isEqualTo(1f);
    }
  }

  @Test
  void closingEndsAccessButNotTheBuffersHandedOut() {
    Checkpoint checkpoint = Checkpoint.open(Raw.golden("types.safetensors"));
    ByteBuffer before = checkpoint.data("t.float32");
    byte[] values = Raw.bytes(before);
    checkpoint.close();
    checkpoint.close();
    List.<Runnable>of(
            checkpoint::metadata,
            checkpoint::tensors,
            checkpoint::files,
            () -> checkpoint.find("t.float32"),
            () -> checkpoint.require("t.float32"),
            () -> checkpoint.data("t.float32"),
            () -> checkpoint.read("t.float32", 0, ByteBuffer.allocate(1)))
        .forEach(
            access ->
                assertThatThrownBy(access::run)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("is closed"));
    assertThat(Raw.bytes(before)).isEqualTo(values);
  }

  @Test
  void anInterruptedThreadReadsOn() {
    try (Checkpoint checkpoint = Checkpoint.open(Raw.golden("types.safetensors"))) {
      Thread.currentThread().interrupt();
      ByteBuffer four = ByteBuffer.allocate(4);
      checkpoint.read("t.float32", 4, four);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(four.flip()).isEqualTo(checkpoint.data("t.float32").slice(4, 4));
    }
  }

  @Test
  void readingPastATensorIsRefusedWithoutShowingItsNeighbour() {
    try (Checkpoint checkpoint = Checkpoint.open(Raw.golden("types.safetensors"))) {
      for (long offset : new long[] {-1, 30, 33, Long.MAX_VALUE}) {
        assertThatThrownBy(() -> checkpoint.read("t.float32", offset, ByteBuffer.allocate(3)))
            .isInstanceOf(IndexOutOfBoundsException.class);
      }
      assertThat(checkpoint.data("t.float32").order()).isEqualTo(ByteOrder.LITTLE_ENDIAN);
      assertThat(checkpoint.find("t.float33")).isEmpty();
      assertThatThrownBy(() -> checkpoint.data("t.float33"))
          .isInstanceOf(SafetensorsException.class)
          .hasMessageContaining("most similar name is \"t.float");
      assertThatThrownBy(() -> checkpoint.require("decoder.out"))
          .hasMessageContaining("no such tensor among its 20");
      assertThatThrownBy(() -> checkpoint.tensors().clear())
          .isInstanceOf(UnsupportedOperationException.class);
    }
  }

  @Test
  void inspectionShowsWhatIsThere() {
    Path file = folder.resolve("a.safetensors");
    SafetensorsWriter.write(
        file,
        Map.of("note", "\u001b[2J" + "x".repeat(1000)),
        List.of(
            zeros(TensorInfo.of("embed.weight", SafetensorsType.BF16, 1000, 256)),
            zeros(TensorInfo.of("scale", SafetensorsType.F32)),
            zeros(TensorInfo.of("a\nb", SafetensorsType.F32, 3, 0))));
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      List<String> lines = Inspection.lines(checkpoint);
      assertThat(lines)
          .containsExactly(
              file.toString(),
              "",
              "metadata",
              lines.get(3),
              "",
              "tensors",
              "  a\\u000ab      F32   [3, 0]             0 B",
              "  scale         F32   []                 4 B",
              "  embed.weight  BF16  [1000, 256]  500.0 KiB",
              "",
              "totals",
              "  BF16  1 tensor   256,000 elements  500.0 KiB",
              "  F32   2 tensors  1 element               4 B",
              "  all   3 tensors  256,001 elements  500.0 KiB");
      assertThat(lines.get(3))
          .startsWith("  note: \\u001b[2Jxxx")
          .contains("…")
          .endsWith("xxx (1,004 characters)")
          .hasSizeLessThan(200);
    }
    try (Checkpoint shards = Checkpoint.open(Raw.golden("sharded"))) {
      assertThat(Inspection.lines(shards)).contains("shards: 3", "  format: pt");
    }
    try (Checkpoint empty = Checkpoint.open(Raw.golden("empty.safetensors"))) {
      assertThat(Inspection.lines(empty))
          .endsWith("", "totals", "  all  0 tensors  0 elements  0 B");
    }
  }

  private static TensorData zeros(TensorInfo info) {
    return TensorData.of(info, () -> ByteBuffer.allocate((int) info.byteSize()));
  }
}
