package org.peltast.pictures;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** The kinds of picture files: what is read, what is not, and how each is told. */
public final class PictureKinds {
  /** How many first bytes tell a kind. */
  static final int HEAD = 256;

  /** What is read, for messages. */
  public static final String READ = "PNG, JPEG, WebP, GIF, BMP or TIFF";

  /** The endings of pictures that are read, in lower case. A file's content says its kind. */
  public static final List<String> ENDINGS =
      List.of(
          "png", "apng", "jpg", "jpeg", "jpe", "jfif", "pjpeg", "pjp", "webp", "gif", "bmp", "dib",
          "tif", "tiff");

  /** Pictures that are not, by their endings. */
  private static final Map<String, String> OTHERS = others();

  private static final Set<String> AVIF = Set.of("avif", "avis");
  private static final Set<String> HEIF =
      Set.of("heic", "heix", "hevc", "hevx", "heim", "heis", "mif1", "msf1");

  private PictureKinds() {}

  private static Map<String, String> others() {
    Map<String, String> all = new LinkedHashMap<>();
    all.put("avif", "AVIF");
    all.put("avifs", "AVIF");
    all.put("heic", "HEIC");
    all.put("heif", "HEIF");
    all.put("hif", "HEIF");
    all.put("jxl", "JPEG XL");
    all.put("jp2", "JPEG 2000");
    all.put("j2k", "JPEG 2000");
    all.put("jpx", "JPEG 2000");
    all.put("svg", "SVG");
    all.put("psd", "PSD");
    all.put("tga", "TGA");
    all.put("ico", "ICO");
    all.put("ppm", "PPM");
    all.put("exr", "EXR");
    all.put("hdr", "HDR");
    all.put("dng", "a camera's raw data");
    all.put("cr2", "a camera's raw data");
    all.put("cr3", "a camera's raw data");
    all.put("nef", "a camera's raw data");
    all.put("arw", "a camera's raw data");
    return all;
  }

  /** Whether files with an ending are read as pictures. */
  public static boolean isRead(String ending) {
    return ENDINGS.contains(ending.toLowerCase(Locale.ROOT));
  }

  /** Whether an ending is one of pictures, of a kind that is not read. */
  public static boolean isOther(String ending) {
    return OTHERS.containsKey(ending.toLowerCase(Locale.ROOT));
  }

  /** The kind of pictures with such an ending. */
  public static String other(String ending) {
    return OTHERS.getOrDefault(ending.toLowerCase(Locale.ROOT), "." + ending);
  }

  /** What a file that no reader knows is by its first bytes, in words after "The picture X …". */
  static String whatItIs(byte[] head) {
    String text = new String(head, StandardCharsets.ISO_8859_1);
    String kind = kind(text);
    if (!kind.isEmpty()) {
      return "is " + kind + ", which is not read; convert it to PNG or JPEG";
    }
    if (text.startsWith("version https://git-lfs")) {
      return "is a pointer of Git LFS, not the picture; fetch it with 'git lfs pull'";
    }
    String lower = text.replace("\u00EF\u00BB\u00BF", "").strip().toLowerCase(Locale.ROOT);
    if (lower.startsWith("<") && (lower.contains("<!doctype html") || lower.contains("<html"))) {
      return "is a web page, not a picture; download it again";
    }
    return "is no " + READ + " picture";
  }

  private static String kind(String text) {
    if (text.startsWith("ftyp", 4) && text.length() >= 12) {
      String brand = text.substring(8, 12);
      return AVIF.contains(brand) ? "AVIF" : HEIF.contains(brand) ? "HEIC" : "";
    }
    if (text.startsWith("\u00FF\n") || text.startsWith("JXL ", 4)) {
      return "JPEG XL";
    }
    if (text.startsWith("jP  ", 4) || text.startsWith("\u00FFO\u00FFQ")) {
      return "JPEG 2000";
    }
    if (text.startsWith("8BPS")) {
      return "PSD";
    }
    return text.strip().startsWith("<svg") || text.contains("<svg ") ? "SVG" : "";
  }
}
