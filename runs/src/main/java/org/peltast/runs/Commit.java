package org.peltast.runs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** The commit that a clone stands at, read from its files. */
public final class Commit {
  private static final String REF = "ref: ";
  private static final int SHORT = 7;

  private Commit() {}

  /** Its first seven digits, if the folder is a clone. */
  public static Optional<String> of(Path clone) {
    try {
      Path git = clone.resolve(".git");
      if (!Files.isDirectory(git)) {
        return Optional.empty();
      }
      String head = Files.readString(git.resolve("HEAD")).strip();
      if (!head.startsWith(REF)) {
        return Optional.of(shortened(head));
      }
      String ref = head.substring(REF.length());
      if (Files.exists(git.resolve(ref))) {
        return Optional.of(shortened(Files.readString(git.resolve(ref)).strip()));
      }
      return Files.readAllLines(git.resolve("packed-refs")).stream()
          .filter(line -> line.endsWith(" " + ref))
          .map(Commit::shortened)
          .findFirst();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  private static String shortened(String commit) {
    return commit.substring(0, Math.min(SHORT, commit.length()));
  }
}
