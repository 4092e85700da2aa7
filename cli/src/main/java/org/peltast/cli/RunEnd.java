package org.peltast.cli;

import java.nio.file.Path;
import org.peltast.distill.Trainer;

/** How a run's command closes. */
final class RunEnd {
  private RunEnd() {}

  /**
   * Says how the run ended.
   *
   * @param again the command that goes on with it
   * @param result what a finished run leaves
   * @return the exit code
   */
  static int tell(Trainer.End end, String again, Path result) {
    System.err.println(
        end == Trainer.End.FINISHED
            ? "Done: " + result
            : "Stopped and saved. Go on with: " + again);
    return code(end);
  }

  /** The exit code of a run that ended so. */
  static int code(Trainer.End end) {
    return end == Trainer.End.FINISHED ? ExitCode.OK : ExitCode.INTERRUPTED;
  }
}
