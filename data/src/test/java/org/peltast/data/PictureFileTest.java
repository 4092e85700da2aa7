package org.peltast.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PictureFileTest {
  private static final String DEFINITION = "test 1";
  private static final List<CaptionedImages.Item> ITEMS =
      List.of(
          new CaptionedImages.Item("noto", "piñata", "pinata"),
          new CaptionedImages.Item("", "a sentence, with signs: \"%s\"", "b/c.png"),
          new CaptionedImages.Item("noto", "cat", "cat"));

  @TempDir Path folder;
  private Path file;

  @BeforeEach
  void write() throws IOException {
    file = folder.resolve("deeper").resolve("x.pictures");
    PictureFile.write(
        file,
        DEFINITION,
        8,
        ITEMS,
        sink -> {
          // Not in order, as several painters do.
          for (int i : new int[] {2, 0, 1}) {
            sink.picture(i, picture(i));
          }
        });
  }

  private static byte[] picture(int i) {
    byte[] rgb = new byte[8 * 8 * 3];
    for (int j = 0; j < rgb.length; j++) {
      rgb[j] = (byte) (i * 50 + j);
    }
    return rgb;
  }

  @Test
  void readsWhatWasWritten() throws Exception {
    PictureFile read = PictureFile.open(file, DEFINITION, 8);
    assertThat(read.items()).isEqualTo(ITEMS);
    for (int i = 0; i < ITEMS.size(); i++) {
      byte[] rgb = new byte[5 + 192];
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
        // The header is small; go for it as often as for the rest.
        int at = random.nextInt(i % 4 == 0 ? good.length : 120);
        bad[at] ^= (byte) (1 << random.nextInt(8));
      }
      Files.write(file, bad);
      assertRefused("");
    }
    Files.write(file, Arrays.copyOf(good, good.length + 1));
    assertRefused("checksum");
  }

  @Test
  void aLyingHeaderLengthIsRefused() throws IOException {
    byte[] bad = Files.readAllBytes(file);
    for (long length : new long[] {-1, Long.MAX_VALUE, Integer.MAX_VALUE, bad.length}) {
      ByteBuffer.wrap(bad).order(ByteOrder.LITTLE_ENDIAN).putLong(8, length);
      Files.write(file, bad);
      assertRefused("cut short");
    }
  }

  @Test
  void anotherDefinitionOrSizeIsRefused() {
    assertThatThrownBy(() -> PictureFile.open(file, "test 2", 8))
        .isInstanceOf(PictureFile.Damaged.class)
        .hasMessageContaining("another version");
    assertThatThrownBy(() -> PictureFile.open(file, DEFINITION, 16))
        .isInstanceOf(PictureFile.Damaged.class)
        .hasMessageContaining("another size");
  }

  @Test
  void aFailingPainterLeavesTheOldFileAndNothingElse() throws IOException {
    byte[] good = Files.readAllBytes(file);
    assertThatThrownBy(
            () ->
                PictureFile.write(
                    file,
                    DEFINITION,
                    8,
                    ITEMS,
                    sink -> {
                      sink.picture(0, new byte[192]);
                      throw new IOException("the disk is full");
                    }))
        .hasMessage("the disk is full");
    assertThat(Files.readAllBytes(file)).isEqualTo(good);
    try (var files = Files.list(file.getParent())) {
      assertThat(files).containsExactly(file);
    }
  }

  private void assertRefused(String reason) {
    assertThatThrownBy(() -> PictureFile.open(file, DEFINITION, 8))
        .isInstanceOf(PictureFile.Damaged.class)
        .hasMessageContaining(reason);
  }
}
