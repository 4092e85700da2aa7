package org.peltast.cli;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.parallel.ProcessGroup;

/**
 * A training command's work in its process group: alone, or as one of the ranks that {@code peltast
 * launch} or torchrun started. Rank 0 has the run's folder to write in; the others wait until it
 * has settled what is run ({@link #settled}), and read.
 */
final class Ranks {
  /** Trainings of one process: as several they would do the same work in the same folder. */
  private static final Set<String> BY_THEMSELVES = Set.of("demo", "train judge");

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

  /**
   * Refuses to be one of several processes.
   *
   * @param environment of this process, in which torchrun says how many there are
   */
  static void requireAlone(String command, Map<String, String> environment) {
    requireAlone(command, !environment.getOrDefault("WORLD_SIZE", "1").strip().equals("1"));
  }

  /** Refuses to be started as several processes, if the command is not made for that. */
  static void requireAlone(String command, boolean several) {
    if (several && BY_THEMSELVES.contains(command)) {
      throw new CommandException(
          String.format(
              Locale.ROOT,
              "`peltast %s` trains in one process: run it without launch or torchrun, or train in several by `peltast launch --processes N distill` or `… train teacher`.",
              command));
    }
  }

  /** Recipe, data and teacher are settled: the other ranks may read them. */
  static void settled(ProcessGroup group) {
    group.barrier("the run's folder");
  }
}
