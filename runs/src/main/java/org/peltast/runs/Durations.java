package org.peltast.runs;

import java.math.BigDecimal;
import java.time.Duration;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Lengths of time as people write them: {@code 250ms}, {@code 90s}, {@code 5m}, {@code 1h30m}. */
public final class Durations {
  private static final Pattern PART = Pattern.compile("(\\d{1,12}(?:\\.\\d{1,9})?)(ms|s|m|h|d)");

  /** So that its nanoseconds fit a long. */
  private static final Duration LONGEST = Duration.ofDays(36_525);

  private Durations() {}

  /**
   * Reads a length of time; 0 needs no unit.
   *
   * @throws IllegalArgumentException with a sentence that shows the form
   */
  public static Duration parse(String text) {
    String stripped = text.strip();
    if (stripped.equals("0")) {
      return Duration.ZERO;
    }
    Matcher part = PART.matcher(stripped);
    Duration sum = Duration.ZERO;
    int end = 0;
    while (part.lookingAt()) {
      sum = sum.plus(nanos(new BigDecimal(part.group(1)), part.group(2), text));
      if (sum.compareTo(LONGEST) > 0) {
        throw tooLong(text);
      }
      end = part.end();
      part.region(end, stripped.length());
    }
    if (stripped.isEmpty() || end != stripped.length()) {
      throw notADuration(text);
    }
    return sum;
  }

  private static Duration nanos(BigDecimal amount, String unit, String text) {
    long unitMillis =
        switch (unit) {
          case "ms" -> 1;
          case "s" -> 1_000;
          case "m" -> 60_000;
          case "h" -> 3_600_000;
          default -> 86_400_000;
        };
    BigDecimal nanos =
        amount.multiply(BigDecimal.valueOf(unitMillis * 1_000_000)).stripTrailingZeros();
    BigDecimal[] seconds = nanos.divideAndRemainder(BigDecimal.valueOf(1_000_000_000));
    if (nanos.scale() > 0) {
      throw notADuration(text);
    }
    if (seconds[0].compareTo(BigDecimal.valueOf(LONGEST.toSeconds())) > 0) {
      throw tooLong(text);
    }
    return Duration.ofSeconds(seconds[0].longValueExact(), seconds[1].longValueExact());
  }

  private static IllegalArgumentException tooLong(String text) {
    return new IllegalArgumentException(
        String.format(Locale.ROOT, "'%s' is longer than a hundred years", text));
  }

  private static IllegalArgumentException notADuration(String text) {
    return new IllegalArgumentException(
        String.format(Locale.ROOT, "'%s' is not a length of time such as 90s, 5m or 1h30m", text));
  }

  /** Writes a length of time, at least 0, so that {@link #parse} gives it back. */
  public static String format(Duration duration) {
    if (duration.isNegative()) {
      throw new IllegalArgumentException("A length of time is not negative: " + duration + ".");
    }
    StringBuilder text = new StringBuilder();
    append(text, duration.toHours(), "h");
    append(text, duration.toMinutesPart(), "m");
    BigDecimal seconds =
        BigDecimal.valueOf(duration.toSecondsPart())
            .add(BigDecimal.valueOf(duration.toNanosPart(), 9));
    if (seconds.signum() != 0) {
      text.append(seconds.stripTrailingZeros().toPlainString()).append('s');
    }
    return text.length() == 0 ? "0s" : text.toString();
  }

  private static void append(StringBuilder text, long amount, String unit) {
    if (amount != 0) {
      text.append(amount).append(unit);
    }
  }
}
