package org.peltast.diffusion;

/** A wrong use of the mathematics here, told in one sentence. */
public final class DiffusionException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** A misuse told in one sentence. */
  public DiffusionException(String message) {
    super(message);
  }
}
