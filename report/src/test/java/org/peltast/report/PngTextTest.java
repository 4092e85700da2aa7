package org.peltast.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.NodeList;

/** Texts in PNG files, judged by the JDK's own reader. */
class PngTextTest {
  @TempDir Path folder;
  private Path file;
  private BufferedImage picture;

  @BeforeEach
  void write() throws IOException {
    picture = new BufferedImage(5, 3, BufferedImage.TYPE_INT_RGB);
    picture.setRGB(2, 1, 0x123456);
    file = folder.resolve("picture.png");
    ImageIO.write(picture, "png", file.toFile());
  }

  @Test
  void anotherReaderSeesThemAndTheSamePicture() throws IOException {
    Map<String, String> texts = new LinkedHashMap<>();
    texts.put("prompt", "an owl, 🦉\nein Käuzchen");
    texts.put("seed", "7");
    PngText.put(file, texts);
    assertThat(PngText.read(file)).isEqualTo(texts);
    assertThat(PngText.read(file).keySet()).containsExactly("prompt", "seed");
    assertThat(ImageIO.read(file.toFile()).getRGB(2, 1)).isEqualTo(0xff123456);
    try (ImageInputStream in = ImageIO.createImageInputStream(file.toFile())) {
      ImageReader reader = ImageIO.getImageReadersByFormatName("png").next();
      reader.setInput(in);
      NodeList entries =
          ((org.w3c.dom.Element) reader.getImageMetadata(0).getAsTree("javax_imageio_png_1.0"))
              .getElementsByTagName("iTXtEntry");
      assertThat(entries.getLength()).isEqualTo(2);
      assertThat(entries.item(0).getAttributes().getNamedItem("text").getNodeValue())
          .isEqualTo(texts.get("prompt"));
      reader.dispose();
    }
    assertThat(folder.toFile().list()).containsExactly("picture.png");
  }

  /** A chunk behind the header, as other programs write them. */
  private void insert(String type, byte[] body) throws IOException {
    byte[] png = Files.readAllBytes(file);
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(all);
    out.write(png, 0, 33);
    out.writeInt(body.length);
    CRC32 checksum = new CRC32();
    checksum.update(type.getBytes(StandardCharsets.ISO_8859_1));
    checksum.update(body);
    out.writeBytes(type);
    out.write(body);
    out.writeInt((int) checksum.getValue());
    out.write(png, 33, png.length - 33);
    Files.write(file, all.toByteArray());
  }

  @Test
  void textsOfOtherProgramsAreReadToo() throws IOException {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    packed.writeBytes("Comment\0\0".getBytes(StandardCharsets.ISO_8859_1));
    try (DeflaterOutputStream deflater = new DeflaterOutputStream(packed)) {
      deflater.write("packed".getBytes(StandardCharsets.ISO_8859_1));
    }
    insert("zTXt", packed.toByteArray());
    insert("tEXt", "parameters\0Käse".getBytes(StandardCharsets.ISO_8859_1));
    assertThat(PngText.read(file))
        .containsEntry("parameters", "Käse")
        .containsEntry("Comment", "packed");
    insert("iTXt", "bare".getBytes(StandardCharsets.ISO_8859_1)); // no end of anything
    assertThat(PngText.read(file)).containsEntry("bare", "");
  }

  @Test
  void whatIsNoPictureIsRefusedInOneSentence() throws IOException {
    assertThat(PngText.isPng(file)).isTrue();
    byte[] png = Files.readAllBytes(file);
    Path cut = Files.write(folder.resolve("cut.png"), Arrays.copyOf(png, png.length - 9));
    assertThatThrownBy(() -> PngText.read(cut))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("cut.png is cut short");
    Path other =
        Files.writeString(folder.resolve("other.png"), "no picture at all, but a text, and long");
    assertThat(PngText.isPng(other)).isFalse();
    assertThat(PngText.isPng(folder)).isFalse();
    assertThatThrownBy(() -> PngText.put(other, Map.of("a", "b")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is no PNG file");
    assertThatThrownBy(() -> PngText.put(file, Map.of("", "b"))).isInstanceOf(IOException.class);
    assertThat(Files.readAllBytes(file)).isEqualTo(png);
    png[33 + 3] = (byte) 0x7f; // the length of the chunk behind the header
    png[33] = (byte) 0xff;
    Path long_ = Files.write(folder.resolve("long.png"), png);
    assertThatThrownBy(() -> PngText.read(long_))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("has a chunk of");
  }
}
