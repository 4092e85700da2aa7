package org.peltast.evaluate;

/** Something cannot be measured as asked; the message is one sentence with the mend. */
public final class EvaluationException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** A mistake told in one sentence. */
  public EvaluationException(String message) {
    super(message);
  }

  /** A mistake told in one sentence, with what lay beneath it. */
  public EvaluationException(String message, Throwable cause) {
    super(message, cause);
  }
}
