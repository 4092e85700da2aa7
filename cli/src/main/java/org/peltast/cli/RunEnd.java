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
    if (end == Trainer.End.FINISHED) {
      System.err.println("Done: " + result);
      return ExitCode.OK;
    }
    System.err.println("Stopped and saved. Go on with: " + again);
    return ExitCode.INTERRUPTED;
  }
}
