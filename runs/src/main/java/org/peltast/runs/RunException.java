package org.peltast.runs;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Something about a run that its user can mend: a recipe, a folder, a disk. The message is one
 * sentence that names the thing and the mend, fit to be shown as it is.
 */
public sealed class RunException extends RuntimeException permits RunInUseException {
  private static final long serialVersionUID = 1L;

  /** A mistake, told in one sentence. */
  public RunException(String message) {
    super(message);
  }

  /** A mistake, told in one sentence, with what the machine said about it. */
  public RunException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * The sentence for a failed file operation.
   *
   * @param task what was being done, as in "write output/demo/recipe.yaml"
   */
  static RunException of(String task, Path path, IOException e) {
    return new RunException(String.format(Locale.ROOT, "Cannot %s: %s.", task, reason(path, e)), e);
  }

  private static String reason(Path path, IOException e) {
    String said = e instanceof FileSystemException f ? f.getReason() : e.getMessage();
    String lower = said == null ? "" : said.toLowerCase(Locale.ROOT);
    Path where =
        e instanceof FileSystemException f && f.getFile() != null ? Path.of(f.getFile()) : path;
    if (lower.contains("no space left")
        || lower.contains("not enough space")
        || lower.contains("quota")) {
      return "the disk of " + path + " is full; make room or choose another folder";
    }
    if (e instanceof AccessDeniedException
        || lower.contains("read-only file system")
        || lower.contains("operation not permitted")
        || lower.contains("permission denied")) {
      return where
          + " may not be written or read by this user; change its permissions or choose another folder";
    }
    if (e instanceof FileAlreadyExistsException
        || e instanceof NotDirectoryException
        || lower.contains("not a directory")) {
      return where + " is a file where a folder is wanted; choose another folder";
    }
    if (lower.contains("is a directory")) {
      return where + " is a folder where a file is wanted; move it away";
    }
    if (e instanceof NoSuchFileException) {
      return where + " does not exist";
    }
    return said == null || said.isBlank() ? e.getClass().getSimpleName() : said.strip();
  }
}
