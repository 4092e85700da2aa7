package org.peltast.cli;

import picocli.CommandLine.Command;

@Command(
    name = "bench",
    description = {
      "Measures Peltast on this machine: whole updates of Decoupled DMD, blocks of the published models, on random weights; nothing is fetched or trained for it.",
      "Other processes make every figure worse: measure on a quiet machine, or compare only what was measured in turns."
    },
    synopsisSubcommandLabel = "(step | block | kernels | shared | soak | page)",
    subcommands = {
      BenchStepCommand.class,
      BenchBlockCommand.class,
      BenchKernelsCommand.class,
      BenchSharedCommand.class,
      BenchSoakCommand.class,
      BenchPageCommand.class
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast bench step",
      "  peltast bench step --batch 16 --dim 192 --json",
      "  peltast bench block --python venv/bin/python",
      "  peltast bench kernels --only swiglu,norm",
      "  peltast bench shared --processes 2",
      "  peltast bench soak --updates 10000",
      "  peltast bench page --python venv/bin/python"
    })
final class BenchCommand {
  BenchCommand() {}
}
