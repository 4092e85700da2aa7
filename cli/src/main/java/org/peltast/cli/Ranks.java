package org.peltast.cli;

import java.nio.file.Path;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.parallel.ProcessGroup;

/**
 * A training command's work in its process group: alone, or as one of the ranks that {@code peltast
 * launch} or torchrun started. Rank 0 has the run's folder to write in; the others wait until it
 * has settled what is run ({@link #settled}), and read.
 */
final class Ranks {
  private Ranks() {}

  /** What a rank does with a run's folder. */
  @FunctionalInterface
  interface Work {
    int in(RunFolder folder, ProcessGroup group);
  }

  /** Works in a folder; a rank that fails ends all. */
  static int run(Path out, Work work) {
    try (ProcessGroup group = ProcessGroup.fromEnvironment()) {
      try {
        if (!group.isFirst()) {
          settled(group);
        }
        try (RunFolder folder =
            group.isFirst()
                ? RunFolder.open(out, Display::notice)
                : RunFolder.read(out, notice -> {})) {
          return work.in(folder, group);
        }
      } catch (RuntimeException e) {
        group.abort(Failures.sentence(e));
        throw e;
      }
    }
  }

  /** Recipe, data and teacher are settled: the other ranks may read them. */
  static void settled(ProcessGroup group) {
    group.barrier("the run's folder");
  }
}
