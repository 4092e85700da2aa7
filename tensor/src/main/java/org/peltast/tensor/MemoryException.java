package org.peltast.tensor;

/**
 * More memory was asked for than there is, or than the system gives; the message says by which
 * operation and how much.
 */
public final class MemoryException extends TensorException {
  private static final long serialVersionUID = 1L;

  /** Told in one sentence. */
  public MemoryException(String message) {
    super(message);
  }

  MemoryException(String message, Throwable cause) {
    super(message, cause);
  }
}
