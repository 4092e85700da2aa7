package org.peltast.safetensors;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.Locale;
import tools.jackson.core.JacksonException;

/** Text as the format and its messages need it: strict Unicode, and names that fit a sentence. */
final class StrictText {
  private static final int LONGEST_NAME = 120;

  /**
   * By code points, as the reference libraries sort: a string's own order compares UTF-16 units and
   * puts the characters beyond U+FFFF before U+E000.
   */
  static final Comparator<String> BY_CODE_POINT =
      (a, b) -> {
        int length = Math.min(a.length(), b.length());
        for (int i = 0; i < length; i++) {
          char x = a.charAt(i);
          char y = b.charAt(i);
          if (x != y) {
            boolean sameKind = Character.isSurrogate(x) == Character.isSurrogate(y);
            return sameKind ? Character.compare(x, y) : Character.isSurrogate(x) ? 1 : -1;
          }
        }
        return Integer.compare(a.length(), b.length());
      };

  private StrictText() {}

  /** Decodes UTF-8 or throws; nothing is replaced. */
  static String decode(byte[] bytes, int length) throws CharacterCodingException {
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    return decoder.decode(ByteBuffer.wrap(bytes, 0, length)).toString();
  }

  /** False if half of a surrogate pair stands alone, which UTF-8 cannot express. */
  static boolean isWellFormed(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
      } else if (Character.isSurrogate(c)) {
        return false;
      }
    }
    return true;
  }

  /** In double quotes, shortened if long, on one line. */
  static String quoted(String text) {
    return '"' + shortened(text, LONGEST_NAME) + '"';
  }

  /** What is wrong with some JSON, without the parser's advice to programmers. */
  static String reason(JacksonException e) {
    String said = String.valueOf(e.getOriginalMessage());
    if (said.contains("comment")) {
      return "a comment, which JSON does not have";
    }
    return said.contains("Feature") || said.contains("Constraints")
        ? "a number, or a nesting, that no such file has"
        : shortened(said, 200);
  }

  /** At most {@code longest} characters, the middle left out, on one line. */
  static String shortened(String text, int longest) {
    if (text.length() > longest) {
      int head = (longest - 1) * 2 / 3;
      int tail = longest - 1 - head;
      text = text.substring(0, head) + '…' + text.substring(text.length() - tail);
    }
    return printable(text);
  }

  /** The text with its line breaks, control characters and lone surrogates escaped. */
  static String printable(String text) {
    StringBuilder out = new StringBuilder(text.length());
    text.codePoints()
        .forEach(
            c -> {
              int kind = Character.getType(c);
              if (kind == Character.CONTROL
                  || kind == Character.FORMAT
                  || kind == Character.SURROGATE
                  || kind == Character.LINE_SEPARATOR
                  || kind == Character.PARAGRAPH_SEPARATOR) {
                out.append(String.format(Locale.ROOT, "\\u%04x", c));
              } else {
                out.appendCodePoint(c);
              }
            });
    return out.toString();
  }

  /** Which characters of a JSON string are written as escapes. */
  enum Escapes {
    /** Those that JSON demands, and no others: serde_json's choice, used in file headers. */
    DEMANDED,
    /** All that is not printable ASCII: the choice of Python's json, used in indexes. */
    NON_ASCII
  }

  /** Appends a JSON string with the very bytes that the reference library would write. */
  static void appendJson(StringBuilder out, String text, Escapes escapes) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> {
          if (c < 0x20 || (escapes == Escapes.NON_ASCII && c > 0x7e)) {
            out.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }

  /** A size for people: bytes up to 9,999, then KiB, MiB or GiB with one decimal. */
  static String bytes(long bytes) {
    if (bytes < 10_000) {
      return String.format(Locale.ROOT, "%,d B", bytes);
    }
    String[] units = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = bytes / 1024.0;
    int unit = 0;
    while (value >= 1023.95 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return String.format(Locale.ROOT, "%.1f %s", value, units[unit]);
  }

  /** The number of single-character edits between two texts. */
  static int editDistance(String a, String b) {
    int[] previous = new int[b.length() + 1];
    int[] current = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      previous[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      current[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int change = previous[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        current[j] = Math.min(change, Math.min(previous[j], current[j - 1]) + 1);
      }
      int[] spare = previous;
      previous = current;
      current = spare;
    }
    return previous[b.length()];
  }
}
