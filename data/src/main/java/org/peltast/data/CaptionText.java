package org.peltast.data;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.regex.Pattern;

/** What is done to every caption and prompt before anybody sees it. */
final class CaptionText {
  /** The most characters of a caption; text encoders read far fewer. */
  static final int MAX_CHARACTERS = 2000;

  /** Control characters, separators of lines, and signs that change the writing's direction. */
  private static final Pattern CONTROL =
      Pattern.compile("[\\p{Cc}\\u2028\\u2029\\u202A-\\u202E\\uFEFF]+");

  private static final Pattern BLANKS = Pattern.compile("\\p{Z}+");

  private CaptionText() {}

  /** A text on one line: control characters and runs of blanks become one blank. */
  static String oneLine(String text) {
    return BLANKS.matcher(CONTROL.matcher(text).replaceAll(" ")).replaceAll(" ").strip();
  }

  /** Whether {@link #cut} shortens a text. */
  static boolean isLong(String text) {
    return text.codePointCount(0, text.length()) > MAX_CHARACTERS;
  }

  /** The first {@link #MAX_CHARACTERS} of a text, no character torn apart. */
  static String cut(String text) {
    return isLong(text)
        ? text.substring(0, text.offsetByCodePoints(0, MAX_CHARACTERS)).strip()
        : text;
  }

  /**
   * Reads UTF-8, strictly, without a byte-order mark; or UTF-16 or UTF-32, as Windows and Python
   * write them, if there is one that says so; or UTF-16 without one, of which every other byte of
   * most writings is 0.
   *
   * @param what the file, for the message
   * @throws DataException naming the first line that is not UTF-8
   */
  static String decoded(byte[] bytes, Object what) {
    Charset charset = charset(bytes);
    CharsetDecoder decoder =
        charset
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer in = ByteBuffer.wrap(bytes);
    try {
      String text = decoder.decode(in).toString();
      return text.startsWith("\uFEFF") ? text.substring(1) : text;
    } catch (CharacterCodingException e) {
      int line = 1;
      for (int i = 0; i < in.position(); i++) {
        if (bytes[i] == '\n') {
          line++;
        }
      }
      throw new DataException(
          String.format(
              Locale.ROOT,
              "The file %s is not %s text at line %d; save it as UTF-8.",
              what,
              charset.name(),
              line),
          e);
    }
  }

  private static Charset charset(byte[] bytes) {
    int mark = bytes.length < 2 ? 0 : ByteBuffer.wrap(bytes).getShort() & 0xFFFF;
    int longer = bytes.length < 4 ? 1 : ByteBuffer.wrap(bytes).getInt();
    if (longer == 0xFFFE0000 || longer == 0x0000FEFF) {
      return Charset.forName("UTF-32");
    }
    if (mark == 0xFFFE || mark == 0xFEFF) {
      return StandardCharsets.UTF_16;
    }
    int[] zeros = new int[2];
    for (int i = 0; i < bytes.length; i++) {
      zeros[i % 2] += bytes[i] == 0 ? 1 : 0;
    }
    int units = bytes.length / 2;
    if (bytes.length % 2 == 0 && zeros[1] > units / 2 && zeros[0] < units / 8 + 1) {
      return StandardCharsets.UTF_16LE;
    }
    boolean big = bytes.length % 2 == 0 && zeros[0] > units / 2 && zeros[1] < units / 8 + 1;
    return big ? StandardCharsets.UTF_16BE : StandardCharsets.UTF_8;
  }
}
