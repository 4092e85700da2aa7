package org.peltast.pictures;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.peltast.pictures.PictureBytes.bytes;
import static org.peltast.pictures.PictureBytes.insert;
import static org.peltast.pictures.PictureBytes.join;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Pictures as other people's tools write them, down to their pixels. */
class PictureDecoderTest {
  private static final String XMP =
      "<x:xmpmeta><rdf:Description xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation=\"%d\"/></x:xmpmeta>";

  @TempDir Path folder;

  private PictureDecoder.Decoded decode(byte[] file) throws IOException, PictureDecoder.Unusable {
    return PictureDecoder.decode(Files.write(folder.resolve("a"), file));
  }

  /** Every pixel another colour, 5 × 3; so no two ways to turn it look alike. */
  private static BufferedImage odd() {
    BufferedImage image = new BufferedImage(5, 3, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < 15; i++) {
      image.setRGB(i % 5, i / 5, 0x102030 + i * 0x0A0B0C);
    }
    return image;
  }

  /** Smooth, for JPEG. */
  private static BufferedImage smooth(int width, int height) {
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    graphics.setPaint(new java.awt.GradientPaint(0, 0, Color.ORANGE, width, height, Color.BLUE));
    graphics.fillRect(0, 0, width, height);
    graphics.dispose();
    return image;
  }

  private static int[] pixels(BufferedImage image) {
    return image.getRGB(0, 0, image.getWidth(), image.getHeight(), null, 0, image.getWidth());
  }

  private static int[] opaque(int[] rgb) {
    return Arrays.stream(rgb).map(pixel -> pixel & 0xFFFFFF).toArray();
  }

  // ------------------------------------------------------------------ orientation

