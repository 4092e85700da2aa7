package org.peltast.cli;

/** What the command tells the shell. */
final class ExitCode {
  /** Done. */
  static final int OK = 0;

  /**
   * The work was understood, begun, and failed: a diverged run, a full disk, a difference found.
   */
  static final int FAILED = 1;

  /** Wrong options or wrong input; nothing was begun. */
  static final int USAGE = 2;

  /** A defect of Peltast (EX_SOFTWARE of sysexits.h); the trace is in the file that was named. */
  static final int DEFECT = 70;

  /** Interrupted by Ctrl-C, as shells count it: 128 + SIGINT. */
  static final int INTERRUPTED = 130;

  private ExitCode() {}
}
