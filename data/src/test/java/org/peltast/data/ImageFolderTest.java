package org.peltast.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.CRC32;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ImageFolderTest {
  @TempDir Path root;
  private Path folder;
  private final AtomicInteger decoded = new AtomicInteger();

  @BeforeEach
  void makeFolder() throws IOException {
    folder = Files.createDirectory(root.resolve("pictures"));
  }

  private ImageFolder.Options options() {
    return ImageFolder.Options.ofSize(16)
        .withCache(root.resolve("cache"))
        .withPreparation((what, done, total) -> decoded.incrementAndGet());
  }

  /** Left half red, right half blue. */
  private static BufferedImage redBlue(int width, int height, int type) {
    BufferedImage image = new BufferedImage(width, height, type);
    Graphics2D graphics = image.createGraphics();
    graphics.setColor(Color.RED);
    graphics.fillRect(0, 0, width / 2, height);
    graphics.setColor(Color.BLUE);
    graphics.fillRect(width / 2, 0, width - width / 2, height);
    graphics.dispose();
    return image;
  }

  private static byte[] encoded(BufferedImage image, String format) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    assertThat(ImageIO.write(image, format, out)).isTrue();
    return out.toByteArray();
  }

  private static byte[] resource(String name) throws IOException {
    try (InputStream in = ImageFolderTest.class.getResourceAsStream("/pictures/" + name)) {
      return in.readAllBytes();
    }
  }

  private void put(String name, byte[] bytes, String caption) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    Files.write(file, bytes);
    if (caption != null) {
      Files.writeString(
          file.resolveSibling(
              name.substring(name.lastIndexOf('/') + 1).replaceAll("\\.\\w+$", ".txt")),
          caption);
    }
  }

  private void good(String name) throws IOException {
    put(name, encoded(redBlue(20, 20, BufferedImage.TYPE_INT_RGB), "png"), "red and blue");
  }

  private static int[] pixel(CaptionedImages images, int index, int x, int y) {
    byte[] rgb = new byte[images.bytesPerImage()];
    images.pixels(index, rgb, 0);
    int at = (y * images.width() + x) * 3;
    return new int[] {rgb[at] & 255, rgb[at + 1] & 255, rgb[at + 2] & 255};
  }

  private static void assertNear(int[] actual, int red, int green, int blue) {
    assertThat(actual[0]).isBetween(red - 12, red + 12);
    assertThat(actual[1]).isBetween(green - 12, green + 12);
    assertThat(actual[2]).isBetween(blue - 12, blue + 12);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"cmyk.jpg", "lossy.webp", "animated.webp", "animated.gif", "progressive.jpg"})
  void readsEveryKindAndOfAnimationsTheFirstFrame(String name) throws IOException {
    Files.write(folder.resolve(name), resource(name));
    Files.writeString(
        folder.resolve("metadata.jsonl"),
        "{\"file_name\": \"%s\", \"text\": \"red and blue\"}\n".formatted(name));
    ImageFolder opened = ImageFolder.open(folder, options());
    assertThat(opened.skipped()).isEmpty();
    CaptionedImages images = opened.groups().get(0);
    assertThat(images.captions(0)).containsExactly("red and blue");
    assertNear(pixel(images, 0, 2, 8), 254, 0, 0);
    assertNear(pixel(images, 0, 13, 8), 0, 0, 254);
  }

  @Test
  void greyIsNotBrightenedAndAlphaLiesOnWhite() throws IOException {
    put("a16.png", resource("grey16.png"), "grey of 16 bits");
    BufferedImage grey = new BufferedImage(16, 16, BufferedImage.TYPE_BYTE_GRAY);
    for (int i = 0; i < 256; i++) {
      grey.getRaster().setSample(i % 16, i / 16, 0, 128);
    }
    put("b8.png", encoded(grey, "png"), "grey of 8 bits");
    BufferedImage clear = new BufferedImage(16, 16, BufferedImage.TYPE_INT_ARGB);
    for (int i = 0; i < 256; i++) {
      clear.setRGB(i % 16, i / 16, i % 16 < 8 ? 0 : 0x800000FF);
    }
    put("clear.png", encoded(clear, "png"), "nothing beside half blue");
    BufferedImage indexed = redBlue(16, 16, BufferedImage.TYPE_BYTE_INDEXED);
    put("indexed.png", encoded(indexed, "png"), "indexed");
    CaptionedImages images = ImageFolder.open(folder, options()).groups().get(0);
    assertThat(pixel(images, 0, 8, 8)).containsExactly(128, 128, 128);
    assertThat(pixel(images, 1, 8, 8)).containsExactly(128, 128, 128);
    assertThat(pixel(images, 2, 2, 8)).containsExactly(255, 255, 255);
    assertNear(pixel(images, 2, 13, 8), 127, 127, 255);
    assertNear(pixel(images, 3, 2, 8), 255, 0, 0);
  }

  @ParameterizedTest
  // Where the red half of the stored picture must be seen after turning it upright.
  @CsvSource({"1,left", "2,right", "3,right", "4,left", "5,top", "6,top", "7,bottom", "8,bottom"})
  void cameraOrientationIsUndone(int orientation, String red) throws IOException {
    byte[] jpeg = encoded(redBlue(32, 32, BufferedImage.TYPE_INT_RGB), "jpg");
    ByteBuffer exif = ByteBuffer.allocate(4 + 6 + 8 + 2 + 12 + 4);
    exif.putShort((short) 0xFFE1).putShort((short) (exif.capacity() - 2));
    exif.put("Exif\0\0".getBytes(StandardCharsets.US_ASCII));
    exif.putShort((short) 0x4D4D).putShort((short) 42).putInt(8).putShort((short) 1);
    exif.putShort((short) 0x0112).putShort((short) 3).putInt(1).putShort((short) orientation);
    ByteArrayOutputStream turned = new ByteArrayOutputStream();
    turned.write(jpeg, 0, 2);
    turned.write(exif.array());
    turned.write(jpeg, 2, jpeg.length - 2);
    put("a.jpg", turned.toByteArray(), "turned");
    CaptionedImages images = ImageFolder.open(folder, options()).groups().get(0);
    int[] at =
        switch (red) {
          case "left" -> new int[] {2, 8};
          case "right" -> new int[] {13, 8};
          case "top" -> new int[] {8, 2};
          default -> new int[] {8, 13};
        };
    assertNear(pixel(images, 0, at[0], at[1]), 254, 0, 0);
    assertNear(pixel(images, 0, 15 - at[0], 15 - at[1]), 0, 0, 254);
  }

  private static byte[] bomb() {
    byte[] header = new byte[17];
    ByteBuffer.wrap(header)
        .put("IHDR".getBytes(StandardCharsets.US_ASCII))
        .putInt(60_000)
        .putInt(60_000)
        .put(new byte[] {8, 2, 0, 0, 0});
    CRC32 crc = new CRC32();
    crc.update(header);
    return ByteBuffer.allocate(8 + 4 + 17 + 4)
        .putLong(0x89504E470D0A1A0AL)
        .putInt(13)
        .put(header)
        .putInt((int) crc.getValue())
        .array();
  }

  @Test
  void unusablePicturesAreSkippedCountedAndNamed() throws IOException {
    good("good.png");
    byte[] png = Files.readAllBytes(folder.resolve("good.png"));
    byte[] noise = new byte[50_000];
    new java.util.Random(1).nextBytes(noise);
    BufferedImage busy = new BufferedImage(64, 64, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < 64 * 64; i++) {
      busy.setRGB(i % 64, i / 64, noise[i] << 16 | noise[i + 9000] << 8 | noise[i + 20_000]);
    }
    byte[] jpeg = encoded(busy, "jpg");
    put("bad/bomb.png", bomb(), "a bomb");
    put("bad/cut.jpg", Arrays.copyOf(jpeg, jpeg.length / 2), "half a picture");
    put("bad/cut.png", Arrays.copyOf(png, png.length / 2), "half a picture");
    put("bad/empty.png", new byte[0], "nothing");
    put("bad/noise.webp", noise, "noise");
    put("bad/text.jpg", "not a picture".getBytes(StandardCharsets.UTF_8), "a text");
    put("bad/uncaptioned.png", png, null);
    put("bad/blank.png", png, " \n\t ");
    put("bad/latin.png", png, null);
    Files.write(folder.resolve("bad/latin.txt"), new byte[] {'a', '\n', (byte) 0xE9, '\n'});

    ImageFolder opened = ImageFolder.open(folder, options());
    assertThat(opened.groups()).hasSize(1);
    assertThat(opened.groups().get(0).size()).isEqualTo(1);
    assertThat(opened.skipped()).hasSize(9);
    assertThat(opened.skipped())
        .anyMatch(s -> s.equals("The picture bad/empty.png is empty."))
        .anyMatch(s -> s.startsWith("The picture bad/bomb.png") && s.contains("60000 × 60000"))
        .anyMatch(s -> s.startsWith("The picture bad/cut.jpg"))
        .anyMatch(s -> s.startsWith("The picture bad/cut.png"))
        .anyMatch(s -> s.startsWith("The picture bad/noise.webp is no PNG"))
        .anyMatch(s -> s.startsWith("The picture bad/text.jpg is no PNG"))
        .anyMatch(
            s ->
                s.startsWith("The picture bad/uncaptioned.png")
                    && s.contains("bad/uncaptioned.txt"))
        .anyMatch(s -> s.startsWith("The picture bad/blank.png") && s.contains("empty caption"))
        .anyMatch(s -> s.startsWith("The picture bad/latin.png") && s.contains("line 2"));
    // The cache remembers what was skipped.
    assertThat(ImageFolder.open(folder, options()).skipped()).isEqualTo(opened.skipped());
  }

  @Test
  void aMutatedPictureIsReadOrSkippedButNeverStopsTheRest() throws IOException {
    good("good.png");
    byte[] jpeg = encoded(redBlue(40, 40, BufferedImage.TYPE_INT_RGB), "jpg");
    byte[] webp = resource("lossy.webp");
    java.util.SplittableRandom random = new java.util.SplittableRandom(5);
    for (int i = 0; i < 120; i++) {
      byte[] bad = i % 2 == 0 ? jpeg.clone() : webp.clone();
      for (int k = 0; k < 4; k++) {
        bad[random.nextInt(bad.length)] = (byte) random.nextInt(256);
      }
      put("m" + i + (i % 2 == 0 ? ".jpg" : ".webp"), bad, "mutated");
    }
    ImageFolder opened = ImageFolder.open(folder, options());
    assertThat(opened.groups().get(0).size() + opened.skipped().size()).isEqualTo(121);
  }

  @Test
  void folderOfNothingUsableIsOneSentence() throws IOException {
    assertThatThrownBy(() -> ImageFolder.open(folder, options()))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("has no picture");
    put("a.png", new byte[0], "nothing");
    assertThatThrownBy(() -> ImageFolder.open(folder, options()))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("None of the 1 pictures")
        .hasMessageContaining("a.png is empty");
    assertThatThrownBy(() -> ImageFolder.open(root.resolve("nowhere"), options()))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("nowhere");
  }

  @Test
  void metadataNamesPicturesWithTextOrCaption() throws IOException {
    good("x/one.png");
    good("two.png");
    Files.writeString(
        folder.resolve("metadata.jsonl"),
        "\uFEFF{\"file_name\": \"x/one.png\", \"text\": \"  first\\u0000\\n caption \"}\r\n\r\n"
            + "{\"file_name\": \"two.png\", \"caption\": \"second\", \"other\": 3}\n"
            + "{\"file_name\": \"gone.png\", \"text\": \"third\"}\n"
            + "{\"file_name\": \"two.png\", \"text\": \"%s\"}\n".formatted("long ".repeat(1000)));
    ImageFolder opened = ImageFolder.open(folder, options());
    CaptionedImages images = opened.groups().get(0);
    assertThat(images.size()).isEqualTo(3);
    assertThat(images.captions(0)).containsExactly("first caption");
    assertThat(images.captions(1)).containsExactly("second");
    assertThat(images.captions(2).get(0).length()).isLessThanOrEqualTo(2000);
    assertThat(images.item(0).source()).isEqualTo("x/one.png");
    assertThat(opened.skipped())
        .containsExactly("The picture gone.png does not exist, or is not a file.");
    assertThat(opened.notes())
        .hasSize(2)
        .anyMatch(n -> n.contains("two.png") && n.contains("Line 5"))
        .contains("2 files ending in .txt are not read: two.txt, x/one.txt.");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"file_name\": \"../secret.png\", \"text\": \"x\"}",
        "{\"file_name\": \"a/../../secret.png\", \"text\": \"x\"}",
        "{\"file_name\": \"/etc/secret.png\", \"text\": \"x\"}",
        "{\"file_name\": \"\", \"text\": \"x\"}",
        "{\"file_name\": \"a\\u0000.png\", \"text\": \"x\"}",
        "{\"text\": \"x\"}",
        "{\"file_name\": 3, \"text\": \"x\"}",
        "[1, 2]",
        "{\"file_name\": ",
        "nonsense"
      })
  void mistakesInMetadataNameFileAndLine(String line) throws IOException {
    good("good.png");
    Files.write(root.resolve("secret.png"), Files.readAllBytes(folder.resolve("good.png")));
    Files.writeString(
        folder.resolve("metadata.jsonl"),
        "{\"file_name\": \"good.png\", \"text\": \"x\"}\n" + line + "\n");
    assertThatThrownBy(() -> ImageFolder.open(folder, options()))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("Line 2 of ")
        .hasMessageContaining("metadata.jsonl");
  }

  @Test
  void linksInCirclesAreSafe() throws IOException {
    good("in/good.png");
    Files.createSymbolicLink(folder.resolve("in/up"), folder);
    Files.createSymbolicLink(folder.resolve("self.png"), folder.resolve("self.png"));
    ImageFolder opened = ImageFolder.open(folder, options());
    assertThat(opened.groups().get(0).size()).isEqualTo(1);
  }

  @Test
  void centreCropKeepsTheMiddle() throws IOException {
    BufferedImage wide = new BufferedImage(300, 100, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = wide.createGraphics();
    graphics.setColor(Color.GREEN);
    graphics.fillRect(100, 0, 100, 100);
    graphics.dispose();
    put("wide.png", encoded(wide, "png"), "green in the middle");
    CaptionedImages images = ImageFolder.open(folder, options()).groups().get(0);
    assertThat(images.width()).isEqualTo(16);
    for (int[] at : new int[][] {{0, 0}, {15, 15}, {8, 8}, {0, 15}}) {
      assertNear(pixel(images, 0, at[0], at[1]), 0, 255, 0);
    }
  }

  @Test
  void bucketsHoldPicturesOfTheNearestShape() throws IOException {
    int[][] shapes = {{40, 40}, {41, 39}, {80, 45}, {45, 80}, {1000, 10}, {60, 45}};
    for (int i = 0; i < shapes.length; i++) {
      put(
          i + ".png",
          encoded(redBlue(shapes[i][0], shapes[i][1], BufferedImage.TYPE_INT_RGB), "png"),
          "shape " + i);
    }
    ImageFolder opened = ImageFolder.open(folder, options().withFit(ImageFolder.Fit.BUCKETS));
    assertThat(opened.groups().stream().mapToInt(CaptionedImages::size).sum()).isEqualTo(6);
    for (CaptionedImages group : opened.groups()) {
      assertThat(group.width() % 8).isZero();
      assertThat(group.height() % 8).isZero();
      for (int i = 0; i < group.size(); i++) {
        assertNear(pixel(group, i, 0, 0), 255, 0, 0);
        assertNear(pixel(group, i, group.width() - 1, 0), 0, 0, 255);
      }
    }
    assertThat(ImageFolder.sizes(512, ImageFolder.Fit.BUCKETS))
        .contains(
            new ImageFolder.Size(512, 512),
            new ImageFolder.Size(688, 384),
            new ImageFolder.Size(384, 688))
        .allMatch(s -> s.width() % 16 == 0 && s.height() % 16 == 0)
        .allMatch(s -> Math.abs(s.width() * s.height() / (512.0 * 512) - 1) < 0.05);
  }

  @Test
  void cacheIsUsedUntilSomethingChanges() throws IOException {
    good("a.png");
    good("b.png");
    String first = ImageFolder.open(folder, options()).groups().get(0).checksum();
    assertThat(decoded.getAndSet(0)).isEqualTo(2);
    assertThat(ImageFolder.open(folder, options()).groups().get(0).checksum()).isEqualTo(first);
    assertThat(decoded.get()).isZero();
    // Content decides, and no date: neither that of a copy, which is another one, …
    Path a = folder.resolve("a.png");
    Files.setLastModifiedTime(a, FileTime.fromMillis(86_400_000));
    assertThat(ImageFolder.open(folder, options()).groups().get(0).checksum()).isEqualTo(first);
    assertThat(decoded.getAndSet(0)).isZero();
    // … nor that of another picture, which is the same one.
    byte[] png = Files.readAllBytes(a);
    BufferedImage blue = redBlue(20, 20, BufferedImage.TYPE_INT_RGB);
    blue.setRGB(0, 0, 0);
    byte[] other = encoded(blue, "png");
    int longer = Math.max(png.length, other.length) + 20; // what follows a PNG's end is nothing
    Files.write(a, Arrays.copyOf(png, longer));
    Files.setLastModifiedTime(a, FileTime.fromMillis(86_400_000));
    assertThat(ImageFolder.open(folder, options()).groups().get(0).checksum()).isEqualTo(first);
    Files.write(a, Arrays.copyOf(other, longer));
    Files.setLastModifiedTime(a, FileTime.fromMillis(86_400_000));
    assertThat(ImageFolder.open(folder, options()).groups().get(0).checksum()).isNotEqualTo(first);
    Files.write(a, png);
    assertThat(ImageFolder.open(folder, options()).groups().get(0).checksum()).isEqualTo(first);
    decoded.set(0);
    Files.writeString(folder.resolve("a.txt"), "another caption");
    assertThat(ImageFolder.open(folder, options()).groups().get(0).checksum()).isNotEqualTo(first);
    assertThat(decoded.get()).isEqualTo(2);
  }

  @Test
  void floatsArePlanarAndInUnitRange() throws IOException {
    good("a.png");
    CaptionedImages images = ImageFolder.open(folder, options()).groups().get(0);
    float[] out = new float[2 * 3 * 16 * 16];
    PixelBatches.toFloats(images, new int[] {0, 0}, out);
    for (int b = 0; b < 2; b++) {
      int start = b * 3 * 256;
      assertThat(out[start]).isEqualTo(1);
      assertThat(out[start + 256]).isZero();
      assertThat(out[start + 512]).isZero();
      assertThat(out[start + 512 + 255]).isEqualTo(1);
    }
    assertThatThrownBy(() -> PixelBatches.toFloats(images, new int[] {0}, out))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("768");
  }
}
