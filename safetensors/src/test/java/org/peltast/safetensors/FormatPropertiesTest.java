package org.peltast.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** What holds for any tensors and metadata, not for chosen ones alone. */
class FormatPropertiesTest {
  private static final String SEED = "20260101";

  private static Path folder;

  @BeforeContainer
  static void makeFolder() throws IOException {
    folder = Files.createTempDirectory("safetensors-properties");
  }

  @AfterContainer
  static void removeFolder() throws IOException {
    clear();
    Files.delete(folder);
  }

  private static void clear() throws IOException {
    for (String name : Raw.list(folder)) {
      Files.delete(folder.resolve(name));
    }
  }

  @Provide
  Arbitrary<String> text() {
    Arbitrary<Integer> codePoints =
        Arbitraries.oneOf(
            Arbitraries.integers().between('a', 'e'),
            Arbitraries.integers().between(0, 0x7f),
            Arbitraries.integers().between(0x80, 0xd7ff),
            Arbitraries.integers().between(0xe000, 0x10ffff));
    return codePoints
        .list()
        .ofMaxSize(6)
        .map(
            list -> {
              StringBuilder text = new StringBuilder();
              list.forEach(text::appendCodePoint);
              return text.toString();
            });
  }

  @Provide
  Arbitrary<List<TensorInfo>> tensors() {
    Arbitrary<List<Long>> shapes = Arbitraries.longs().between(0, 4).list().ofMaxSize(4);
    return Combinators.combine(text(), Arbitraries.of(SafetensorsType.class), shapes)
        .as(
            (name, type, shape) -> {
              if (type.bits() < 8) {
                shape = new ArrayList<>(shape);
                shape.add(8L); // packed elements must fill their bytes
              }
              return new TensorInfo(name, type, shape);
            })
        .list()
        .uniqueElements(TensorInfo::name)
        .ofMaxSize(8);
  }

  @Provide
  Arbitrary<Map<String, String>> metadata() {
    return Arbitraries.maps(text(), text()).ofMaxSize(4).map(LinkedHashMap::new);
  }

  private static byte[] values(TensorInfo info) {
    byte[] bytes = new byte[(int) info.byteSize()];
    new Random(info.hashCode()).nextBytes(bytes);
    return bytes;
  }

  private static List<TensorData> sources(List<TensorInfo> infos) {
    return infos.stream()
        .map(info -> TensorData.of(info, () -> ByteBuffer.wrap(values(info))))
        .toList();
  }

  @Property(tries = 200, seed = SEED)
  void whatIsWrittenIsReadWhateverTheMappings(
      @ForAll("tensors") List<TensorInfo> infos,
      @ForAll("metadata") Map<String, String> metadata,
      @ForAll @IntRange(min = 1, max = 600) int longest) {
    Path file = folder.resolve("a.safetensors");
    SafetensorsWriter.write(file, metadata, sources(infos));
    try (Checkpoint read = SafetensorsFile.open(file, longest)) {
      assertThat(new ArrayList<>(read.metadata().entrySet()))
          .isEqualTo(new ArrayList<>(metadata.entrySet()));
      assertThat(read.tensors().values()).containsExactlyInAnyOrderElementsOf(infos);
      for (TensorInfo info : infos) {
        byte[] expected = values(info);
        if (expected.length <= longest) {
          assertThat(Raw.bytes(read.data(info.name()))).isEqualTo(expected);
        } else {
          // One buffer cannot be promised here; if one is given, it is right.
          try {
            assertThat(Raw.bytes(read.data(info.name()))).isEqualTo(expected);
          } catch (SafetensorsException e) {
            assertThat(e).hasMessageContaining("read it in pieces");
          }
        }
        int from = expected.length / 3;
        ByteBuffer part = ByteBuffer.allocate(expected.length - from);
        read.read(info.name(), from, part);
        assertThat(part.flip()).isEqualTo(ByteBuffer.wrap(expected, from, expected.length - from));
      }
    }
  }

