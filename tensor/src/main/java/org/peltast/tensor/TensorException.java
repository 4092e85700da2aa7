package org.peltast.tensor;

/** A tensor was misused; the message is one sentence that names the operation and the mend. */
public sealed class TensorException extends RuntimeException permits MemoryException {
  private static final long serialVersionUID = 1L;

  /** A misuse told in one sentence. */
  public TensorException(String message) {
    super(message);
  }

  TensorException(String message, Throwable cause) {
    super(message, cause);
  }
}
