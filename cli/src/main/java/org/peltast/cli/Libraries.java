package org.peltast.cli;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.zip.ZipFile;
import org.jspecify.annotations.Nullable;

/** The jars that this command runs from. Needs none of them itself. */
final class Libraries {
  private Libraries() {}

  /** What to say if one of them is why something could not be loaded; null if all are whole. */
  static @Nullable String complaint() {
    List<Path> damaged = damaged(System.getProperty("java.class.path", ""));
    return damaged.isEmpty()
        ? null
        : String.format(
            Locale.ROOT,
            "the library %s is damaged, as after a download that was cut short; delete it and start again, which fetches it anew.",
            damaged.get(0));
  }

  /** Java passes over a jar that it cannot open, and says only that a class is not there. */
  static List<Path> damaged(String classPath) {
    List<Path> damaged = new ArrayList<>();
    for (String entry : classPath.split(Pattern.quote(File.pathSeparator))) {
      if (entry.endsWith(".jar") && Files.isRegularFile(Path.of(entry))) {
        try (ZipFile jar = new ZipFile(entry)) {
          jar.size(); // what is cut short has no list of its content
        } catch (IOException e) {
          damaged.add(Path.of(entry));
        }
      }
    }
    return damaged;
  }
}
