package org.peltast.cli;

import org.jspecify.annotations.Nullable;

/**
 * Starts {@link Main}, which cannot even be loaded where the library that reads its options is
 * damaged, or where no more files may be opened.
 */
public final class Launch {
  private Launch() {}

  /** Runs the command and ends the JVM with its exit code. */
  public static void main(String... arguments) {
    try {
      String complaint = JvmSetup.prepare(System.getenv(), arguments);
      if (complaint != null) {
        System.err.println("peltast: " + complaint);
        System.exit(ExitCode.USAGE);
      }
      Main.main(JvmSetup.arguments(arguments));
    } catch (LinkageError | TypeNotPresentException failure) {
      String complaint = complaint();
      if (complaint == null) {
        throw failure;
      }
      System.err.println("peltast: " + complaint);
      System.exit(1); // ExitCode.FAILED, which may not be loaded either
    }
  }

  private static @Nullable String complaint() {
    try {
      return Libraries.complaint();
    } catch (LinkageError failure) {
      // Not even this class, which lies beside the one that has been loaded.
      return "Peltast's own classes cannot be read: either fewer files may be open at once than it"
          + " has libraries (allow more, as by `ulimit -n 256`), or its build is not whole.";
    }
  }
}
