package org.peltast.data;

/** A mistake in the data or in how it was asked for; its message is one sentence for the user. */
public final class DataException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** An error that the user can mend. */
  public DataException(String message) {
    super(message);
  }

  /** An error that the user can mend, with what caused it. */
  public DataException(String message, Throwable cause) {
    super(message, cause);
  }
}
