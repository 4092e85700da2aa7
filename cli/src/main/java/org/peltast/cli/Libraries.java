package org.peltast.cli;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
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

  static final String TOO_FEW_FILES =
      "fewer files may be open at once than Peltast has libraries; allow more, as by `ulimit -n 256`.";

  /** What to say if one of them is why something could not be loaded; null if all are whole. */
  static @Nullable String complaint() {
    if (isOutOfFiles()) {
      return TOO_FEW_FILES;
    }
    List<Path> damaged = damaged(System.getProperty("java.class.path", ""));
    return damaged.isEmpty()
        ? null
        : String.format(
            Locale.ROOT,
            "the library %s is damaged, as after a download that was cut short; delete it and start again, which fetches it anew.",
            damaged.get(0));
  }

  /** Whether no more file may be opened, where Java says of any that it is not there. */
  private static boolean isOutOfFiles() {
    Path there = Path.of(System.getProperty("java.home"), "release");
    try (InputStream in = Files.newInputStream(there)) {
      return false;
    } catch (NoSuchFileException e) {
      return false;
    } catch (IOException e) {
      return String.valueOf(e.getMessage()).contains("Too many open files");
    }
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
