package org.peltast.runs;

/** Another process, or another part of this one, is writing to a run. */
public final class RunInUseException extends RunException {
  private static final long serialVersionUID = 1L;

  /** Tells who has it, in one sentence. */
  RunInUseException(String message) {
    super(message);
  }
}
