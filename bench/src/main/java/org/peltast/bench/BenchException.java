package org.peltast.bench;

/** A mistake in how a benchmark was asked for; the message is one sentence that names the mend. */
public final class BenchException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** With the sentence that the user reads. */
  public BenchException(String message) {
    super(message);
  }
}
