package org.peltast.cli;

import java.io.PrintWriter;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** The {@code peltast} command. */
@Command(
    name = "peltast",
    mixinStandardHelpOptions = true,
    scope = ScopeType.INHERIT,
    versionProvider = Version.class,
    subcommands = {
      DemoCommand.class,
      DistillCommand.class,
      GenerateCommand.class,
      TrainCommand.class,
      RecipesCommand.class,
      PlanCommand.class,
      DataCommand.class,
      EvaluateCommand.class,
      ReproduceCommand.class,
      ProbeCommand.class,
      ReportCommand.class,
      ExportCommand.class,
      ImportCommand.class,
      LoraCommand.class,
      VerifyCommand.class,
      InspectCommand.class,
      LaunchCommand.class,
      DoctorCommand.class,
      BenchCommand.class
    },
    synopsisSubcommandLabel = "COMMAND",
    usageHelpAutoWidth = true,
    sortOptions = false,
    description =
        "Distils slow, guided text-to-image diffusion models into generators of 1 to 8 steps.",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:done",
      "1:the work was begun and failed (diverged run, full disk, a difference found)",
      "2:wrong options or wrong input",
      "70:a defect of Peltast; the trace is in the file that was named",
      "130:interrupted; what was done is saved"
    })
final class Main implements Runnable {
  /** What Linux takes. */
  private static final int MAX_PATH = 4096;

  @Spec private CommandSpec spec;

  /** Created by picocli. */
  @SuppressWarnings("NullAway.Init") // picocli injects `spec` before it calls anything here
  Main() {}

  /** Runs the command and ends the JVM with its exit code. */
  public static void main(String... arguments) {
    LaunchCommand.endWithLauncher();
    if (System.getProperty("peltast.natives") == null) {
      System.setProperty("peltast.natives", Places.unpacked().toString());
    }
    int code = execute(commandLine(), arguments);
    System.out.flush();
    System.exit(code);
  }

  /** Runs the command and returns its exit code, whatever goes wrong. */
  static int execute(CommandLine command, String... arguments) {
    try {
      return command.execute(arguments);
    } catch (Error failure) { // picocli hands only exceptions to the handler
      return Failures.report(failure, command.getErr());
    }
  }

  /** The whole tree of commands. */
  static CommandLine commandLine() {
    CommandLine line = new CommandLine(new Main());
    // What follows the command that is launched is its own.
    Objects.requireNonNull(line.getSubcommands().get("launch")).setStopAtPositional(true);
    return line.setExecutionExceptionHandler(new Failures())
        .setParameterExceptionHandler(Main::usageMistake)
        .registerConverter(Path.class, Main::path)
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setExpandAtFiles(false) // a prompt may begin with an @, and no file replaces it
        .setAbbreviatedOptionsAllowed(false);
  }

  /** A path as it was typed. */
  static Path path(String text) {
    if (text.length() > MAX_PATH) {
      throw new TypeConversionException(
          String.format(Locale.ROOT, "a path of more than %d characters is too long", MAX_PATH));
    }
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      throw new TypeConversionException(
          String.format(
              Locale.ROOT,
              "'%s' is not a path: %s%s",
              Failures.printable(text),
              e.getReason(),
              JvmSetup.namesAreUtf8()
                  ? ""
                  : "; Java reads names of files as "
                      + System.getProperty("sun.jnu.encoding")
                      + " here, so start it in a UTF-8 locale, as by LC_ALL=C.UTF-8"));
    }
  }

  /** One sentence, and where help is; not the whole usage, which would hide the sentence. */
  private static int usageMistake(ParameterException mistake, String[] arguments) {
    CommandLine command = mistake.getCommandLine();
    PrintWriter err = command.getErr();
    String message = Failures.printable(String.valueOf(mistake.getMessage()));
    err.println("peltast: " + (message.endsWith(".") ? message : message + "."));
    CommandLine.UnmatchedArgumentException.printSuggestions(mistake, err);
    err.println("See '" + command.getCommandSpec().qualifiedName() + " --help'.");
    err.flush();
    return ExitCode.USAGE;
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing");
  }
}
