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
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.peltast.testing.Seeded;

/** What holds for any tensors and metadata, not for chosen ones alone. */
class FormatPropertiesTest {
  /** Code points at the ends of the ranges that UTF-8, UTF-16 and JSON treat alike. */
  private static final int[] EDGES = {
    0, 0x1f, ' ', '"', '\\', 0x7f, 0x80, 0x7ff, 0x800, 0x2028, 0xd7ff, 0xe000, 0xfeff, 0xfffd,
    0xffff, 0x10000, 0x10ffff
  };

  private static Path folder;

  @BeforeAll
  static void makeFolder() throws IOException {
    folder = Files.createTempDirectory("safetensors-properties");
  }

  @AfterAll
  static void removeFolder() throws IOException {
    clear();
    Files.delete(folder);
  }

  private static void clear() throws IOException {
    for (String name : Raw.list(folder)) {
      Files.delete(folder.resolve(name));
    }
  }

  private static String text(SplittableRandom random) {
    StringBuilder text = new StringBuilder();
    for (int left = random.nextInt(7); left > 0; left--) {
      text.appendCodePoint(
          switch (random.nextInt(5)) {
            case 0 -> random.nextInt('a', 'f');
            case 1 -> random.nextInt(0, 0x80);
            case 2 -> random.nextInt(0x80, 0xd800);
            case 3 -> random.nextInt(0xe000, 0x110000);
            default -> EDGES[random.nextInt(EDGES.length)];
          });
    }
    return text.toString();
  }

  /** Tensors of names that differ, of any type and of shapes that may hold nothing. */
  private static List<TensorInfo> tensors(SplittableRandom random) {
    Map<String, TensorInfo> tensors = new LinkedHashMap<>();
    for (int left = random.nextInt(9); left > 0; left--) {
      String name = text(random);
      SafetensorsType type = type(random);
      List<Long> shape = new ArrayList<>(random.longs(random.nextInt(5), 0, 5).boxed().toList());
      if (type.bits() < 8) {
        shape.add(8L); // packed elements must fill their bytes
      }
      tensors.put(name, new TensorInfo(name, type, shape));
    }
    return List.copyOf(tensors.values());
  }

  private static SafetensorsType type(SplittableRandom random) {
    SafetensorsType[] all = SafetensorsType.values();
    return all[random.nextInt(all.length)];
  }

  private static Map<String, String> metadata(SplittableRandom random) {
    Map<String, String> metadata = new LinkedHashMap<>();
    for (int left = random.nextInt(5); left > 0; left--) {
      metadata.put(text(random), text(random));
    }
    return metadata;
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

  @Seeded(tries = 200)
  void whatIsWrittenIsReadWhateverTheMappings(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<TensorInfo> infos = tensors(random);
    Map<String, String> metadata = metadata(random);
    int longest = random.nextInt(1, random.nextBoolean() ? 20 : 601);
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

  @Seeded(tries = 50)
  void theBytesDoNotDependOnTheOrderOfTheTensors(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<TensorInfo> infos = tensors(random);
    Path file = folder.resolve("a.safetensors");
    SafetensorsWriter.write(file, Map.of(), sources(infos));
    byte[] first = Raw.read(file);
    List<TensorInfo> shuffled = new ArrayList<>(infos);
    Collections.shuffle(shuffled, new Random(random.nextLong()));
    SafetensorsWriter.write(file, Map.of(), sources(shuffled));
    assertThat(Raw.read(file)).isEqualTo(first);
    assertThat(ByteBuffer.wrap(first).order(java.nio.ByteOrder.LITTLE_ENDIAN).getLong() % 8)
        .isZero();
  }

  @Seeded(tries = 50)
  void shardsHoldTheSameAsOneFile(long seed) throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    List<TensorInfo> infos = tensors(random);
    long most = random.nextLong(1, random.nextBoolean() ? 20 : 701);
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

  @Seeded(tries = 600)
  void aFileCutShortIsRefused(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<TensorInfo> infos = tensors(random);
    Header header = Header.layOut(metadata(random), infos);
    byte[] whole = Raw.file(header.toBytes(), (int) header.dataBytes());
    Path file = Raw.write(folder.resolve("a.safetensors"), whole);
    Checkpoint.open(file).close();
    int length =
        switch (random.nextInt(8)) {
          case 0 -> whole.length - 1;
          case 1 -> random.nextInt(Math.min(whole.length, 12)); // inside the length, or just after
          default -> random.nextInt(whole.length);
        };
    Path cut = Raw.write(folder.resolve("b.safetensors"), java.util.Arrays.copyOf(whole, length));
    assertThatThrownBy(() -> Checkpoint.open(cut)).isInstanceOf(SafetensorsException.class);
  }

  @Seeded(tries = 1000)
  void sizesAreExactOrRefused(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    SafetensorsType type = type(random);
    List<Long> shape = new ArrayList<>();
    for (int left = random.nextInt(6); left > 0; left--) {
      // Of any magnitude: products of the larger ones overflow, and of the smaller ones do not.
      shape.add(
          random.nextInt(16) == 0
              ? random.nextLong(-2, 1)
              : random.nextLong() >>> random.nextInt(1, 64));
    }
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

  @Seeded(tries = 1000)
  void namesAreOrderedByCodePoint(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    String same = random.nextBoolean() ? text(random) : ""; // so that later characters decide too
    String a = same + text(random);
    String b = same + text(random);
    int[] x = a.codePoints().toArray();
    int[] y = b.codePoints().toArray();
    assertThat(Integer.signum(StrictText.BY_CODE_POINT.compare(a, b)))
        .isEqualTo(Integer.signum(java.util.Arrays.compare(x, y)));
  }
}
