package org.peltast.tensor.parallel;

import org.jspecify.annotations.Nullable;

/** Processes cannot work together (any more); the message is one sentence that names the rank. */
public final class ParallelException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final boolean mistake;

  private ParallelException(String message, @Nullable Throwable cause, boolean mistake) {
    super(message, cause);
    this.mistake = mistake;
  }

  /** A rank or a connection failed. */
  static ParallelException failed(String message) {
    return new ParallelException(message, null, false);
  }

  /** The same with a cause. */
  static ParallelException failed(String message, Throwable cause) {
    return new ParallelException(message, cause, false);
  }

  /** Something that whoever started the processes can mend. */
  public static ParallelException mistake(String message) {
    return new ParallelException(message, null, true);
  }

  /** Whether the processes were started wrongly, and nothing was begun. */
  public boolean isMistake() {
    return mistake;
  }
}