  /** Where EXIF's table puts the pixel (x, y) of the stored picture. */
  private static int[] upright(int orientation) {
    int[] rgb = opaque(pixels(odd()));
    int width = orientation >= 5 ? 3 : 5;
    int[] turned = new int[15];
    for (int y = 0; y < 3; y++) {
      for (int x = 0; x < 5; x++) {
        int at =
            switch (orientation) {
              case 2 -> (4 - x) + y * width;
              case 3 -> (4 - x) + (2 - y) * width;
              case 4 -> x + (2 - y) * width;
              case 5 -> y + x * width;
              case 6 -> (2 - y) + x * width;
              case 7 -> (2 - y) + (4 - x) * width;
              case 8 -> y + (4 - x) * width;
              default -> x + y * width;
            };
        turned[at] = rgb[x + 5 * y];
      }
    }
    return turned;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
  void everyOrientationIsUndoneWhereverItIsKept(int orientation) throws Exception {
    byte[] png = PictureBytes.png(odd());
    byte[] big = PictureBytes.exif(orientation);
    byte[] little = PictureBytes.exif(orientation, ByteOrder.LITTLE_ENDIAN, false);
    byte[] asLong = PictureBytes.exif(orientation, ByteOrder.BIG_ENDIAN, true);
    byte[] prefixed = join(bytes('E', 'x', 'i', 'f', 0, 0), little);
    String hex = "\nexif\n      %d\n%s\n".formatted(big.length, HexFormat.of().formatHex(big));
    String xmp = XMP.formatted(orientation);
    Map<String, byte[]> files = new LinkedHashMap<>();
    files.put("eXIf", PictureBytes.with(png, 1, new PictureBytes.Chunk("eXIf", big)));
    files.put("eXIf at the end", PictureBytes.with(png, 2, new PictureBytes.Chunk("eXIf", little)));
    files.put("eXIf, long", PictureBytes.with(png, 1, new PictureBytes.Chunk("eXIf", asLong)));
    files.put(
        "eXIf, prefixed", PictureBytes.with(png, 1, new PictureBytes.Chunk("eXIf", prefixed)));
    files.put(
        "ImageMagick's text",
        PictureBytes.with(png, 1, new PictureBytes.Chunk("tEXt", "Raw profile type exif\0" + hex)));
    files.put("ImageMagick's compressed text", PictureBytes.with(png, 1, compressedProfile(hex)));
    files.put(
        "XMP",
        PictureBytes.with(
            png, 1, new PictureBytes.Chunk("iTXt", "XML:com.adobe.xmp\0\0\0\0\0" + xmp)));
    files.put("TIFF", tiff(orientation));
    for (Map.Entry<String, byte[]> file : files.entrySet()) {
      PictureDecoder.Decoded decoded = decode(file.getValue());
      assertThat(decoded.width).as(file.getKey()).isEqualTo(orientation >= 5 ? 3 : 5);
      assertThat(opaque(decoded.rgb)).as(file.getKey()).isEqualTo(upright(orientation));
    }

    // Lossy kinds: as the same file without it, turned.
    byte[] jpeg = PictureBytes.encoded(smooth(40, 24), "jpg");
    byte[] webp = PictureBytes.resource("lossy.webp");
    int width = decode(webp).width;
    int height = decode(webp).height;
    Map<String, List<byte[]>> lossy = new LinkedHashMap<>();
    lossy.put("JPEG", List.of(jpeg, PictureBytes.withExif(jpeg, little)));
    lossy.put("JPEG, long", List.of(jpeg, PictureBytes.withExif(jpeg, asLong)));
    lossy.put(
        "JPEG, fill bytes",
        List.of(jpeg, insert(PictureBytes.withExif(jpeg, big), 2, bytes(0xFF, 0xFF))));
    lossy.put(
        "JPEG, XMP",
        List.of(
            jpeg,
            PictureBytes.withSegment(
                jpeg,
                0xE1,
                ("http://ns.adobe.com/xap/1.0/\0" + xmp).getBytes(StandardCharsets.UTF_8))));
    lossy.put("WebP", List.of(webp, PictureBytes.withChunk(webp, "EXIF", big, width, height)));
    lossy.put(
        "WebP, prefixed",
        List.of(webp, PictureBytes.withChunk(webp, "EXIF", prefixed, width, height)));
    lossy.put(
        "WebP, XMP",
        List.of(
            webp,
            PictureBytes.withChunk(
                webp, "XMP ", xmp.getBytes(StandardCharsets.UTF_8), width, height)));
    for (Map.Entry<String, List<byte[]>> file : lossy.entrySet()) {
      PictureDecoder.Decoded stored = decode(file.getValue().get(0));
      PictureDecoder.Decoded turned = decode(file.getValue().get(1));
      for (int y = 0; y < stored.height; y += 3) {
        for (int x = 0; x < stored.width; x += 3) {
          int right = stored.width - 1 - x;
          int below = stored.height - 1 - y;
          int at =
              switch (orientation) {
                case 2 -> right + y * turned.width;
                case 3 -> right + below * turned.width;
                case 4 -> x + below * turned.width;
                case 5 -> y + x * turned.width;
                case 6 -> below + x * turned.width;
                case 7 -> below + right * turned.width;
                case 8 -> y + right * turned.width;
                default -> x + y * turned.width;
              };
          assertThat(turned.rgb[at]).as(file.getKey()).isEqualTo(stored.rgb[x + y * stored.width]);
        }
      }
    }
  }

  /** An uncompressed TIFF of {@link #odd} with an orientation. */
  /** As ImageMagick writes one that it deflates. */
  private static PictureBytes.Chunk compressedProfile(String text) throws IOException {
    return new PictureBytes.Chunk(
        "zTXt",
        join(
            "Raw profile type exif\0\0".getBytes(StandardCharsets.ISO_8859_1),
            PictureBytes.deflated(text.getBytes(StandardCharsets.ISO_8859_1))));
  }

  private static byte[] tiff(int orientation) {
    int[][] entries = {
      {256, 3, 1, 5}, {257, 3, 1, 3}, {258, 3, 1, 8}, {259, 3, 1, 1}, {262, 3, 1, 2},
      {273, 4, 1, 8}, {274, 3, 1, orientation}, {277, 3, 1, 3}, {278, 3, 1, 3}, {279, 4, 1, 45}
    };
    java.nio.ByteBuffer out =
        java.nio.ByteBuffer.allocate(8 + 46 + 2 + 12 * entries.length + 4)
            .order(ByteOrder.LITTLE_ENDIAN);
    out.put(bytes('I', 'I')).putShort((short) 42).putInt(8 + 46);
    for (int pixel : pixels(odd())) {
      out.put(bytes(pixel >> 16, pixel >> 8, pixel));
    }
    out.put((byte) 0).putShort((short) entries.length);
    for (int[] entry : entries) {
      out.putShort((short) entry[0]).putShort((short) entry[1]).putInt(entry[2]);
      if (entry[1] == 3) {
        out.putShort((short) entry[3]).putShort((short) 0);
      } else {
        out.putInt(entry[3]);
      }
    }
    return out.array();
  }

  @Test
  void anOrientationThatIsNoneLeavesThePictureAsItIs() throws Exception {
    byte[] png = PictureBytes.png(odd());
    PictureBytes.Chunk six = new PictureBytes.Chunk("eXIf", PictureBytes.exif(6));
    byte[] noWay = PictureBytes.exif(9);
    byte[] cut = Arrays.copyOf(PictureBytes.exif(6), 20);
    for (byte[] file :
        List.of(
            PictureBytes.with(png, 1, six.unsound()),
            PictureBytes.with(png, 1, new PictureBytes.Chunk("eXIf", noWay)),
            PictureBytes.with(png, 1, new PictureBytes.Chunk("eXIf", cut)),
            PictureBytes.with(png, 1, new PictureBytes.Chunk("eXIf", "")),
            PictureBytes.with(
                png, 1, new PictureBytes.Chunk("tEXt", "Comment\0tiff:Orientation=\"6\"")),
            PictureBytes.with(
                png, 1, new PictureBytes.Chunk("zTXt", "Raw profile type exif\0\0xx")),
            // Hours, to a pattern that tries all ways.
            PictureBytes.with(png, 1, compressedProfile("exif 1" + " ".repeat(1 << 20) + "!")))) {
      assertThat(opaque(decode(file).rgb)).isEqualTo(opaque(pixels(odd())));
    }
    // EXIF comes before XMP.
    byte[] both =
        PictureBytes.with(
            png,
            1,
            new PictureBytes.Chunk("iTXt", "XML:com.adobe.xmp\0\0\0\0\0" + XMP.formatted(8)),
            six);
    assertThat(opaque(decode(both).rgb)).isEqualTo(upright(6));
  }

  // ------------------------------------------------------------------ PNG

  @TestFactory
  Stream<DynamicTest> whatDescribesAPngIsNotNeeded() throws IOException {
    byte[] png = PictureBytes.png(odd());
    List<PictureBytes.Chunk> plain = PictureBytes.chunks(png);
    PictureBytes.Chunk ihdr = plain.get(0);
    byte[] data = plain.get(1).data();
    byte[] first = Arrays.copyOf(data, 9);
    byte[] second = Arrays.copyOfRange(data, 9, data.length);
    PictureBytes.Chunk end = plain.get(plain.size() - 1);
    PictureBytes.Chunk text = new PictureBytes.Chunk("tEXt", "Title\0x");
    byte[] palette = PictureBytes.png(indexed());
    Map<String, byte[]> files = new LinkedHashMap<>();
    Map<String, PictureBytes.Chunk> odd = new LinkedHashMap<>();
    odd.put("text without a keyword", new PictureBytes.Chunk("tEXt", "no zero here"));
    odd.put("text of nothing", new PictureBytes.Chunk("tEXt", ""));
    odd.put("compressed text that is not", new PictureBytes.Chunk("zTXt", "a\0\0not zlib"));
    odd.put("compressed text of an unknown method", new PictureBytes.Chunk("zTXt", "a\0\7x"));
    odd.put("international text cut short", new PictureBytes.Chunk("iTXt", "a\0\1"));
    odd.put(
        "international text with a keyword of 200 letters",
        new PictureBytes.Chunk("iTXt", "k".repeat(200)));
    odd.put("a broken profile", new PictureBytes.Chunk("iCCP", "icc\0\0garbage"));
    odd.put("a profile without a name", new PictureBytes.Chunk("iCCP", bytes(0, 0, 1, 2, 3)));
    odd.put("a gamma of 0", new PictureBytes.Chunk("gAMA", bytes(0, 0, 0, 0)));
    odd.put("a gamma of two bytes", new PictureBytes.Chunk("gAMA", bytes(1, 1)));
    odd.put("chromaticities of nothing", new PictureBytes.Chunk("cHRM", new byte[32]));
    odd.put("chromaticities cut short", new PictureBytes.Chunk("cHRM", new byte[3]));
    odd.put("sRGB of an unknown intent", new PictureBytes.Chunk("sRGB", bytes(200)));
    odd.put("a time in month 77", new PictureBytes.Chunk("tIME", bytes(0, 0, 77, 99, 99, 99, 99)));
    odd.put(
        "a density of an unknown unit",
        new PictureBytes.Chunk("pHYs", bytes(0, 0, 0, 0, 0, 0, 0, 0, 9)));
    odd.put("a background of the wrong length", new PictureBytes.Chunk("bKGD", bytes(1)));
    odd.put("significant bits of the wrong length", new PictureBytes.Chunk("sBIT", bytes(9)));
    odd.put("a histogram without a palette", new PictureBytes.Chunk("hIST", bytes(1, 2)));
    odd.put("a suggested palette that is broken", new PictureBytes.Chunk("sPLT", "x"));
    odd.put("a palette that RGB may have", new PictureBytes.Chunk("PLTE", bytes(1, 2, 3)));
    odd.put("a chunk of an unknown kind", new PictureBytes.Chunk("vpAg", bytes(1, 2, 3, 4)));
    odd.put("animation control", new PictureBytes.Chunk("acTL", bytes(0, 0, 0, 1, 0, 0, 0, 0)));
    odd.put("transparency of the wrong length", new PictureBytes.Chunk("tRNS", bytes(1)));
    odd.forEach(
        (name, chunk) -> {
          files.put(name, PictureBytes.with(png, 1, chunk));
          files.put(name + ", its checksum wrong", PictureBytes.with(png, 1, chunk.unsound()));
          files.put(name + ", after the picture", PictureBytes.with(png, 2, chunk));
          if (!chunk.type().equals("PLTE") && !chunk.type().equals("tRNS")) {
            files.put(name + ", in colours of a palette", PictureBytes.with(palette, 1, chunk));
          }
        });
    files.put(
        "twice",
        PictureBytes.with(
            png,
            1,
            new PictureBytes.Chunk("gAMA", bytes(0, 0, 1, 1)),
            new PictureBytes.Chunk("gAMA", bytes(0, 0, 1, 1))));
    files.put(
        "data in parts",
        PictureBytes.png(
            List.of(
                ihdr,
                new PictureBytes.Chunk("IDAT", first),
                new PictureBytes.Chunk("IDAT", second),
                end)));
    files.put(
        "an empty part",
        PictureBytes.png(
            List.of(
                ihdr,
                new PictureBytes.Chunk("IDAT", ""),
                new PictureBytes.Chunk("IDAT", data),
                new PictureBytes.Chunk("IDAT", ""),
                end)));
    files.put(
        "text between the parts",
        PictureBytes.png(
            List.of(
                ihdr,
                new PictureBytes.Chunk("IDAT", first),
                text,
                new PictureBytes.Chunk("IDAT", second),
                end)));
    files.put("no end", PictureBytes.png(List.of(ihdr, plain.get(1))));
    files.put("an end cut short", Arrays.copyOf(png, png.length - 5));
    files.put("bytes after the end", join(png, "trailing".getBytes(StandardCharsets.US_ASCII)));
    files.put(
        "bytes after the data",
        PictureBytes.png(
            List.of(ihdr, new PictureBytes.Chunk("IDAT", join(data, bytes(1, 2, 3))), end)));
    return files.entrySet().stream()
        .map(
            file ->
                DynamicTest.dynamicTest(
                    file.getKey(),
                    () ->
                        assertThat(opaque(decode(file.getValue()).rgb))
                            .isEqualTo(opaque(pixels(odd())))));
  }

  private static BufferedImage indexed() {
    BufferedImage odd = odd();
    byte[] red = new byte[15];
    byte[] green = new byte[15];
    byte[] blue = new byte[15];
    int[] pixels = pixels(odd);
    for (int i = 0; i < 15; i++) {
      red[i] = (byte) (pixels[i] >> 16);
      green[i] = (byte) (pixels[i] >> 8);
      blue[i] = (byte) pixels[i];
    }
    BufferedImage image =
        new BufferedImage(
            5,
            3,
            BufferedImage.TYPE_BYTE_INDEXED,
            new java.awt.image.IndexColorModel(8, 15, red, green, blue));
    for (int i = 0; i < 15; i++) {
      image.getRaster().setSample(i % 5, i / 5, 0, i);
    }
    return image;
  }

  @Test
  void pngsOfEveryDepthAndColourKindHaveTheirColours() throws Exception {
    // One row of two pixels: what is stored, and what is seen on white.
    assertSeen(8, 2, bytes(200, 100, 50, 0, 0, 0), null, null, 0xC86432, 0);
    assertSeen(16, 2, bytes(200, 200, 100, 100, 50, 50, 0, 0, 0, 0, 0, 0), null, null, 0xC86432, 0);
    assertSeen(8, 6, bytes(200, 100, 50, 255, 9, 9, 9, 0), null, null, 0xC86432, 0xFFFFFF);
    assertSeen(
        16,
        6,
        bytes(200, 200, 100, 100, 50, 50, 255, 255, 9, 9, 9, 9, 9, 9, 0, 0),
        null,
        null,
        0xC86432,
        0xFFFFFF);
    assertSeen(8, 0, bytes(128, 3), null, null, 0x808080, 0x030303);
    assertSeen(16, 0, bytes(128, 128, 3, 3), null, null, 0x808080, 0x030303);
    assertSeen(8, 4, bytes(128, 255, 3, 0), null, null, 0x808080, 0xFFFFFF);
    assertSeen(16, 4, bytes(128, 128, 255, 255, 3, 3, 0, 0), null, null, 0x808080, 0xFFFFFF);
    assertSeen(1, 0, bytes(0x80), null, null, 0xFFFFFF, 0);
    assertSeen(2, 0, bytes(0x60), null, null, 0x555555, 0xAAAAAA);
    assertSeen(4, 0, bytes(0x3C), null, null, 0x333333, 0xCCCCCC);
    byte[] palette = bytes(200, 100, 50, 1, 2, 3);
    assertSeen(8, 3, bytes(0, 1), palette, null, 0xC86432, 0x010203);
    assertSeen(1, 3, bytes(0x40), palette, null, 0xC86432, 0x010203);
    assertSeen(4, 3, bytes(0x01), palette, null, 0xC86432, 0x010203);
    // Transparency: a palette's, and the colour that stands for it.
    assertSeen(8, 3, bytes(0, 1), palette, bytes(255, 0), 0xC86432, 0xFFFFFF);
    assertSeen(4, 3, bytes(0x10), palette, bytes(0), 0x010203, 0xFFFFFF);
    assertSeen(
        8, 2, bytes(200, 100, 50, 1, 2, 3), null, bytes(0, 1, 0, 2, 0, 3), 0xC86432, 0xFFFFFF);
    assertSeen(8, 0, bytes(128, 3), null, bytes(0, 3), 0x808080, 0xFFFFFF);
    assertSeen(
        16,
        2,
        bytes(200, 200, 100, 100, 50, 50, 1, 1, 2, 2, 3, 3),
        null,
        bytes(1, 1, 2, 2, 3, 3),
        0xC86432,
        0xFFFFFF);
    assertSeen(16, 0, bytes(128, 128, 3, 3), null, bytes(3, 3), 0x808080, 0xFFFFFF);
    // Out of its place, or with a wrong checksum, it is not there.
    byte[] odd =
        PictureBytes.png(
            List.of(
                PictureBytes.header(2, 1, 8, 3, 0),
                new PictureBytes.Chunk("tRNS", bytes(0, 0)),
                new PictureBytes.Chunk("PLTE", palette),
                new PictureBytes.Chunk("tRNS", bytes(0, 0)).unsound(),
                new PictureBytes.Chunk("IDAT", PictureBytes.deflated(bytes(0, 0, 1))),
                new PictureBytes.Chunk("tRNS", bytes(0, 0)),
                new PictureBytes.Chunk("IEND", "")));
    assertThat(opaque(decode(odd).rgb)).containsExactly(0xC86432, 0x010203);
  }

  private void assertSeen(
      int bits, int colours, byte[] row, byte[] palette, byte[] transparent, int first, int second)
      throws Exception {
    for (int interlaced : new int[] {0, 1}) {
      List<PictureBytes.Chunk> chunks = new ArrayList<>();
      chunks.add(PictureBytes.header(2, 1, bits, colours, interlaced));
      if (palette != null) {
        chunks.add(new PictureBytes.Chunk("PLTE", palette));
      }
      if (transparent != null) {
        chunks.add(new PictureBytes.Chunk("tRNS", transparent));
      }
      byte[] raw = join(bytes(0), row);
      if (interlaced == 1) { // the two pixels are of two passes
        int half = row.length / 2;
        raw =
            bits < 8
                ? join(bytes(0, row[0]), bytes(0, row[0] << bits))
                : join(
                    bytes(0),
                    Arrays.copyOf(row, half),
                    bytes(0),
                    Arrays.copyOfRange(row, half, row.length));
      }
      chunks.add(new PictureBytes.Chunk("IDAT", PictureBytes.deflated(raw)));
      chunks.add(new PictureBytes.Chunk("IEND", ""));
      assertThat(opaque(decode(PictureBytes.png(chunks)).rgb))
          .as("%d bits, kind %d, interlaced %d", bits, colours, interlaced)
          .containsExactly(first, second);
    }
  }

  @Test
  void aPngThatIsDamagedSaysSo() throws IOException {
    byte[] png = PictureBytes.png(odd());
    List<PictureBytes.Chunk> plain = PictureBytes.chunks(png);
    PictureBytes.Chunk ihdr = plain.get(0);
    PictureBytes.Chunk idat = plain.get(1);
    assertUnusable(
        PictureBytes.png(List.of(ihdr, idat.unsound())), "the checksum of its IDAT chunk is wrong");
    assertUnusable(PictureBytes.png(List.of(ihdr.unsound(), idat)), "IHDR chunk is wrong");
    assertUnusable(PictureBytes.png(List.of(idat, ihdr)), "first chunk is not IHDR");
    assertUnusable(PictureBytes.png(List.of(ihdr)), "cannot be decoded");
    assertUnusable(Arrays.copyOf(png, png.length - 30), "cannot be decoded");
    byte[] half = Arrays.copyOf(idat.data(), idat.data().length / 2);
    assertUnusable(
        PictureBytes.png(List.of(ihdr, new PictureBytes.Chunk("IDAT", half), plain.get(2))),
        "cannot be decoded");
  }

  // ------------------------------------------------------------------ JPEG

  @TestFactory
  Stream<DynamicTest> whatCostsAJpegNoPixelIsNotNeeded() throws Exception {
    byte[] jpeg = PictureBytes.encoded(smooth(40, 24), "jpg");
    int tables = PictureBytes.marker(jpeg, 0xDB);
    int scan = PictureBytes.marker(jpeg, 0xDA);
    int end = jpeg.length - 2;
    byte[] progressive = PictureBytes.resource("progressive.jpg");
    byte[] grey = PictureBytes.encoded(grey(), "jpg");
    byte[] jfifThumbnail =
        join(
            "JFIF\0".getBytes(StandardCharsets.US_ASCII), bytes(1, 1, 0, 0, 1, 0, 1, 90, 90, 1, 2));
    Map<String, List<byte[]>> files = new LinkedHashMap<>();
    for (byte[] plain : List.of(jpeg, progressive, grey)) {
      String kind = plain == jpeg ? "" : plain == grey ? ", grey" : ", progressive";
      int last = plain.length - 2;
      files.put(
          "fill bytes before a segment" + kind,
          List.of(plain, insert(plain, 2, bytes(0xFF, 0xFF, 0xFF))));
      files.put("no end marker" + kind, List.of(plain, Arrays.copyOf(plain, last)));
      files.put("half an end marker" + kind, List.of(plain, Arrays.copyOf(plain, last + 1)));
      files.put(
          "two bytes before the end marker" + kind,
          List.of(plain, insert(plain, last, bytes(0x12, 0x34))));
      files.put(
          "zeros before the end marker" + kind, List.of(plain, insert(plain, last, new byte[16])));
      files.put(
          "fill bytes before the end marker" + kind,
          List.of(plain, insert(plain, last, bytes(0xFF, 0xFF))));
      files.put("bytes after the end marker" + kind, List.of(plain, join(plain, new byte[500])));
      files.put("a second picture after the end marker" + kind, List.of(plain, join(plain, jpeg)));
    }
    files.put("bytes between segments", List.of(jpeg, insert(jpeg, tables, bytes(1, 2, 3))));
    files.put("zeros before the scan", List.of(jpeg, insert(jpeg, scan, new byte[7])));
    files.put("fill bytes before the tables", List.of(jpeg, insert(jpeg, tables, bytes(0xFF))));
    files.put(
        "a comment that is not text",
        List.of(jpeg, PictureBytes.withSegment(jpeg, 0xFE, bytes(0xFF, 0, 0x80, 1))));
    files.put("an empty comment", List.of(jpeg, PictureBytes.withSegment(jpeg, 0xFE, new byte[0])));
    files.put(
        "an EXIF segment of nothing", List.of(jpeg, PictureBytes.withExif(jpeg, new byte[0])));
    files.put("an EXIF segment of noise", List.of(jpeg, PictureBytes.withExif(jpeg, noise(300))));
    files.put(
        "an EXIF segment cut short",
        List.of(jpeg, PictureBytes.withExif(jpeg, Arrays.copyOf(PictureBytes.exif(1), 12))));
    files.put(
        "an EXIF thumbnail that is not there",
        List.of(jpeg, PictureBytes.withExif(jpeg, exifThumbnail())));
    files.put(
        "a second JFIF segment whose thumbnail is cut",
        List.of(jpeg, insert(jpeg, tables, segment(0xE0, jfifThumbnail))));
    files.put(
        "a JFIF segment whose thumbnail is cut", List.of(jpeg, replaceJfif(jpeg, jfifThumbnail)));
    files.put(
        "a JFIF segment cut short",
        List.of(jpeg, replaceJfif(jpeg, "JFIF\0".getBytes(StandardCharsets.US_ASCII))));
    files.put(
        "a JFIF extension whose thumbnail is cut",
        List.of(
            jpeg,
            insert(
                jpeg,
                tables,
                segment(0xE0, "JFXX\0\20\u00FF\u00D8".getBytes(StandardCharsets.ISO_8859_1)))));
    files.put(
        "no JFIF segment",
        List.of(jpeg, join(bytes(0xFF, 0xD8), Arrays.copyOfRange(jpeg, tables, jpeg.length))));
    files.put("a JFIF segment of version 9", List.of(jpeg, version(jpeg, 9)));
    files.put(
        "a profile of noise",
        List.of(
            jpeg,
            insert(
                jpeg,
                tables,
                segment(
                    0xE2,
                    join("ICC_PROFILE\0\1\1".getBytes(StandardCharsets.ISO_8859_1), noise(200))))));
    files.put(
        "a profile of nothing",
        List.of(
            jpeg,
            insert(
                jpeg,
                tables,
                segment(0xE2, "ICC_PROFILE\0\1\1".getBytes(StandardCharsets.ISO_8859_1)))));
    files.put(
        "the second part of a profile alone",
        List.of(
            jpeg,
            insert(
                jpeg,
                tables,
                segment(
                    0xE2,
                    join("ICC_PROFILE\0\2\2".getBytes(StandardCharsets.ISO_8859_1), noise(50))))));
    files.put(
        "Photoshop's segment of noise",
        List.of(jpeg, insert(jpeg, tables, segment(0xED, noise(100)))));
    files.put(
        "XMP of noise",
        List.of(
            jpeg,
            PictureBytes.withSegment(
                jpeg,
                0xE1,
                join(
                    "http://ns.adobe.com/xap/1.0/\0".getBytes(StandardCharsets.US_ASCII),
                    noise(100)))));
    files.put("two end markers", List.of(jpeg, insert(jpeg, end, bytes(0xFF, 0xD9))));
    return files.entrySet().stream()
        .map(
            file ->
                DynamicTest.dynamicTest(
                    file.getKey(),
                    () ->
                        assertThat(decode(file.getValue().get(1)).rgb)
                            .isEqualTo(decode(file.getValue().get(0)).rgb)));
  }

  private static byte[] noise(int count) {
    byte[] noise = new byte[count];
    new Random(4).nextBytes(noise);
    return noise;
  }

  private static byte[] segment(int marker, byte[] data) {
    byte[] whole = PictureBytes.withSegment(bytes(0xFF, 0xD8), marker, data);
    return Arrays.copyOfRange(whole, 2, whole.length);
  }

  private static byte[] replaceJfif(byte[] jpeg, byte[] data) {
    int next = PictureBytes.marker(jpeg, 0xDB);
    return join(
        bytes(0xFF, 0xD8), segment(0xE0, data), Arrays.copyOfRange(jpeg, next, jpeg.length));
  }

  private static byte[] version(byte[] jpeg, int major) {
    byte[] other = jpeg.clone();
    other[PictureBytes.marker(jpeg, 0xE0) + 9] = (byte) major;
    return other;
  }

  /** A second directory whose JPEG lies far behind the segment's end. */
  private static byte[] exifThumbnail() {
    java.nio.ByteBuffer tiff = java.nio.ByteBuffer.allocate(8 + 2 + 4 + 2 + 24 + 4);
    tiff.put(bytes('M', 'M')).putShort((short) 42).putInt(8).putShort((short) 0).putInt(14);
    tiff.putShort((short) 2);
    tiff.putShort((short) 0x0201).putShort((short) 4).putInt(1).putInt(60_000);
    tiff.putShort((short) 0x0202).putShort((short) 4).putInt(1).putInt(5_000);
    return tiff.array();
  }

  private static BufferedImage grey() {
    BufferedImage image = new BufferedImage(20, 20, BufferedImage.TYPE_BYTE_GRAY);
    for (int i = 0; i < 400; i++) {
      image.getRaster().setSample(i % 20, i / 20, 0, 100 + i % 20);
    }
    return image;
  }

  @Test
  void aJpegThatIsCutOrDamagedSaysSo() throws Exception {
    BufferedImage busy = new BufferedImage(64, 64, BufferedImage.TYPE_INT_RGB);
    byte[] noise = noise(3 * 64 * 64);
    for (int i = 0; i < 64 * 64; i++) {
      busy.setRGB(
          i % 64,
          i / 64,
          (noise[3 * i] & 255) << 16 | (noise[3 * i + 1] & 255) << 8 | noise[3 * i + 2] & 255);
    }
    byte[] jpeg = PictureBytes.encoded(busy, "jpg");
    for (double part : new double[] {0.5, 0.9, 0.97}) {
      byte[] cut = Arrays.copyOf(jpeg, (int) (jpeg.length * part));
      assertUnusable(cut, "is cut short or corrupt");
      assertUnusable(join(cut, bytes(0xFF, 0xD9)), "is cut short or corrupt");
    }
    assertUnusable(Arrays.copyOf(jpeg, 100), "cannot be decoded");
  }

  // ------------------------------------------------------------------ other kinds

  @Test
  void bitmapsAndTiffsAreRead() throws Exception {
    int[] expected = opaque(pixels(odd()));
    for (String format : List.of("bmp", "tiff")) {
      assertThat(opaque(decode(PictureBytes.encoded(odd(), format)).rgb))
          .as(format)
          .isEqualTo(expected);
    }
    byte[] interlaced = PictureBytes.encoded(indexed16(), "gif"); // as Java writes them
    assertThat(opaque(decode(interlaced).rgb)).isEqualTo(opaque(pixels(indexed16())));
    BufferedImage grey16 = new BufferedImage(2, 1, BufferedImage.TYPE_USHORT_GRAY);
    grey16.getRaster().setSample(0, 0, 0, 0x8080);
    grey16.getRaster().setSample(1, 0, 0, 0x0303);
    assertThat(opaque(decode(PictureBytes.encoded(grey16, "tiff")).rgb))
        .containsExactly(0x808080, 0x030303);
    BufferedImage clear = new BufferedImage(2, 1, BufferedImage.TYPE_INT_ARGB);
    clear.setRGB(0, 0, 0xFFC86432);
    assertThat(opaque(decode(PictureBytes.encoded(clear, "tiff")).rgb))
        .containsExactly(0xC86432, 0xFFFFFF);
  }

  private static BufferedImage indexed16() {
    BufferedImage image = new BufferedImage(16, 16, BufferedImage.TYPE_BYTE_INDEXED);
    for (int i = 0; i < 256; i++) {
      image.getRaster().setSample(i % 16, i / 16, 0, i % 200);
    }
    return image;
  }

  @Test
  void aWebpIsReadWhateverDescribesIt() throws Exception {
    byte[] webp = PictureBytes.resource("lossy.webp");
    PictureDecoder.Decoded plain = decode(webp);
    for (String type : List.of("EXIF", "XMP ", "ICCP", "JUNK")) {
      byte[] odd = PictureBytes.withChunk(webp, type, noise(33), plain.width, plain.height);
      assertThat(decode(odd).rgb).as(type).isEqualTo(plain.rgb);
    }
    assertThat(decode(join(webp, new byte[10])).rgb).isEqualTo(plain.rgb);
  }

  /** Smooth and coded coarsely, where a wrong prediction drifts; beside it what libwebp decodes. */
  @Test
  void aLossyWebpHasTheColoursThatItsLibraryDecodes() throws Exception {
    PictureDecoder.Decoded webp = decode(PictureBytes.resource("smooth.webp"));
    PictureDecoder.Decoded right = decode(PictureBytes.resource("smooth.png"));
    double off = 0;
    for (int i = 0; i < right.rgb.length; i++) {
      off += Math.abs((webp.rgb[i] >> 8 & 255) - (right.rgb[i] >> 8 & 255));
    }
    assertThat(off / right.rgb.length).isLessThan(0.5);
  }

  @Test
  void aWebpThatIsCutSaysSo() throws Exception {
    for (String name : List.of("lossy.webp", "smooth.webp")) {
      byte[] webp = PictureBytes.resource(name);
      for (double part : new double[] {0.3, 0.7, 0.99}) {
        assertUnusable(Arrays.copyOf(webp, (int) (webp.length * part)), "is cut short");
      }
    }
  }

  /** Tools that make animations smaller cut the first frame to what is not clear. */
  @Test
  void aFrameLiesOnItsCanvas() throws Exception {
    byte[] gif = PictureBytes.encoded(indexed16(), "gif");
    int frame = 13 + 3 * 256;
    while (gif[frame] != 0x2C) { // past extensions
      frame += 2;
      for (; gif[frame] != 0; frame += 1 + (gif[frame] & 255)) {}
      frame++;
    }
    gif[6] = 20;
    gif[8] = 24;
    gif[frame + 1] = 3;
    gif[frame + 3] = 5;
    PictureDecoder.Decoded seen = decode(gif);
    assertThat(seen.width).isEqualTo(20);
    assertThat(seen.height).isEqualTo(24);
    int[] plain = opaque(pixels(indexed16()));
    for (int y = 0; y < 24; y++) {
      for (int x = 0; x < 20; x++) {
        boolean inside = x >= 3 && x < 19 && y >= 5 && y < 21;
        assertThat(opaque(seen.rgb)[x + 20 * y])
            .isEqualTo(inside ? plain[x - 3 + 16 * (y - 5)] : 0xFFFFFF);
      }
    }

    byte[] lossy = PictureBytes.resource("lossy.webp");
    PictureDecoder.Decoded still = decode(lossy);
    PictureDecoder.Decoded moved =
        decode(PictureBytes.animation(lossy, still.width, still.height, 2, 4));
    assertThat(moved.width).isEqualTo(still.width + 2);
    assertThat(moved.height).isEqualTo(still.height + 4);
    assertThat(opaque(moved.rgb)[0]).isEqualTo(0xFFFFFF);
    assertThat(opaque(moved.rgb)[2 + 4 * moved.width]).isEqualTo(opaque(still.rgb)[0]);
  }

  @Test
  void aTiffIsTurnedAndClearAsItsTagsSay() throws Exception {
    byte[] three = bytes(200, 100, 50, 10, 20, 30);
    byte[] four = bytes(200, 100, 50, 255, 10, 20, 30, 102);
    for (boolean big : new boolean[] {false, true}) {
      PictureDecoder.Decoded turned = decode(PictureBytes.tiff(big, 2, 1, three, 6, 1, 0));
      assertThat(turned.height).isEqualTo(2);
      assertThat(opaque(turned.rgb)).containsExactly(0xC86432, 0x0A141E);
      assertThat(opaque(decode(PictureBytes.tiff(big, 2, 1, four, 1, 1, 0)).rgb))
          .as("a mask, which is no transparency")
          .containsExactly(0xC86432, 0x0A141E);
      assertThat(opaque(decode(PictureBytes.tiff(big, 2, 1, four, 1, 1, 1)).rgb)[1])
          .as("multiplied already: 153 + 10, 20, 30")
          .isEqualTo(0xA3ADB7);
      assertThat(opaque(decode(PictureBytes.tiff(big, 2, 1, four, 1, 1, 2)).rgb)[1])
          .as("153 + 0.4 · (10, 20, 30)")
          .isEqualTo(0x9DA1A5);
    }
    assertUnusable(
        PictureBytes.tiff(false, 2, 1, three, 1, 50000, 0),
        "is a TIFF file compressed by Zstandard, which is not read; save it with LZW");
  }

  @Test
  void aKindThatNoReaderKnowsIsNamed() throws Exception {
    byte[] jpeg = PictureBytes.encoded(smooth(16, 16), "jpg");
    int frame = 2;
    while ((jpeg[frame + 1] & 255) != 0xC0) {
      frame += 2 + ((jpeg[frame + 2] & 255) << 8 | jpeg[frame + 3] & 255);
    }
    byte[] deep = jpeg.clone();
    deep[frame + 4] = 12;
    assertUnusable(deep, "is a JPEG file of 12 bits a channel, which is not read");
    byte[] png = PictureBytes.png(odd());
    assertUnusable(
        insert(png, 8, bytes(0, 0, 0, 4, 'C', 'g', 'B', 'I', 0x50, 0, 0x20, 2, 0, 0, 0, 0)),
        "it is in Apple's own form of PNG (CgBI); pngcrush -revert-iphone-optimizations");
    assertUnusable(
        "\u00EF\u00BB\u00BF<?xml version='1.0'?>\n<html>".getBytes(StandardCharsets.ISO_8859_1),
        "is a web page");
  }

  @Test
  void whatIsNoPictureIsCalledByItsName() throws IOException {
    assertUnusable(
        join(new byte[4], "ftypavif".getBytes(StandardCharsets.US_ASCII), new byte[9]),
        "is AVIF, which is not read; convert it");
    assertUnusable(
        join(new byte[4], "ftypheic".getBytes(StandardCharsets.US_ASCII), new byte[9]),
        "is HEIC, which");
    assertUnusable(bytes(0xFF, 0x0A, 1, 2, 3), "is JPEG XL, which");
    assertUnusable(
        "version https://git-lfs.github.com/spec/v1\noid sha256:1"
            .getBytes(StandardCharsets.US_ASCII),
        "'git lfs pull'");
    assertUnusable("\n<!DOCTYPE html><p>404".getBytes(StandardCharsets.US_ASCII), "is a web page");
    assertUnusable("../plain/red.png".getBytes(StandardCharsets.US_ASCII), "is no PNG, JPEG");
  }

  private void assertUnusable(byte[] file, String reason) {
    assertThatThrownBy(() -> decode(file))
        .isInstanceOf(PictureDecoder.Unusable.class)
        .hasMessageContaining(reason);
  }
}
