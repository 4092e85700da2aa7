package org.peltast.cli;

import picocli.CommandLine.Command;

@Command(
    name = "train",
    description = "Trains the models that distilling starts from and is measured by.",
    synopsisSubcommandLabel = "(teacher | judge)",
    subcommands = {TrainTeacherCommand.class, TrainJudgeCommand.class},
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast train teacher --out output/teacher",
      "  peltast train judge --out output/judge --set updates=700"
    })
final class TrainCommand {
  TrainCommand() {}
}
