package org.peltast.report;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.InflaterInputStream;

/**
 * Texts under keywords in PNG files, as picture viewers show them: written as {@code iTXt} chunks
 * in UTF-8, read from these and from {@code tEXt} and {@code zTXt} (PNG specification, 11.3.3).
 */
public final class PngText {
  private static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

  /** Of a chunk's length, type and checksum. */
  private static final int AROUND = 12;

  private static final int MAX_KEYWORD = 79;

  /** More text than anybody puts into a picture. */
  private static final int MAX_TEXT = 1 << 24;

  private PngText() {}

  /** Whether a file is a PNG by its first bytes. */
  public static boolean isPng(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      return false;
    }
    try (var in = Files.newInputStream(file)) {
      return Arrays.equals(in.readNBytes(SIGNATURE.length), SIGNATURE);
    }
  }

  /**
   * Puts texts into a PNG file, in one step.
   *
   * @param texts by keyword, of 1 to 79 Latin characters
   * @throws IOException if it cannot be read or written, or is no PNG
   */
  public static void put(Path file, Map<String, String> texts) throws IOException {
    byte[] png = Files.readAllBytes(file);
    int header = SIGNATURE.length + AROUND + 13; // IHDR, which comes first
    if (png.length < header || !Arrays.equals(Arrays.copyOf(png, SIGNATURE.length), SIGNATURE)) {
      throw new IOException(file + " is no PNG file");
    }
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.write(png, 0, header);
    for (Map.Entry<String, String> text : texts.entrySet()) {
      all.write(chunk(text.getKey(), text.getValue()));
    }
    all.write(png, header, png.length - header);
    Path target = file.toAbsolutePath();
    Path draft = target.resolveSibling(".peltast-" + ProcessHandle.current().pid() + ".draft");
    try {
      Files.write(draft, all.toByteArray());
      Files.move(
          draft, target, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(draft);
    }
  }

  private static byte[] chunk(String keyword, String text) throws IOException {
    byte[] key = keyword.getBytes(StandardCharsets.ISO_8859_1);
    if (key.length < 1 || key.length > MAX_KEYWORD) {
      throw new IOException("a keyword in a PNG file has 1 to 79 characters, got " + keyword);
    }
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    body.writeBytes("iTXt".getBytes(StandardCharsets.ISO_8859_1));
    body.writeBytes(key);
    body.writeBytes(new byte[5]); // end of keyword; plain; no method; no language; no translation
    body.writeBytes(text.getBytes(StandardCharsets.UTF_8));
    CRC32 checksum = new CRC32();
    checksum.update(body.toByteArray());
    ByteArrayOutputStream chunk = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(chunk);
    out.writeInt(body.size() - 4);
    out.write(body.toByteArray());
    out.writeInt((int) checksum.getValue());
    return chunk.toByteArray();
  }

  /**
   * The texts of a PNG file, in its order; of several under one keyword the last.
   *
   * @throws IOException if it cannot be read, is no PNG or is cut short
   */
  public static Map<String, String> read(Path file) throws IOException {
    Map<String, String> texts = new LinkedHashMap<>();
    try (DataInputStream in =
        new DataInputStream(new java.io.BufferedInputStream(Files.newInputStream(file)))) {
      if (!Arrays.equals(in.readNBytes(SIGNATURE.length), SIGNATURE)) {
        throw new IOException(file + " is no PNG file");
      }
      String type = "";
      while (!type.equals("IEND")) {
        int length = in.readInt();
        type = new String(in.readNBytes(4), StandardCharsets.ISO_8859_1);
        boolean text = List.of("tEXt", "iTXt", "zTXt").contains(type);
        if (length < 0 || (text && length > MAX_TEXT)) {
          throw new IOException(
              String.format(
                  Locale.ROOT,
                  "%s has a chunk of %s bytes",
                  file,
                  Integer.toUnsignedString(length)));
        }
        if (text) {
          byte[] body = in.readNBytes(length);
          if (body.length < length) {
            throw new EOFException();
          }
          add(type, body, texts);
        } else {
          in.skipNBytes(length);
        }
        in.readInt(); // the checksum, which viewers check
      }
      return texts;
    } catch (EOFException e) {
      throw new IOException(file + " is cut short", e);
    }
  }

  private static void add(String type, byte[] body, Map<String, String> texts) throws IOException {
    int end = end(body, 0);
    String keyword = new String(body, 0, end, StandardCharsets.ISO_8859_1);
    int at = end + 1;
    boolean compressed = type.equals("zTXt");
    Charset charset = StandardCharsets.ISO_8859_1;
    if (compressed) {
      at++; // the method
    } else if (type.equals("iTXt")) {
      compressed = at < body.length && body[at] == 1;
      at = end(body, end(body, Math.min(at + 2, body.length)) + 1) + 1;
      charset = StandardCharsets.UTF_8;
    }
    byte[] bytes = Arrays.copyOfRange(body, Math.min(at, body.length), body.length);
    texts.put(keyword, new String(compressed ? inflated(bytes) : bytes, charset));
  }

  /** The place of the next zero, or the end. */
  private static int end(byte[] body, int from) {
    int at = Math.min(from, body.length);
    while (at < body.length && body[at] != 0) {
      at++;
    }
    return at;
  }

  private static byte[] inflated(byte[] bytes) throws IOException {
    try (InflaterInputStream in = new InflaterInputStream(new ByteArrayInputStream(bytes))) {
      return in.readNBytes(MAX_TEXT);
    }
  }
}
