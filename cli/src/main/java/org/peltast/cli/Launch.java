package org.peltast.cli;

/**
 * Starts {@link Main}, which cannot even be loaded where the library that reads its options is
 * damaged.
 */
public final class Launch {
  private Launch() {}

  /** Runs the command and ends the JVM with its exit code. */
  public static void main(String... arguments) {
    try {
      Main.main(arguments);
    } catch (LinkageError failure) {
      String complaint = Libraries.complaint();
      if (complaint == null) {
        throw failure;
      }
      System.err.println("peltast: " + complaint);
      System.exit(ExitCode.FAILED);
    }
  }
}
