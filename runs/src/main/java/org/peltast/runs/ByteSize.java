package org.peltast.runs;

import java.math.BigDecimal;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A number of bytes, written {@code 48MB} (decimal: 48,000,000), {@code 2GiB} or, as for Java's
 * {@code -Xmx}, {@code 2g} (binary: 2³¹).
 *
 * @param bytes 0 or more
 */
public record ByteSize(long bytes) {
  private static final Pattern FORM =
      Pattern.compile("(\\d{1,19}(?:\\.\\d{1,9})?)\\s*(B|[KMGT]B?|[KMGT]IB)?");
  private static final List<String> BINARY = List.of("TiB", "GiB", "MiB", "KiB");
  private static final List<String> DECIMAL = List.of("TB", "GB", "MB", "kB");

  /** Checks the sign. */
  public ByteSize {
    if (bytes < 0) {
      throw new IllegalArgumentException("a size must be 0 or more, but is " + bytes);
    }
  }

  /**
   * Reads a size; a bare number counts bytes.
   *
   * @throws IllegalArgumentException with a sentence that shows the form
   */
  public static ByteSize parse(String text) {
    Matcher form = FORM.matcher(text.strip().toUpperCase(Locale.ROOT));
    if (!form.matches()) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "'%s' is not a size such as 48MB or 2GiB", text));
    }
    String unit = form.group(2) == null ? "B" : form.group(2);
    int power = "BKMGT".indexOf(unit.charAt(0));
    long base = unit.length() == 2 ? 1000 : 1024;
    try {
      return new ByteSize(
          new BigDecimal(form.group(1))
              .multiply(BigDecimal.valueOf(base).pow(power))
              .longValueExact());
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "'%s' is not a whole number of bytes below 8 EiB", text), e);
    }
  }

  /** The shortest exact form, which {@link #parse} reads back. */
  @Override
  public String toString() {
    for (int i = 0; i < 4 && bytes > 0; i++) {
      long binary = 1L << (10 * (4 - i));
      long decimal = (long) Math.pow(1000, 4 - i);
      if (bytes % binary == 0) {
        return bytes / binary + BINARY.get(i);
      }
      if (bytes % decimal == 0) {
        return bytes / decimal + DECIMAL.get(i);
      }
    }
    return bytes + "B";
  }
}
