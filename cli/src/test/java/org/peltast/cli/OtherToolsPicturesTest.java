package org.peltast.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.zip.CRC32;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.runs.Provenance;
import org.peltast.testing.TinyModel;

/**
 * Folders of pictures and lists of prompts as other people's tools write them, through the
 * commands. That a picture and its caption were read rightly the checksum in {@code
 * provenance.json} tells: it is that of the same names, captions and pixels written plainly.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class OtherToolsPicturesTest {
  private static final String WARM = "a warm square";
  private static final String COLD = "a cold square";

  private Path root = Path.of("");
  private Path teacher = Path.of("");
  private int cases;
  private Learnt plain = new Learnt(ExitCode.FAILED, "", "");
  private String plainList = "";

  /** What a command said, and the checksum of what it learnt from. */
  private record Learnt(int code, String said, String checksum) {}

  @BeforeAll
  void aSoundTeacher(@TempDir Path temporary) throws IOException {
    root = temporary;
    teacher = root.resolve("teacher");
    TinyModel.write(teacher);
    System.setProperty("peltast.home", home().toString());
    System.setProperty("peltast.cache", root.resolve("cache").toString());
    // What other folders are to be like: two pictures with captions beside them, and in a list.
    plain = learn(plain());
    plainList =
        learn(listed("metadata.jsonl", line("warm.png", WARM), line("cold.png", COLD))).checksum();
  }

  @AfterAll
  void noHome() {
    System.clearProperty("peltast.home");
    System.clearProperty("peltast.cache");
  }

  // ------------------------------------------------------------------ what lies beside pictures

  @Test
  void whatSystemsLeaveBehindIsPassedOver() throws IOException {
    Path folder = plain();
    for (String left :
        List.of(
            ".DS_Store",
            "._warm.png",
            "._warm.txt",
            ".hidden.png",
            "Thumbs.db",
            "desktop.ini",
            "Desktop.ini",
            "__MACOSX/._warm.png",
            ".cache/huggingface/download/warm.png",
            ".ipynb_checkpoints/warm-checkpoint.png",
            ".git/HEAD",
            "@eaDir/warm.png",
            "$RECYCLE.BIN/desktop.ini")) {
      Files.createDirectories(folder.resolve(left).getParent());
      Files.writeString(folder.resolve(left), "left behind");
    }
    assertSame(learn(folder), plain);
  }

  @Test
  void linksAreFollowedAndNoneTwice() throws IOException {
    Path real = plain();
    String checksum = plain.checksum();
    Path link = Files.createSymbolicLink(root.resolve("link-" + cases++), real);
    assertThat(learn(link).checksum()).isEqualTo(checksum);

    Path files = empty();
    for (String name : List.of("warm.png", "warm.txt", "cold.png", "cold.txt")) {
      Files.createSymbolicLink(files.resolve(name), real.resolve(name));
    }
    assertThat(learn(files).checksum()).isEqualTo(checksum);

    // A folder in folders, one of them a link, with two ways back up.
    Path there = Files.createDirectories(empty().resolve("sub/deeper"));
    copyPlain(there);
    Path above = there.getParent();
    Path linked = empty();
    Files.createSymbolicLink(linked.resolve("sub"), above);
    Files.createSymbolicLink(there.resolve("up"), above);
    Files.createSymbolicLink(there.resolve("round"), linked);
    assertSame(learn(linked), learn(above.getParent()));

    // A second way to the same pictures gives them no second time, and is told.
    Path twice = empty();
    copyPlain(Files.createDirectory(twice.resolve("a")));
    Path once = empty();
    copyPlain(Files.createDirectory(once.resolve("a")));
    Files.createSymbolicLink(twice.resolve("b"), twice.resolve("a"));
    Learnt learnt = learn(twice);
    assertThat(learnt.checksum()).isEqualTo(learn(once).checksum());
    assertThat(learnt.said())
        .contains("The link b leads to a folder that is read under another name");
    Path lost = plain();
    Files.createSymbolicLink(lost.resolve("lost.png"), root.resolve("nowhere"));
    Files.writeString(lost.resolve("lost.txt"), "gone");
    assertThat(learn(lost).said())
        .contains("1 of 3 pictures", "lost.png is a link that leads nowhere");
  }

  @Test
  void everyOtherEndingIsCountedAndNamedOnce() throws IOException {
    Path folder = plain();
    for (String name : List.of("a.avif", "b.AVIF", "c.heic", "d.jxl", "e.json", "f.npz", "notes")) {
      Files.writeString(folder.resolve(name), "anything");
    }
    Files.writeString(folder.resolve("a.txt"), "a caption of a picture that is not read");
    Files.writeString(folder.resolve("readme.md"), "words");
    Learnt learnt = learn(folder);
    assertThat(learnt.code()).as(learnt.said()).isZero();
    assertThat(learnt.checksum()).isEqualTo(plain.checksum());
    assertThat(learnt.said())
        .containsOnlyOnce(
            "2 pictures ending in .avif are left out, for AVIF is not read: a.avif, b.AVIF; convert them to PNG or JPEG.")
        .containsOnlyOnce("1 picture ending in .heic is left out, for HEIC is not read: c.heic;")
        .containsOnlyOnce("1 picture ending in .jxl is left out, for JPEG XL is not read: d.jxl;")
        .containsOnlyOnce("1 file ending in .json is not read: e.json.")
        .containsOnlyOnce("1 file ending in .npz is not read: f.npz.")
        .containsOnlyOnce("1 file ending in .md is not read: readme.md.")
        .containsOnlyOnce("1 file without an ending is not read: notes.")
        .doesNotContain("a.txt");

    Path none = empty();
    Files.writeString(none.resolve("a.heic"), "anything");
    learnt = learn(none);
    assertThat(learnt.code()).isEqualTo(ExitCode.USAGE);
    assertThat(learnt.said()).contains("has no picture", "HEIC is not read: a.heic");
  }

  @Test
  void everyEndingOfPicturesAndCaptionsIsRead() throws IOException {
    List<String> endings =
        List.of(
            "png", "PNG", "apng", "jpg", "JPG", "jpeg", "jpe", "jfif", "webp", "gif", "bmp", "dib",
            "tif", "TIFF");
    List<String> captions = List.of("txt", "TXT", "Txt", "caption", "CAPTION", "md", "text");
    Path folder = empty();
    Path plain = empty();
    for (int i = 0; i < endings.size(); i++) {
      String name = "p" + i + "." + endings.get(i);
      String kind = endings.get(i).toLowerCase(java.util.Locale.ROOT);
      BufferedImage picture = flat(0x102030 * (i + 1));
      // The content decides, so that a lossless kind may lie under the name of any.
      boolean own = List.of("gif", "bmp", "dib", "tif", "tiff").contains(kind);
      String format =
          kind.equals("dib") ? "bmp" : kind.startsWith("tif") ? "tiff" : own ? kind : "png";
      Files.write(folder.resolve(name), HostilePictures.encoded(picture, format));
      Files.write(plain.resolve(name), HostilePictures.encoded(picture, "png"));
      String ending = captions.get(i % captions.size());
      String caption = i % 2 == 0 ? "p" + i + "." + ending : name + "." + ending;
      Files.writeString(folder.resolve(caption), "number " + i);
      Files.writeString(plain.resolve("p" + i + ".txt"), "number " + i);
    }
    assertSame(learn(folder), learn(plain));
  }

  // ------------------------------------------------------------------ pictures

  @Test
  void harmlessOdditiesCostNoPicture() throws IOException {
    byte[] png = warm();
    byte[] jpeg = HostilePictures.encoded(flat(0x4080C0), "jpg");
    int end = jpeg.length - 2;
    List<byte[]> odd =
        List.of(
            insert(jpeg, 2, new byte[] {-1, -1, -1}),
            insert(jpeg, end, new byte[] {0x12, 0x34}),
            Arrays.copyOf(jpeg, end),
            Arrays.copyOf(jpeg, jpeg.length + 500),
            insert(jpeg, 2, segment(0xE1, "Exif\0\0MM\0*\0\0\0\u0008\0")),
            insert(jpeg, 20, segment(0xE0, "JFIF\0\1\1\0\0\1\0\1PPcut")),
            insert(jpeg, 20, segment(0xE2, "ICC_PROFILE\0\1\1no profile")),
            insert(jpeg, 20, segment(0xFE, "\u00FF\0a comment")),
            insert(png, 33, chunk("tEXt", "no keyword", true)),
            insert(png, 33, chunk("zTXt", "Comment\0\0not compressed", true)),
            insert(png, 33, chunk("iTXt", "cut\0\1", true)),
            insert(png, 33, chunk("iCCP", "icc\0\0no profile", true)),
            insert(png, 33, chunk("gAMA", "\0\0", true)),
            insert(png, 33, chunk("cHRM", "\0", false)),
            insert(png, 33, chunk("tEXt", "Title\0its checksum is wrong", false)),
            insert(png, png.length - 12, chunk("iCCP", "late\0\0after the picture", true)),
            insert(png, 33, chunk("prVt", "a chunk of somebody's own", true)),
            Arrays.copyOf(png, png.length - 12),
            Arrays.copyOf(png, png.length + 100));
    Path folder = empty();
    Path plain = empty();
    for (int i = 0; i < odd.size(); i++) {
      // A number of its own as a name: the content says which kind it is.
      put(folder, i + ".png", odd.get(i), "number " + i);
      put(plain, i + ".png", odd.get(i)[0] == (byte) 0xFF ? jpeg : png, "number " + i);
    }
    assertSame(learn(folder), learn(plain));

    byte[] busy = HostilePictures.encoded(noise(), "jpg");
    put(folder, "cut.jpg", Arrays.copyOf(busy, busy.length * 2 / 3), "cut");
    byte[] wrong = png.clone();
    wrong[wrong.length - 13] ^= 1; // of the picture's own data
    put(folder, "wrong.png", wrong, "wrong");
    Learnt learnt = learn(folder);
    assertThat(learnt.code()).isZero();
    assertThat(learnt.said())
        .contains(
            "2 of " + (odd.size() + 2) + " pictures cannot be used",
            "The picture cut.jpg is cut short or corrupt.",
            "The picture wrong.png cannot be decoded: the checksum of its IDAT chunk is wrong.");
  }

  @Test
  void everyOrientationIsUndoneInEveryKind() throws IOException {
    Path folder = empty();
    Path plain = empty();
    BufferedImage stored = flat(0);
    for (int i = 0; i < EDGE * EDGE; i++) {
      stored.setRGB(i % EDGE, i / EDGE, i * 0x000401 + (i % EDGE) * 0x080000);
    }
    byte[] png = HostilePictures.encoded(stored, "png");
    for (int orientation = 1; orientation <= 8; orientation++) {
      for (boolean little : new boolean[] {false, true}) {
        String name = "png-" + orientation + little + ".png";
        String exif =
            little
                ? "II*\0\u0008\0\0\0\1\0\u0012\1\3\0\1\0\0\0"
                    + (char) orientation
                    + "\0\0\0\0\0\0\0"
                : "MM\0*\0\0\0\u0008\0\1\1\u0012\0\3\0\0\0\1\0"
                    + (char) orientation
                    + "\0\0\0\0\0\0";
        put(folder, name, insert(png, 33, chunk("eXIf", exif, true)), name);
        put(plain, name, HostilePictures.encoded(upright(stored, orientation), "png"), name);
        // The same in a JPEG: a file of one colour above and another below, which it keeps.
        name = "jpeg-" + orientation + little + ".jpg";
        byte[] halves = HostilePictures.encoded(halves(), "jpg");
        put(folder, name, insert(halves, 2, segment(0xE1, "Exif\0\0" + exif)), name);
        BufferedImage decoded =
            javax.imageio.ImageIO.read(new java.io.ByteArrayInputStream(halves));
        put(plain, name, HostilePictures.encoded(upright(decoded, orientation), "png"), name);
      }
    }
    // Lossless WebP of 4 × 2 pixels, turned by 6.
    put(folder, "webp.webp", Base64.getDecoder().decode(TURNED_WEBP), "webp");
    BufferedImage turned = new BufferedImage(2, 4, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < 8; i++) {
      int rgb = (i * 40 & 255) << 16 | (i * 70 + 20 & 255) << 8 | i * 25 + 90 & 255;
      turned.setRGB(1 - i / 4, i % 4, rgb);
    }
    put(plain, "webp.webp", HostilePictures.encoded(turned, "png"), "webp");
    assertSame(learn(folder), learn(plain));
  }

  /** Tools that make animations smaller cut the first frame to what is not clear. */
  @Test
  void aFrameOfAnAnimationLiesOnItsCanvas() throws IOException {
    byte[] gif = HostilePictures.encoded(flat(0xE06020), "gif");
    int frame = 13;
    while (gif[frame] != 0x2C || gif[frame + 1] != 0 || gif[frame + 5] != EDGE) {
      frame++;
    }
    gif[6] = 2 * EDGE;
    gif[8] = 2 * EDGE;
    gif[frame + 1] = 4;
    gif[frame + 3] = 8;
    Path folder = empty();
    put(folder, "a.gif", gif, WARM);
    BufferedImage canvas = new BufferedImage(32, 32, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < 32 * 32; i++) {
      int x = i % 32 - 4;
      int y = i / 32 - 8;
      boolean inside = x >= 0 && x < EDGE && y >= 0 && y < EDGE;
      canvas.setRGB(i % 32, i / 32, inside ? 0xE06020 : 0xFFFFFF);
    }
    Path plain = empty();
    put(plain, "a.gif", HostilePictures.encoded(canvas, "png"), WARM);
    assertSame(learn(folder), learn(plain));
  }

  /** A decoder that fills up what is missing must not be believed, nor its words be passed on. */
  @Test
  void whatIsCutOrOfAnUnreadKindIsNamed() throws IOException {
    Path folder = plain();
    byte[] webp = Base64.getDecoder().decode(TURNED_WEBP);
    put(folder, "cut.webp", Arrays.copyOf(webp, 60), "cut");
    byte[] jpeg = HostilePictures.encoded(halves(), "jpg");
    int frame = 2;
    while ((jpeg[frame + 1] & 255) != 0xC0) {
      frame += 2 + ((jpeg[frame + 2] & 255) << 8 | jpeg[frame + 3] & 255);
    }
    jpeg[frame + 4] = 12;
    put(folder, "deep.jpg", jpeg, "deep");
    String iphone = "\u0000\u0000\u0000\u0004CgBI\u0050\u0000\u0020\u0002\u0000\u0000\u0000\u0000";
    put(folder, "iphone.png", insert(warm(), 8, iphone.getBytes(ISO_8859_1)), "iphone");
    put(folder, "page.jpg", "\uFEFF<?xml version='1.0'?>\n<html>".getBytes(UTF_8), "page");
    Learnt learnt = learn(folder);
    assertThat(learnt.code()).as(learnt.said()).isZero();
    assertThat(learnt.said())
        .contains(
            "4 of 6 pictures cannot be used",
            "cut.webp is cut short.",
            "deep.jpg is a JPEG file of 12 bits a channel, which is not read; convert it to PNG",
            "iphone.png cannot be decoded: it is in Apple's own form of PNG (CgBI); pngcrush",
            "page.jpg is a web page, not a picture");
  }

  private static final String TURNED_WEBP =
      "UklGRnIAAABXRUJQVlA4WAoAAAAIAAAAAwAAAQAAVlA4TDEAAAAvA0AAAD8gFEAsQsqfqBWEQCDRCGF/qjHEgmnoHkJYzX9GnmUQCqCxGUcssRTR/7ABAEVYSUYaAAAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAA=";

  @Test
  void contentDecidesAndNoDate() throws IOException {
    Path folder = plain();
    FileTime date = FileTime.fromMillis(1_600_000_000_000L);
    Path picture = folder.resolve("warm.png");
    Files.write(picture, Arrays.copyOf(warm(), 500));
    Files.setLastModifiedTime(picture, date);
    Path run = root.resolve("run-" + cases++);
    Learnt before = learn(folder, run);
    Files.write(picture, Arrays.copyOf(cold(), 500));
    Files.setLastModifiedTime(picture, date);
    assertThat(learn(folder).checksum()).isNotEqualTo(before.checksum());
    // The run that began with the other picture does not go on with this one.
    Learnt again = learn(folder, run);
    assertThat(again.code()).isEqualTo(ExitCode.USAGE);
    assertThat(again.said()).contains("what it reads has changed since it began");
    Files.write(picture, Arrays.copyOf(warm(), 500));
    assertThat(learn(folder).checksum()).isEqualTo(before.checksum());
  }

  @Test
  void besideIdenticalPicturesEvaluateLeavesDiversityOut() throws IOException {
    Path folder = empty();
    Path different = empty();
    for (int i = 0; i < 4; i++) {
      put(folder, i + ".png", warm(), WARM); // one caption, of which there would be a diversity
      put(different, i + ".png", HostilePictures.encoded(flat(0x3F2F1F * i), "png"), WARM);
    }
    Learnt alike = evaluate(folder);
    assertThat(alike.code()).as(alike.said()).isZero();
    assertThat(alike.said())
        .contains(
            "The real pictures that are measured all look the same to the judge: diversity",
            "is left out.")
        .doesNotContainPattern("(?m)^diversity")
        .doesNotContain("NaN", "Infinity", "-0.000");
    assertThat(evaluate(different).said()).containsPattern("(?m)^diversity +[0-9.]+");
    Path turns = empty(); // as a before and an after of each
    for (int i = 0; i < 8; i++) {
      put(turns, i + ".png", HostilePictures.encoded(flat(0xFFFFFF * (i % 2)), "png"), WARM);
    }
    assertThat(evaluate(turns).said())
        .doesNotContain("look the same")
        .containsPattern("(?m)^diversity +[0-9.]+");
    Path one = empty();
    put(one, "a.png", warm(), WARM);
    alike = evaluate(one);
    assertThat(alike.code()).isEqualTo(ExitCode.USAGE);
    assertThat(alike.said()).contains("measuring needs four or more");
  }

  private Learnt evaluate(Path pictures) throws IOException {
    return run(("evaluate --steps 1 --guidance 1 --prompts 4 --images " + pictures).split(" "));
  }

  // ------------------------------------------------------------------ metadata

  @Test
  void metadataIsReadAsEachToolWritesIt() throws IOException {
    List<Path> folders =
        List.of(
            listed(
                "metadata.jsonl",
                "\uFEFF" + line("warm.png", WARM) + "\r",
                line("cold.png", COLD) + "\r"),
            listed(
                "metadata.jsonl",
                "{\"image\": \"warm.png\", \"prompt\": \"" + WARM + "\"}",
                "{\"image\": \"cold.png\", \"caption\": \"" + COLD + "\"}"),
            listed(
                "metadata.jsonl",
                "{\"image\": {\"path\": \"warm.png\", \"bytes\": null}, \"text\": [\""
                    + WARM
                    + "\"]}",
                line("cold.png", COLD)),
            listed(
                "metadata.jsonl",
                "{\"file_name\": \"./warm.png\", \"text\": \""
                    + WARM
                    + "\", \"score\": NaN, \"width\": 3}",
                line("cold.png", COLD)),
            listed(
                "metadata.jsonl", "[" + line("warm.png", WARM) + ",", line("cold.png", COLD) + "]"),
            listed(
                "metadata.jsonl",
                line("warm.png", WARM).replace(",", ",\n"),
                line("cold.png", COLD)),
            listed("metadata.jsonl", line("WARM.PNG", WARM), line("cold.png", COLD)),
            listed("metadata.csv", "file_name,text", "warm.png," + WARM, "cold.png," + COLD),
            listed(
                "metadata.csv",
                "\uFEFFid;caption;image\r",
                "1;\"" + WARM + "\";warm.png\r",
                "2;" + COLD + ";cold.png\r"),
            listed("metadata.csv", "file_name\tprompt", "warm.png\t" + WARM, "cold.png\t" + COLD),
            // Excel's first line, a comma in a column's name, and a row without its last cell.
            listed(
                "metadata.csv",
                "sep=;\r",
                "file_name;text;tags, all\r",
                "warm.png;" + WARM + ";x\r",
                "cold.png;" + COLD + "\r"),
            listed(
                "metadata.jsonl",
                line("warm.png", WARM).replace("}", ", \"id\": " + "9".repeat(3000) + "}"),
                line("cold.png", COLD).replace("\"text\"", "\"text\": NaN, \"caption\"")));
    for (Path folder : folders) {
      Learnt learnt = learn(folder);
      assertThat(learnt.code()).as(learnt.said()).isZero();
      assertThat(learnt.checksum()).as(learnt.said()).isEqualTo(plainList);
      assertThat(learnt.said()).doesNotContain("left out", "not read");
    }
    Path absolute = listed("metadata.jsonl", "", line("cold.png", COLD));
    Files.writeString(
        absolute.resolve("metadata.jsonl"),
        line(absolute.resolve("warm.png").toString(), WARM) + "\n" + line("cold.png", COLD));
    assertThat(learn(absolute).checksum()).isEqualTo(plainList);
    Path wide = listed("metadata.jsonl", "");
    Files.write(
        wide.resolve("metadata.jsonl"),
        ("\uFEFF" + line("warm.png", WARM) + "\r\n" + line("cold.png", COLD))
            .getBytes(StandardCharsets.UTF_16LE));
    assertThat(learn(wide).checksum()).isEqualTo(plainList);
    for (String charset : List.of("UTF-16LE", "UTF-16BE", "UTF-32")) { // no mark of their own
      Files.write(
          wide.resolve("metadata.jsonl"),
          ((charset.equals("UTF-32") ? "\uFEFF" : "")
                  + line("warm.png", WARM)
                  + "\n"
                  + line("cold.png", COLD))
              .getBytes(charset));
      assertThat(learn(wide).checksum()).as(charset).isEqualTo(plainList);
    }
    Path numbers =
        listed(
            "metadata.jsonl",
            "{\"file_name\": \"warm.png\", \"text\": 42}",
            line("cold.png", COLD));
    assertThat(learn(numbers).checksum())
        .isEqualTo(
            learn(listed("metadata.jsonl", line("warm.png", "42"), line("cold.png", COLD)))
                .checksum());
    Path embedded =
        listed("metadata.jsonl", "{\"image\": {\"bytes\": \"aGk=\"}, \"text\": \"" + WARM + "\"}");
    assertThat(learn(embedded).said())
        .contains("holds the picture itself under \"image\"; write it to a file");
    Path csv =
        listed(
            "metadata.csv",
            "file_name,text",
            "warm.png,\"warm, \"\"red\"\" and\nsquare\"",
            "cold.png," + COLD);
    assertThat(learn(csv).checksum())
        .isEqualTo(
            learn(
                    listed(
                        "metadata.jsonl",
                        line("warm.png", "warm, \\\"red\\\" and square"),
                        line("cold.png", COLD)))
                .checksum());
  }

  @Test
  void theKeyOfCaptionsCanBeNamed() throws IOException {
    Path own =
        listed(
            "metadata.jsonl",
            line("warm.png", WARM).replace("text", "Beschreibung"),
            line("cold.png", COLD).replace("text", "Beschreibung"));
    Learnt learnt = learn(own);
    assertThat(learnt.code()).isEqualTo(ExitCode.USAGE);
    assertThat(learnt.said())
        .contains(
            "lacks \"text\" or \"caption\" or \"prompt\"",
            "it has \"file_name\", \"Beschreibung\"",
            "--set data.captionKey=");
    Path run = root.resolve("run-" + cases++);
    assertThat(learn(own, run, "--set", "data.captionKey=Beschreibung").checksum())
        .isEqualTo(plainList);
    // A usual key is passed over for the one that is named.
    Path both =
        listed(
            "metadata.jsonl",
            line("warm.png", "x").replace("}", ", \"long\": \"" + WARM + "\"}"),
            line("cold.png", "x").replace("}", ", \"long\": \"" + COLD + "\"}"));
    run = root.resolve("run-" + cases++);
    assertThat(learn(both, run, "--set", "data.captionKey=long").checksum()).isEqualTo(plainList);
  }

  @Test
  void namesAreFoundAsOtherSystemsSpellThem() throws IOException {
    assumeTrue(System.getProperty("sun.jnu.encoding").equalsIgnoreCase("UTF-8"));
    String composed = Normalizer.normalize("grün é.png", Normalizer.Form.NFC);
    String decomposed = Normalizer.normalize("grün é.png", Normalizer.Form.NFD);
    Path folder = empty();
    Files.createDirectory(folder.resolve("sub"));
    put(folder, "sub/" + composed, warm(), null);
    put(folder, "sub/cold.png", cold(), null);
    write(folder, "metadata.jsonl", line("sub/" + composed, WARM), line("sub/cold.png", COLD));
    String plain = learn(folder).checksum();
    for (String name :
        List.of("sub\\\\" + composed, "sub/" + decomposed, ".\\\\sub\\\\" + decomposed)) {
      write(folder, "metadata.jsonl", line(name, WARM), line("SUB\\\\Cold.PNG", COLD));
      Learnt learnt = learn(folder);
      assertThat(learnt.checksum()).as(learnt.said()).isEqualTo(plain);
    }
    write(folder, "metadata.jsonl", line("..\\\\sub\\\\cold.png", COLD));
    assertThat(learn(folder).said()).contains("which is not in the folder");
    write(folder, "metadata.jsonl", line("C:\\\\data\\\\cold.png", COLD));
    assertThat(learn(folder).said()).contains("which is not in the folder");

    // Beside pictures too; and a name may be as long as any.
    Path beside = empty();
    put(beside, composed, warm(), null);
    Files.writeString(beside.resolve(decomposed.replace(".png", ".txt")), WARM);
    String longest = "ä".repeat(125) + "x";
    put(beside, longest + ".png", cold(), COLD);
    assertThat((longest + ".png").getBytes(UTF_8)).hasSize(255);
    Learnt learnt = learn(beside);
    assertThat(learnt.code()).as(learnt.said()).isZero();
    assertThat(learnt.said()).doesNotContain("left out", "not read");
    write(
        beside,
        "metadata.jsonl",
        line(longest + ".png", COLD),
        line("y".repeat(300) + ".png", WARM));
    assertThat(learn(beside).said()).contains("1 of 2 pictures", "yyy.png does not exist");
  }

  @Test
  void splitsHaveListsOfTheirOwn() throws IOException {
    Path folder = empty();
    for (String split : List.of("train", "test")) {
      Path in = Files.createDirectory(folder.resolve(split));
      put(in, "a.png", split.equals("train") ? warm() : cold(), null);
      write(in, "metadata.jsonl", line("a.png", split.equals("train") ? WARM : COLD));
    }
    Path plain = empty();
    put(plain, "train/a.png", warm(), WARM);
    put(plain, "test/a.png", cold(), COLD);
    Learnt learnt = learn(folder);
    assertThat(learnt.checksum()).as(learnt.said()).isEqualTo(learn(plain).checksum());
    assertThat(learnt.said())
        .contains("The pictures of all splits are taken (test, train); name the folder train");
    for (String split : List.of("train", "test")) {
      write(
          folder.resolve(split),
          "metadata.jsonl",
          line(split + "/a.png", split.equals("train") ? WARM : COLD));
    }
    assertThat(learn(folder).checksum()).as("named from the top").isEqualTo(learnt.checksum());
    for (String split : List.of("train", "test")) {
      write(
          folder.resolve(split),
          "metadata.jsonl",
          line("a.png", split.equals("train") ? WARM : COLD));
    }
    Path alone = empty();
    put(alone, "a.png", warm(), WARM);
    assertThat(learn(folder.resolve("train")).checksum()).isEqualTo(learn(alone).checksum());
  }

  @Test
  void listsOfCaptionsAreTakenAndNothingIsDroppedSilently() throws IOException {
    Path folder =
        listed(
            "metadata.jsonl",
            "{\"file_name\": \"warm.png\", \"text\": [\"" + WARM + "\", null, \"warmth\", \"\"]}",
            "{\"file_name\": \"cold.png\", \"text\": null}",
            "{\"file_name\": \"grey.png\"}",
            "{\"file_name\": \"empty.png\", \"text\": []}",
            "{\"file_name\": \"blank.png\", \"text\": \" \"}");
    for (String name : List.of("grey.png", "empty.png", "blank.png", "unlisted.png")) {
      put(folder, name, cold(), null);
    }
    Learnt learnt = learn(folder);
    assertThat(learnt.code()).as(learnt.said()).isZero();
    assertThat(learnt.said())
        .contains(
            "4 of 5 pictures cannot be used",
            "1 picture is not listed in metadata.jsonl and left out: unlisted.png.")
        .containsPattern(
            "cold.png has no caption: in line 2 of .*metadata.jsonl it is null or missing")
        .containsPattern("grey.png has no caption: in line 3 of")
        .containsPattern("empty.png has no caption: in line 4 of")
        .contains("blank.png has an empty caption");
    String two = learnt.checksum();
    write(folder, "metadata.jsonl", line("warm.png", WARM));
    assertThat(learn(folder).checksum()).isNotEqualTo(two);

    Path repeats = empty();
    put(repeats, "10_red square/a.png", warm(), WARM);
    assertThat(learn(repeats).said())
        .contains("The number before a folder's name (10_red square) repeats nothing here");
    Path parquet = empty();
    put(parquet, "a.png", warm(), null);
    Files.writeString(parquet.resolve("metadata.parquet"), "PAR1");
    assertThat(learn(parquet).said())
        .contains(
            "there is no a.txt, and metadata.parquet is not read: if it lists captions, save it as metadata.jsonl");
    Path other = empty();
    put(other, "a.png", warm(), null);
    Files.writeString(other.resolve("train.jsonl"), line("a.png", WARM));
    assertThat(learn(other).said()).contains("and train.jsonl is not read: if it lists captions");
  }

  // ------------------------------------------------------------------ a system that spells no
  // umlaut

  @Test
  void withoutUtf8EachNameIsFoundOrTheMendIsSaid() throws Exception {
    assumeTrue(System.getProperty("sun.jnu.encoding").equalsIgnoreCase("UTF-8"));
    Path folder = empty();
    put(folder, "grün.png", warm(), WARM);
    put(folder, "straße.png", cold(), COLD);
    Path twins = empty();
    put(twins, "a.png", cold(), COLD);
    put(twins, "grün.png", warm(), WARM);
    put(twins, "grön.png", cold(), COLD);
    Path listed = empty();
    put(listed, "grün.png", warm(), null);
    put(listed, "a.png", cold(), null);
    write(listed, "metadata.jsonl", line("grün.png", WARM), line("a.png", COLD));

    Child child =
        new Child(Files.createDirectory(root.resolve("posix")))
            .with(List.of(), Map.of("LC_ALL", "POSIX"));
    List<String> said = new ArrayList<>();
    for (Path pictures : List.of(folder, twins, listed)) {
      String[] typed =
          child.tinyTeacher(
              root.resolve("run-" + cases++),
              "data.images=" + pictures,
              "run.updates=1",
              "run.looksEvery=0");
      int code = child.run(typed);
      assertThat(code).as(child.said()).isZero();
      said.add(child.said());
    }
    assertThat(said.get(0)).doesNotContain("left out", "cannot be used");
    assertThat(said.get(1)).contains("2 of 3 pictures cannot be used", "set LC_ALL=C.UTF-8");
    assertThat(said.get(2)).contains("1 of 2 pictures cannot be used", "set LC_ALL=C.UTF-8");
  }

  // ------------------------------------------------------------------ prompts

  @Test
  void promptsAreReadAsEachToolWritesThem() throws IOException {
    byte[] two = drawn("p.txt", "a red owl\na boat\n".getBytes(UTF_8), "2 pictures");
    byte[] one = drawn("p.txt", "a red owl\n".getBytes(UTF_8), "1 picture");
    for (String text :
        List.of(
            "\uFEFFa red owl\r\n\r\na boat\r\n",
            "a red owl\ra boat",
            "a red owl --w 64 --h 64 --d 7 --s 4 --n ugly\na boat\n# a comment\n")) {
      assertThat(drawn("p.txt", text.getBytes(UTF_8), "2 pictures")).isEqualTo(two);
    }
    assertThat(
            drawn(
                "p.txt",
                "\uFEFFa red owl\r\na boat\r\n".getBytes(StandardCharsets.UTF_16LE),
                "2 pictures"))
        .isEqualTo(two);
    assertThat(
            drawn(
                "p.txt",
                "\uFEFFa red owl\na boat".getBytes(StandardCharsets.UTF_16BE),
                "2 pictures"))
        .isEqualTo(two);
    assertThat(
            drawn("p.txt", "a red owl\na boat".getBytes(StandardCharsets.UTF_16LE), "2 pictures"))
        .isEqualTo(two);
    assertThat(
            drawn(
                "p.txt",
                "\uFEFFa red owl\na boat".getBytes(Charset.forName("UTF-32LE")),
                "2 pictures"))
        .isEqualTo(two);
    for (String text :
        List.of(
            "{\"prompt\": \"a red owl\"}\n{\"text\": \"a boat\"}\n",
            "[\n {\n  \"prompt\": \"a red owl\"\n },\n {\n  \"prompt\": \"a boat\"\n }\n]\n",
            "{\n \"prompt\": \"a red owl\"\n}\n{\n \"prompt\": \"a boat\"\n}\n",
            "[\"a red owl\", \"a boat\"]",
            "\"a red owl\"\n\"a boat\"\n",
            "{\"prompt\": [\"a red owl\", \"a boat\"], \"score\": NaN}",
            "{\"prompt\": \"a red owl\", \"score\": -Infinity}\n{\"prompt\": null}\n{\"caption\": \"a boat\"}\n")) {
      assertThat(drawn("p.jsonl", text.getBytes(UTF_8), "2 pictures")).as(text).isEqualTo(two);
    }
    assertThat(drawn("p.jsonl", "[\"a red owl\"]".getBytes(UTF_8), "1 picture")).isEqualTo(one);

    assertThat(said("p.txt", "a red owl --w 64 --n ugly\n# a comment\n"))
        .contains("1 line of p.txt begins with # and is taken for comments.")
        .contains(
            "1 prompt of p.txt ends in options of other tools (--n, --w), which are taken off and not followed; say --size, --seed");
    assertThat(said("p.jsonl", "{\"prompt\": \"a\"}\n{\"prompt\": null}\n{\"prompt\": \" \"}\n"))
        .contains(
            "2 prompts of p.jsonl are null or empty and passed over, the first at: Line 2 of p.jsonl.");
    assertThat(said("argfile", "--seed 99\n")).contains("argfile must be a .txt file");
    assertThat(said("p.jsonl", "{\"prompt\": null}\n"))
        .contains("There is no prompt in prompts p.jsonl: 1 prompt");
  }

  /** A prompt may begin with an @, whether or not there is a file of the name. */
  @Test
  void noFileReplacesAPrompt() throws IOException {
    Path folder = empty();
    Path file = folder.resolve("arguments");
    byte[][] drawn = new byte[2][];
    for (int i = 0; i < 2; i++) {
      Path out = folder.resolve(i + ".png");
      Learnt learnt =
          run(
              "generate",
              "--model",
              teacher.toString(),
              "--prompt",
              "@" + file,
              "--out",
              out.toString());
      assertThat(learnt.code()).as(learnt.said()).isZero();
      drawn[i] = Files.readAllBytes(out);
      Files.writeString(file, "owl --seed 99\n");
    }
    assertThat(drawn[1]).isEqualTo(drawn[0]);
  }

  private byte[] drawn(String name, byte[] list, String count) throws IOException {
    Path folder = empty();
    Files.write(folder.resolve(name), list);
    Learnt learnt = generate(folder, name);
    assertThat(learnt.code()).as(learnt.said()).isZero();
    assertThat(learnt.said()).contains(": " + count + ",");
    return Files.readAllBytes(folder.resolve("out.png"));
  }

  private String said(String name, String list) throws IOException {
    Path folder = empty();
    Files.writeString(folder.resolve(name), list);
    return generate(folder, name).said().replace(folder + "/", "");
  }

  private Learnt generate(Path folder, String list) throws IOException {
    return run(
        "generate",
        "--model",
        teacher.toString(),
        "--prompts",
        folder.resolve(list).toString(),
        "--out",
        folder.resolve("out.png").toString());
  }

  // ------------------------------------------------------------------ how a case is tried

  private static void assertSame(Learnt odd, Learnt plain) {
    assertThat(odd.code()).as(odd.said()).isZero();
    assertThat(plain.code()).as(plain.said()).isZero();
    assertThat(odd.said()).doesNotContain("left out", "not read", "cannot be");
    assertThat(odd.checksum()).as(odd.said()).isEqualTo(plain.checksum());
  }

  private Learnt learn(Path pictures) throws IOException {
    return learn(pictures, root.resolve("run-" + cases++));
  }

  private Learnt learn(Path pictures, Path run, String... more) throws IOException {
    List<String> typed =
        new ArrayList<>(
            List.of(
                ("train teacher --set data.size=16 --set model.codec=pixels --set model.patch=4"
                        + " --set model.dim=16 --set model.layers=1 --set model.heads=2"
                        + " --set model.axesDims=[4,2,2] --set precision=float32 --set run.updates=1"
                        + " --set run.batch=1 --set run.looksEvery=0 --set")
                    .split(" ")));
    typed.add("data.images=" + pictures);
    typed.addAll(List.of("--out", run.toString()));
    typed.addAll(List.of(more));
    return run(typed.toArray(String[]::new));
  }

  private Learnt run(String... typed) throws IOException {
    Typed answer = Typed.in(typed);
    int code = answer.code();
    String said = answer.out() + answer.err();
    assertThat(said).doesNotContain("Exception", "\tat ");
    int out = Arrays.asList(typed).indexOf("--out");
    Path provenance = Path.of(typed[out + 1]).resolve("provenance.json");
    if (code != ExitCode.OK || !Files.exists(provenance)) {
      return new Learnt(code, said, "");
    }
    return new Learnt(
        code,
        said,
        Provenance.fromJson(Files.readString(provenance)).inputs().entrySet().stream()
            .filter(input -> input.getKey().startsWith("images "))
            .map(Map.Entry::getValue)
            .collect(Collectors.joining(" ")));
  }

  // ------------------------------------------------------------------ files

  private static final int EDGE = 16;

  private Path empty() throws IOException {
    return Files.createDirectory(root.resolve("case-" + cases++));
  }

  private Path plain() throws IOException {
    Path folder = empty();
    copyPlain(folder);
    return folder;
  }

  private static void copyPlain(Path folder) throws IOException {
    put(folder, "warm.png", warm(), WARM);
    put(folder, "cold.png", cold(), COLD);
  }

  /** Two pictures and a list of them. */
  private Path listed(String list, String... lines) throws IOException {
    Path folder = empty();
    put(folder, "warm.png", warm(), null);
    put(folder, "cold.png", cold(), null);
    write(folder, list, lines);
    return folder;
  }

  private static void write(Path folder, String name, String... lines) throws IOException {
    Files.writeString(folder.resolve(name), String.join("\n", lines) + "\n");
  }

  /** The name and the caption as JSON spells them. */
  private static String line(String name, String caption) {
    return "{\"file_name\": \"%s\", \"text\": \"%s\"}".formatted(name, caption);
  }

  private static void put(Path folder, String name, byte[] picture, String caption)
      throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    Files.write(file, picture);
    if (caption != null) {
      String own = file.getFileName().toString();
      Files.writeString(
          file.resolveSibling(own.substring(0, own.lastIndexOf('.')) + ".txt"), caption + "\n");
    }
  }

  private static byte[] warm() throws IOException {
    return HostilePictures.encoded(flat(0xE06020), "png");
  }

  private static byte[] cold() throws IOException {
    return HostilePictures.encoded(flat(0x2060E0), "png");
  }

  private static BufferedImage flat(int rgb) {
    BufferedImage image = new BufferedImage(EDGE, EDGE, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < EDGE * EDGE; i++) {
      image.setRGB(i % EDGE, i / EDGE, rgb);
    }
    return image;
  }

  private static BufferedImage halves() {
    BufferedImage image = flat(0x3050F0);
    for (int i = 0; i < EDGE * EDGE / 2; i++) {
      image.setRGB(i % EDGE, i / EDGE, i % EDGE < EDGE / 2 ? 0xF0A020 : 0x108030);
    }
    return image;
  }

  private static BufferedImage noise() {
    BufferedImage image = new BufferedImage(64, 64, BufferedImage.TYPE_INT_RGB);
    java.util.Random random = new java.util.Random(1);
    for (int i = 0; i < 64 * 64; i++) {
      image.setRGB(i % 64, i / 64, random.nextInt());
    }
    return image;
  }

  /** A square picture as it is to be seen: EXIF's table. */
  private static BufferedImage upright(BufferedImage stored, int orientation) {
    BufferedImage seen = new BufferedImage(EDGE, EDGE, BufferedImage.TYPE_INT_RGB);
    int last = EDGE - 1;
    for (int y = 0; y < EDGE; y++) {
      for (int x = 0; x < EDGE; x++) {
        int[] to =
            switch (orientation) {
              case 2 -> new int[] {last - x, y};
              case 3 -> new int[] {last - x, last - y};
              case 4 -> new int[] {x, last - y};
              case 5 -> new int[] {y, x};
              case 6 -> new int[] {last - y, x};
              case 7 -> new int[] {last - y, last - x};
              case 8 -> new int[] {y, last - x};
              default -> new int[] {x, y};
            };
        seen.setRGB(to[0], to[1], stored.getRGB(x, y));
      }
    }
    return seen;
  }

  private static byte[] insert(byte[] into, int at, byte[] what) {
    byte[] all = Arrays.copyOf(into, into.length + what.length);
    System.arraycopy(what, 0, all, at, what.length);
    System.arraycopy(into, at, all, at + what.length, into.length - at);
    return all;
  }

  /** A segment of a JPEG file; Latin-1 for its bytes. */
  private static byte[] segment(int marker, String data) {
    return ByteBuffer.allocate(4 + data.length())
        .put((byte) 0xFF)
        .put((byte) marker)
        .putShort((short) (2 + data.length()))
        .put(data.getBytes(ISO_8859_1))
        .array();
  }

  /** A chunk of a PNG file, its checksum right or wrong. */
  private static byte[] chunk(String type, String data, boolean sound) {
    byte[] content = (type + data).getBytes(ISO_8859_1);
    CRC32 check = new CRC32();
    check.update(content);
    return ByteBuffer.allocate(8 + content.length)
        .putInt(data.length())
        .put(content)
        .putInt((int) check.getValue() ^ (sound ? 0 : 1))
        .array();
  }

  /** The clone: tests run in the module's folder. */
  private static Path home() {
    Path here = Path.of("").toAbsolutePath();
    return Files.exists(here.resolve("peltast")) ? here : here.getParent();
  }
}
