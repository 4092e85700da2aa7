package org.peltast.safetensors;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A file that cannot be read or written. The message is one sentence fit for a user: it names the
 * file, the tensor where there is one, the reason, and what to do.
 */
public final class SafetensorsException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient Path file;
  private final @Nullable String tensor;

  SafetensorsException(Path file, @Nullable String tensor, String reason, String mend) {
    this(file, tensor, reason, mend, null);
  }

  SafetensorsException(
      Path file, @Nullable String tensor, String reason, String mend, @Nullable Throwable cause) {
    super(
        StrictText.printable(file.toString())
            + ": "
            + (tensor == null ? "" : "tensor " + StrictText.quoted(tensor) + ": ")
            + reason
            + "; "
            + mend,
        cause);
    this.file = file;
    this.tensor = tensor;
  }

  /** What went wrong between us and the disk, in a few words. */
  static String reason(IOException e) {
    if (e instanceof AccessDeniedException) {
      return "permission denied";
    }
    if (e instanceof ClosedByInterruptException) {
      return "the thread was interrupted";
    }
    String reason =
        e instanceof FileSystemException system && system.getReason() != null
            ? system.getReason()
            : e.getMessage();
    return reason == null ? e.getClass().getSimpleName() : StrictText.shortened(reason, 200);
  }

  /** The file or folder at fault. */
  public Path file() {
    return file;
  }

  /** The tensor at fault, if it is one tensor's fault. */
  public Optional<String> tensor() {
    return Optional.ofNullable(tensor);
  }
}
