package org.peltast.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsWriterTest {
  @TempDir Path folder;

  private static TensorData tensor(String name, int... bytes) {
    byte[] values = new byte[bytes.length];
    IntStream.range(0, bytes.length).forEach(i -> values[i] = (byte) bytes[i]);
    return TensorData.of(
        TensorInfo.of(name, SafetensorsType.U8, bytes.length), () -> ByteBuffer.wrap(values));
  }

  @Test
  void chunksMayReuseOneBufferAndKeepTheirPosition() {
    Path file = folder.resolve("a.safetensors");
    ByteBuffer buffer = ByteBuffer.allocateDirect(4);
    Iterable<ByteBuffer> chunks =
        () ->
            new Iterator<>() {
              private int next;

              @Override
              public boolean hasNext() {
                return next < 3;
              }

              @Override
              public ByteBuffer next() {
                assertThat(buffer.position()).isEqualTo(next == 0 ? 0 : 1);
                buffer.clear().put(1, (byte) next).put(2, (byte) (10 + next++));
                return buffer.position(1).limit(3);
              }
            };
    SafetensorsWriter.write(
        file, Map.of(), List.of(new TensorData(TensorInfo.of("x", SafetensorsType.U8, 6), chunks)));
    try (Checkpoint read = Checkpoint.open(file)) {
      assertThat(Raw.bytes(read.data("x"))).containsExactly(0, 10, 1, 11, 2, 12);
      assertThat(read.data("x").isReadOnly()).isTrue();
    }
  }

  @Test
  void aFailureOfAnyKindLeavesTheOldFileAndNothingElse() {
    Path file = folder.resolve("a.safetensors");
    SafetensorsWriter.write(file, Map.of(), List.of(tensor("x", 1, 2)));
    byte[] before = Raw.read(file);
    TensorInfo info = TensorInfo.of("y", SafetensorsType.U8, 4);
    List<TensorData> failing =
        List.of(
            TensorData.of(info, () -> ByteBuffer.allocate(3)),
            TensorData.of(info, () -> ByteBuffer.allocate(5)),
            new TensorData(info, List.of()),
            TensorData.of(
                info,
                () -> {
                  throw new IllegalStateException("the source broke");
                }));
    for (TensorData bad : failing) {
      assertThatThrownBy(
              () -> SafetensorsWriter.write(file, Map.of(), List.of(tensor("x", 3, 4), bad)))
          .satisfies(
              e ->
                  assertThat(e.getMessage())
                      .matches("the source broke|.*tensor \"y\": its source gives .* 4 bytes; .*"));
      assertThat(Raw.list(folder)).containsExactly("a.safetensors");
      assertThat(Raw.read(file)).isEqualTo(before);
    }
  }

  @Test
  void anOpenCheckpointGoesOnShowingTheFileThatWasReplaced() {
    Path file = folder.resolve("a.safetensors");
    SafetensorsWriter.write(file, Map.of(), List.of(tensor("x", 1, 2)));
    try (Checkpoint old = Checkpoint.open(file)) {
      SafetensorsWriter.write(file, Map.of(), List.of(tensor("x", 3, 4)));
      assertThat(Raw.bytes(old.data("x"))).containsExactly(1, 2);
    }
    try (Checkpoint now = Checkpoint.open(file)) {
      assertThat(Raw.bytes(now.data("x"))).containsExactly(3, 4);
    }
  }

  @Test
  @EnabledOnOs({OS.LINUX, OS.MAC})
  void aFileIsAsReadableAsAnyOther() throws IOException {
    Path file = folder.resolve("a.safetensors");
    SafetensorsWriter.write(file, Map.of(), List.of(tensor("x", 1)));
    Path other = Files.createFile(folder.resolve("other"));
    assertThat(Files.getPosixFilePermissions(file)).isEqualTo(Files.getPosixFilePermissions(other));
  }

  @Test
  void whatNoFileCanHoldIsRefusedByName() {
    Path file = folder.resolve("a.safetensors");
    assertThatThrownBy(
            () -> SafetensorsWriter.write(file, Map.of(), List.of(tensor("x", 1), tensor("x", 2))))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageContaining("tensor \"x\": it is to be written twice");
    assertThatThrownBy(
            () -> SafetensorsWriter.write(file, Map.of("k", "\ud800"), List.of(tensor("x", 1))))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageContaining("\"k\"");
    assertThatThrownBy(
            () -> SafetensorsWriter.write(file, Map.of("k", "v".repeat(100_000_001)), List.of()))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageContaining("header would take");
    TensorInfo vast = TensorInfo.of("v", SafetensorsType.U8, Long.MAX_VALUE / 8);
    List<TensorData> many = new ArrayList<>();
    for (int i = 0; i < 9; i++) {
      many.add(new TensorData(new TensorInfo("v" + i, vast.type(), vast.shape()), List.of()));
    }
    assertThatThrownBy(() -> SafetensorsWriter.write(file, Map.of(), many))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageContaining("overflow");
    assertThat(Raw.list(folder)).isEmpty();
    assertThatThrownBy(() -> TensorInfo.of("__metadata__", SafetensorsType.U8))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> TensorInfo.of("x", SafetensorsType.U8, 2, -1))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void anInterruptedWriteSaysSoAndLeavesNothing() {
    Path file = folder.resolve("a.safetensors");
    Thread.currentThread().interrupt();
    try {
      assertThatThrownBy(() -> SafetensorsWriter.write(file, Map.of(), List.of(tensor("x", 1))))
          .isInstanceOf(SafetensorsException.class)
          .hasMessageContaining(
              "(the thread was interrupted), and stays as it was; write it again");
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
    assertThat(Raw.list(folder)).isEmpty();
  }

  @Test
  void aMissingFolderIsNamed() {
    Path file = folder.resolve("none").resolve("a.safetensors");
    assertThatThrownBy(() -> SafetensorsWriter.write(file, Map.of(), List.of()))
        .isInstanceOf(SafetensorsException.class)
        .hasMessage(file + ": its folder does not exist; create it first");
  }

  /**
   * A limit on file sizes stands for a full disk: the system refuses to write on, in mid-tensor.
   */
  @Test
  @EnabledOnOs({OS.LINUX, OS.MAC})
  void aDiskThatRefusesLeavesTheOldFileAndNothingElse() throws Exception {
    Path file = folder.resolve("a.safetensors");
    SafetensorsWriter.write(file, Map.of(), List.of(tensor("x", 1, 2)));
    byte[] before = Raw.read(file);
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    ProcessBuilder builder =
        new ProcessBuilder(
            "sh",
            "-c",
            "ulimit -f 2048; exec \"$0\" -XX:-UsePerfData -XX:TieredStopAtLevel=1 -cp \"$1\""
                + " \"$2\" \"$3\"",
            java,
            System.getProperty("java.class.path"),
            WriteTenMegabytes.class.getName(),
            file.toString());
    builder.environment().remove("JAVA_TOOL_OPTIONS"); // a JVM that has it says so first
    Process process = builder.redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes());
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(output).startsWith(file + ": it cannot be written (").contains("stays as it was");
    assertThat(process.exitValue()).isEqualTo(3);
    assertThat(Raw.list(folder)).containsExactly("a.safetensors");
    assertThat(Raw.read(file)).isEqualTo(before);
  }

  static final class WriteTenMegabytes {
    public static void main(String[] args) {
      int size = 10 << 20;
      try {
        SafetensorsWriter.write(
            Path.of(args[0]),
            Map.of(),
            List.of(
                TensorData.of(
                    TensorInfo.of("x", SafetensorsType.U8, size),
                    () -> ByteBuffer.allocate(size))));
      } catch (SafetensorsException e) {
        System.out.println(e.getMessage());
        System.exit(3);
      }
    }
  }

  @Test
  void shardsReplaceAFileAndAFileReplacesShards() {
    Path file = folder.resolve("m.safetensors");
    Raw.write(folder.resolve("other-00001-of-00002.safetensors"), new byte[0]);
    Raw.write(folder.resolve("m-lora.safetensors"), new byte[0]);
    List<TensorData> tensors = List.of(tensor("x", 1, 2), tensor("y", 3), tensor("z", 4, 5, 6));
    SafetensorsWriter.write(file, Map.of(), tensors);
    Path index = SafetensorsWriter.writeSharded(file, Map.of("a", "b"), tensors, 2);
    assertThat(Raw.list(folder))
        .containsExactly(
            "m-00001-of-00003.safetensors",
            "m-00002-of-00003.safetensors",
            "m-00003-of-00003.safetensors",
            "m-lora.safetensors",
            "m.safetensors.index.json",
            "other-00001-of-00002.safetensors");
    assertValues(index, 3);
    assertValues(SafetensorsWriter.writeSharded(file, Map.of(), tensors, 3), 2);
    assertThat(Raw.list(folder)).hasSize(5).contains("m-00002-of-00002.safetensors");
    assertThat(SafetensorsWriter.writeSharded(file, Map.of(), tensors, 6)).isEqualTo(file);
    assertValues(file, 1);
    assertThat(Raw.list(folder))
        .containsExactly("m-lora.safetensors", "m.safetensors", "other-00001-of-00002.safetensors");
  }

  private static void assertValues(Path path, int files) {
    try (Checkpoint read = Checkpoint.open(path)) {
      assertThat(read.files()).hasSize(files);
      assertThat(Raw.bytes(read.data("x"))).containsExactly(1, 2);
      assertThat(Raw.bytes(read.data("y"))).containsExactly(3);
      assertThat(Raw.bytes(read.data("z"))).containsExactly(4, 5, 6);
    }
  }

  @Test
  void aFailureInTheLastShardLeavesTheOldShards() {
    Path file = folder.resolve("m.safetensors");
    List<TensorData> tensors = List.of(tensor("x", 1, 2), tensor("y", 3), tensor("z", 4, 5, 6));
    Path index = SafetensorsWriter.writeSharded(file, Map.of(), tensors, 2);
    List<String> before = Raw.list(folder);
    TensorData bad =
        TensorData.of(TensorInfo.of("z", SafetensorsType.U8, 3), () -> ByteBuffer.allocate(1));
    assertThatThrownBy(
            () ->
                SafetensorsWriter.writeSharded(
                    file, Map.of(), List.of(tensor("x", 9, 9), tensor("y", 9), bad), 2))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageContaining("tensor \"z\"");
    assertThat(Raw.list(folder)).isEqualTo(before);
    assertValues(index, 3);
  }

  @Test
  void aShardSizeOrNameThatMakesNoSenseIsRefused() {
    assertThatThrownBy(
            () ->
                SafetensorsWriter.writeSharded(
                    folder.resolve("m.safetensors"), Map.of(), List.of(), 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(
            () -> SafetensorsWriter.writeSharded(folder.resolve("m.bin"), Map.of(), List.of(), 1))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
