package org.peltast.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.peltast.paper.Experiments;
import org.peltast.paper.Reproduction;
import org.peltast.report.Formats;
import org.peltast.runs.Commit;
import org.peltast.runs.Recipes;
import org.peltast.training.Devices;
import org.peltast.training.DistillRecipe;
import org.peltast.training.Origin;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "reproduce",
    description = {
      "Runs the paper's experiments and writes their figures (SVG and PNG), data (CSV and JSON),"
          + " pages and the verdicts on the paper's claims. Without a name it lists them.",
      "Runs are kept by the hash of all that decides them: what is there is not run again, and the"
          + " same command goes on after Ctrl-C or a kill.",
      "As several processes, by `peltast launch`, each makes its share of the runs."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast reproduce",
      "  peltast reproduce fig2 --seeds 1",
      "  peltast reproduce all --seeds 3 --results docs/results",
      "  peltast reproduce fig3 --teacher my-teacher --prompts prompts.txt --out output/mine",
      "  peltast launch --processes 2 reproduce fig5"
    })
final class ReproduceCommand implements Callable<Integer> {
  private static final int MOST_SEEDS = 100;

  @Spec private CommandSpec spec;

  @Parameters(
      arity = "0..*",
      paramLabel = "EXPERIMENT",
      description = "figures and tables by name, or `all` (default: list them)")
  private List<String> experiments = List.of();

  @Option(
      names = "--seeds",
      paramLabel = "N",
      description = "run each with the seeds 1 to N (default: ${DEFAULT-VALUE})")
  private int seeds = 3;

  @Option(
      names = "--teacher",
      paramLabel = "DIR",
      description = "the teacher's model folder (default: the shipped one)")
  private @Nullable Path teacher;

  @Mixin private SourceOptions source;

  @Option(
      names = "--prompts",
      paramLabel = "FILE_OR_DIR",
      description =
          "prompts (.txt or .jsonl), or a folder of captioned pictures, to learn from and to measure"
              + " on (default: the built-in emoji)")
  private @Nullable Path prompts;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "the folder of runs (default: ${DEFAULT-VALUE})")
  private Path out = Path.of("output/reproduce");

  @Option(
      names = "--results",
      paramLabel = "DIR",
      description = "where figures, data and pages go (default: OUT/results)")
  private @Nullable Path results;

  @Option(
      names = "--scale",
      paramLabel = "X",
      description =
          "multiply the updates and the prompts to measure on (default: ${DEFAULT-VALUE})")
  private double scale = 1;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "change a key of every recipe; may be given several times")
  private List<String> sets = List.of();

  @Option(
      names = "--device",
      paramLabel = "NAME",
      description = "auto, cpu, cuda or cuda:N (default: ${DEFAULT-VALUE})")
  private String device = "auto";

  /** Created by picocli. */
  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  ReproduceCommand() {}

  @Override
  public Integer call() {
    if (experiments.isEmpty()) {
      list(spec.commandLine().getOut());
      return ExitCode.OK;
    }
    if (seeds < 1 || seeds > MOST_SEEDS) {
      throw mistake("--seeds must be from 1 to " + MOST_SEEDS + ", but is " + seeds);
    }
    Reproduction.Options options;
    try {
      options = options();
    } catch (IllegalArgumentException e) {
      throw mistake(String.valueOf(e.getMessage()));
    }
    // What is mistyped leaves nothing behind.
    Recipes.with(DistillRecipe.defaults(), options.sets()).data().requireCaptions();
    Places.requireTeacher(options.teacher().folder());
    Places.requireFolder(options.out(), "--out");
    Places.requireFolder(options.results(), "--results");
    NativeLibraries.open();
    Devices.of(device);
    Interrupts interrupts = Interrupts.listen("this update");
    boolean finished =
        new Reproduction(options, Display::progress, Display::notice, interrupts).run();
    Display.notice(
        finished
            ? "Done: " + options.results().resolve("README.md")
            : "Stopped and saved. Go on with the same command.");
    return finished ? ExitCode.OK : ExitCode.INTERRUPTED;
  }

  private ParameterException mistake(String sentence) {
    return new ParameterException(spec.commandLine(), sentence);
  }

  private Reproduction.Options options() {
    List<String> all = new ArrayList<>(sets);
    if (prompts != null) {
      all.add("data.images=" + Recipes.quoted(prompts.toString()));
    }
    all.addAll(source.sets());
    Map<String, String> environment = System.getenv();
    return new Reproduction.Options(
        experiments,
        LongStream.rangeClosed(1, seeds).boxed().toList(),
        out,
        results == null ? out.resolve("results") : results,
        source.in(teacher == null ? Places.shipped("teacher") : teacher),
        all,
        Places.shipped("judge"),
        device,
        scale,
        Integer.parseInt(environment.getOrDefault("RANK", "0")),
        Integer.parseInt(environment.getOrDefault("WORLD_SIZE", "1")),
        command(),
        version());
  }

  /** As it was typed, but for places that are nobody else's. */
  private String command() {
    List<String> words = new ArrayList<>(List.of("peltast", "reproduce"));
    words.addAll(experiments);
    words.addAll(List.of("--seeds", Integer.toString(seeds)));
    if (scale != 1) {
      words.addAll(List.of("--scale", Double.toString(scale)));
    }
    sets.forEach(set -> words.addAll(List.of("--set", set)));
    return String.join(" ", words);
  }

  /** Peltast's version, with the clone's commit where there is one. */
  private static String version() {
    return Origin.peltast() + Commit.of(Places.home()).map(c -> ", commit " + c).orElse("");
  }

  private static void list(PrintWriter to) {
    Formats.columns(Experiments.described(), false, false, false, true).forEach(to::println);
    to.println(
        String.format(
            Locale.ROOT, "%nfig6 is in fig3; table1, table6 and table7 are in fig5; all is all."));
    to.flush();
  }
}
