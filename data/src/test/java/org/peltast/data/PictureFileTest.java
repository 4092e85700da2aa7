package org.peltast.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PictureFileTest {
  private static final String DEFINITION = "test 1";
  private static final List<PictureFile.Entry> ENTRIES =
      List.of(
          new PictureFile.Entry(8, 8, new CaptionedImages.Item("noto", "piñata", "pinata")),
          new PictureFile.Entry(
              16, 4, new CaptionedImages.Item("", "a sentence, with signs: \"%s\"", "b/c.png")),
          new PictureFile.Entry(1, 3, new CaptionedImages.Item("noto", "cat", "cat")));

  @TempDir Path folder;
  private Path file;

  @BeforeEach
  void write() throws IOException {
    file = folder.resolve("deeper").resolve("x.pictures");
    PictureFile.write(
        file,
        DEFINITION,
        writer -> {
          writer.note("one was\nleft out");
          for (int i = 0; i < ENTRIES.size(); i++) {
            writer.add(ENTRIES.get(i), picture(i));
          }
        });
  }

  private static byte[] picture(int i) {
    byte[] rgb = new byte[ENTRIES.get(i).bytes()];
    for (int j = 0; j < rgb.length; j++) {
      rgb[j] = (byte) (i * 50 + j);
    }
    return rgb;
  }

  @Test
  void readsWhatWasWritten() throws Exception {
    PictureFile read = PictureFile.open(file, DEFINITION);
    assertThat(read.entries()).isEqualTo(ENTRIES);
    assertThat(read.notes()).containsExactly("one was left out");
    for (int i = 0; i < ENTRIES.size(); i++) {
      byte[] rgb = new byte[5 + ENTRIES.get(i).bytes()];
      read.pixels(i, rgb, 5);
      assertThat(Arrays.copyOfRange(rgb, 5, rgb.length)).isEqualTo(picture(i));
    }
    assertThat(read.checksum()).matches("[0-9a-f]{64}");
    try (var files = Files.list(file.getParent())) {
      assertThat(files).containsExactly(file);
    }
  }

  @Test
  void everyCutAndAnyChangedByteIsFound() throws IOException {
    byte[] good = Files.readAllBytes(file);
    SplittableRandom random = new SplittableRandom(3);
    for (int i = 0; i < 400; i++) {
      byte[] bad = i % 2 == 0 ? good.clone() : Arrays.copyOf(good, random.nextInt(good.length));
      if (i % 2 == 0) {
        // The list is small; go for it as often as for the rest.
        int at = i % 4 == 0 ? random.nextInt(good.length) : good.length - 1 - random.nextInt(200);
        bad[at] ^= (byte) (1 << random.nextInt(8));
      }
      Files.write(file, bad);
      assertRefused("");
    }
    Files.write(file, Arrays.copyOf(good, good.length + 1));
    assertRefused("checksum");
  }

  /** Even a file whose checksum is right may come from another version of this class. */
  @Test
  void aWrongListUnderARightChecksumIsRefused() throws Exception {
    byte[] good = Files.readAllBytes(file);
    int length = good.length - 40;
    for (long listBytes : new long[] {-1, Long.MAX_VALUE, Integer.MAX_VALUE, length, 10}) {
      byte[] bad = good.clone();
      ByteBuffer.wrap(bad).order(ByteOrder.LITTLE_ENDIAN).putLong(length, listBytes);
      writeSigned(bad);
      assertRefused("");
    }
    for (String change : List.of("8\t8\tnoto>9\t8\tnoto", "8\t8\tnoto>0\t8\tnoto", "16\t4>16\tx")) {
      byte[] bad = good.clone();
      byte[] from = change.split(">")[0].getBytes(StandardCharsets.UTF_8);
      byte[] to = change.split(">")[1].getBytes(StandardCharsets.UTF_8);
      for (int at = 4096; at < length; at++) {
        if (Arrays.equals(bad, at, at + from.length, from, 0, from.length)) {
          System.arraycopy(to, 0, bad, at, to.length);
        }
      }
      assertThat(bad).isNotEqualTo(good);
      writeSigned(bad);
      assertRefused("");
    }
  }

  private void writeSigned(byte[] bytes) throws IOException {
    MessageDigest digest = ContentHash.sha256();
    digest.update(bytes, 0, bytes.length - 32);
    System.arraycopy(digest.digest(), 0, bytes, bytes.length - 32, 32);
    Files.write(file, bytes);
  }

  @Test
  void anotherDefinitionIsRefused() {
    assertThatThrownBy(() -> PictureFile.open(file, "test 2"))
        .isInstanceOf(PictureFile.Damaged.class)
        .hasMessageContaining("another version");
  }

  @Test
  void aFailingPainterLeavesTheOldFileAndNothingElse() throws IOException {
    byte[] good = Files.readAllBytes(file);
    assertThatThrownBy(
            () ->
                PictureFile.write(
                    file,
                    DEFINITION,
                    writer -> {
                      writer.add(ENTRIES.get(0), picture(0));
                      throw new IOException("the disk is full");
                    }))
        .hasMessage("the disk is full");
    assertThat(Files.readAllBytes(file)).isEqualTo(good);
    try (var files = Files.list(file.getParent())) {
      assertThat(files).containsExactly(file);
    }
  }

  /** Which part is a leftover its lock says, and no clock, which may be put forward or back. */
  @Test
  void aKilledProcessesPartIsRemovedAndALivingOnesIsNot() throws Exception {
    Path left = Files.writeString(file.resolveSibling("x.pictures.1.part"), "half");
    Files.setLastModifiedTime(left, FileTime.from(Instant.now().plus(Duration.ofDays(3))));
    Path living = Files.writeString(file.resolveSibling("x.pictures.2.part"), "half");
    Files.setLastModifiedTime(living, FileTime.from(Instant.EPOCH));
    Process child =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx32m",
                "-cp",
                System.getProperty("java.class.path"),
                Holder.class.getName(),
                living.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (InputStream said = child.getInputStream()) {
      assertThat(said.read()).isEqualTo('!');
      write();
      assertThat(left).doesNotExist();
      assertThat(living).exists();
    } finally {
      child.destroyForcibly().waitFor();
    }
    write();
    assertThat(living).doesNotExist();
    assertThat(file).exists();
  }

  /** A process that is writing a part. */
  static final class Holder {
    public static void main(String[] args) throws Exception {
      try (FileChannel channel = FileChannel.open(Path.of(args[0]), StandardOpenOption.WRITE)) {
        channel.lock();
        System.out.print('!');
        System.out.flush();
        Thread.sleep(60_000);
      }
    }
  }

  private void assertRefused(String reason) {
    assertThatThrownBy(() -> PictureFile.open(file, DEFINITION))
        .isInstanceOf(PictureFile.Damaged.class)
        .hasMessageContaining(reason);
  }
}