  @Property(tries = 50, seed = SEED)
  void theBytesDoNotDependOnTheOrderOfTheTensors(
      @ForAll("tensors") List<TensorInfo> infos, @ForAll int shuffle) {
    Path file = folder.resolve("a.safetensors");
    SafetensorsWriter.write(file, Map.of(), sources(infos));
    byte[] first = Raw.read(file);
    List<TensorInfo> shuffled = new ArrayList<>(infos);
    Collections.shuffle(shuffled, new Random(shuffle));
    SafetensorsWriter.write(file, Map.of(), sources(shuffled));
    assertThat(Raw.read(file)).isEqualTo(first);
    assertThat(ByteBuffer.wrap(first).order(java.nio.ByteOrder.LITTLE_ENDIAN).getLong() % 8)
        .isZero();
  }

  @Property(tries = 50, seed = SEED)
  void shardsHoldTheSameAsOneFile(
      @ForAll("tensors") List<TensorInfo> infos, @ForAll @LongRange(min = 1, max = 700) long most)
      throws IOException {
    clear();
    Path path =
        SafetensorsWriter.writeSharded(
            folder.resolve("m.safetensors"), Map.of("k", "v"), sources(infos), most);
    try (Checkpoint read = Checkpoint.open(folder)) {
      assertThat(read.path()).isEqualTo(path);
      assertThat(read.tensors().values()).containsExactlyInAnyOrderElementsOf(infos);
      for (TensorInfo info : infos) {
        assertThat(Raw.bytes(read.data(info.name()))).isEqualTo(values(info));
      }
      for (Path shard : read.files()) {
        try (Checkpoint one = Checkpoint.open(shard)) {
          long bytes = one.tensors().values().stream().mapToLong(TensorInfo::byteSize).sum();
          assertThat(bytes <= most || one.tensors().size() == 1).isTrue();
        }
      }
    }
  }

  @Property(tries = 600, seed = SEED)
  void aFileCutShortIsRefused(
      @ForAll("tensors") List<TensorInfo> infos,
      @ForAll("metadata") Map<String, String> metadata,
      @ForAll @IntRange(min = 0, max = 9_999) int tenThousandth) {
    Header header = Header.layOut(metadata, infos);
    byte[] whole = Raw.file(header.toBytes(), (int) header.dataBytes());
    Path file = Raw.write(folder.resolve("a.safetensors"), whole);
    Checkpoint.open(file).close();
    int length = (int) ((long) whole.length * tenThousandth / 10_000);
    Path cut = Raw.write(folder.resolve("b.safetensors"), java.util.Arrays.copyOf(whole, length));
    assertThatThrownBy(() -> Checkpoint.open(cut)).isInstanceOf(SafetensorsException.class);
  }

  @Property(tries = 1000, seed = SEED)
  void sizesAreExactOrRefused(
      @ForAll SafetensorsType type, @ForAll List<@LongRange(min = -2) Long> shape) {
    java.math.BigInteger bits = java.math.BigInteger.valueOf(type.bits());
    boolean negative = false;
    for (long size : shape) {
      bits = bits.multiply(java.math.BigInteger.valueOf(size));
      negative |= size < 0;
    }
    try {
      long bytes = type.byteSize(shape);
      assertThat(negative).isFalse();
      assertThat(java.math.BigInteger.valueOf(bytes).shiftLeft(3)).isEqualTo(bits);
    } catch (IllegalArgumentException e) {
      boolean overflow = bits.bitLength() > 63 || bits.signum() == 0; // 0 after an overflow
      assertThat(negative || overflow || bits.testBit(0) || bits.intValue() % 8 != 0).isTrue();
    }
  }

  @Property(tries = 1000, seed = SEED)
  void namesAreOrderedByCodePoint(@ForAll("text") String a, @ForAll("text") String b) {
    int[] x = a.codePoints().toArray();
    int[] y = b.codePoints().toArray();
    assertThat(Integer.signum(Text.BY_CODE_POINT.compare(a, b)))
        .isEqualTo(Integer.signum(java.util.Arrays.compare(x, y)));
  }
}
