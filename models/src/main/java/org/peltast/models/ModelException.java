package org.peltast.models;

/** A model cannot be read, built or run as asked; the message is one sentence with the mend. */
public final class ModelException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** A mistake told in one sentence. */
  public ModelException(String message) {
    super(message);
  }

  /** A mistake told in one sentence, with what lay beneath it. */
  public ModelException(String message, Throwable cause) {
    super(message, cause);
  }
}
