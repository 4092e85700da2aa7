package org.peltast.cli;

/** A mistake in how a command was called; the message is one sentence that names the mend. */
public final class CommandException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** With the sentence that the user reads. */
  public CommandException(String message) {
    super(message);
  }
}
