package org.peltast.cli;

import java.util.List;
import picocli.CommandLine.Option;

/** The option that changes keys of a recipe. */
final class SetOption {
  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description =
          "change a key of the recipe, as in --set run.batch=16; may be given several times")
  private List<String> sets = List.of();

  /** The changes, in order. */
  List<String> sets() {
    return sets;
  }
}
