package org.peltast.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A page of Markdown whose figures are written by a command: what lies between {@code <!--
 * measured: NAME -->} and the next {@code <!-- end -->} is replaced, all else is the author's.
 *
 * @param file the page
 */
public record MeasuredPage(Path file) {
  /**
   * Replaces one section.
   *
   * @throws BenchException if the page is missing or has no such section
   */
  public void put(String name, List<String> lines) throws IOException {
    Matcher section = section(name).matcher(text());
    if (!section.find()) {
      throw new BenchException(
          String.format(
              Locale.ROOT,
              "%s has no section '<!-- measured: %s -->' that ends with '<!-- end -->'; add it.",
              file,
              name));
    }
    String written =
        section.replaceFirst(
            Matcher.quoteReplacement(
                section.group(1) + "\n" + String.join("\n", lines) + "\n" + section.group(2)));
    Files.writeString(file, written);
  }

  /** Checks that every section is there, before minutes are spent on measuring. */
  public void require(List<String> names) throws IOException {
    String text = text();
    for (String name : names) {
      if (!section(name).matcher(text).find()) {
        throw new BenchException(
            String.format(
                Locale.ROOT,
                "%s has no section '<!-- measured: %s -->' that ends with '<!-- end -->'; add it.",
                file,
                name));
      }
    }
  }

  private String text() throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new BenchException(file + " is not there; name the page with --page.");
    }
    return Files.readString(file);
  }

  private static Pattern section(String name) {
    return Pattern.compile(
        "(<!-- measured: " + Pattern.quote(name) + " -->).*?(<!-- end -->)", Pattern.DOTALL);
  }
}
