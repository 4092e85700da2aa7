package org.peltast.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.peltast.demo.Demo;
import org.peltast.distill.Trainer;
import org.peltast.runs.Recipes;
import org.peltast.runs.RunFolder;
import org.peltast.training.DistillRecipe;
import org.peltast.training.SettledRecipe;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "demo",
    description = {
      "Distils the shipped teacher into a generator of a few steps, measures both beside real"
          + " pictures on prompts that neither has seen (of your own pictures: on prompts that they"
          + " learnt from), and writes a report.",
      "Ten minutes on two cores at most, up to five of them distilling: what this machine does is"
          + " measured first, and what does not fit is said before it begins. Ctrl-C finishes the"
          + " update and saves; the same command goes on."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast demo",
      "  peltast demo --steps 1 --minutes 30 --out output/one-step",
      "  peltast demo --updates 20 --prompts 32 --spear 0 --out output/taste"
    })
final class DemoCommand implements Callable<Integer> {
  /** What the default number of updates is made for, on two cores. */
  private static final double DEFAULT_MINUTES = 5;

  /** Of the time to distil in; the rest goes to what is drawn and saved on the way. */
  private static final double UPDATES_SHARE = 0.98;

  /** For everything, unless a length of distilling is asked for. */
  private static final double DEFAULT_WITHIN = 10;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "where to write (default: ${DEFAULT-VALUE})")
  private Path out = Path.of("output/demo");

  @ArgGroup(exclusive = true)
  private @Nullable Length length;

  /** How long to distil. */
  static final class Length {
    @Option(
        names = "--updates",
        paramLabel = "N",
        description =
            "how many updates to distil for, however long they take (default: as --minutes 5)")
    private @Nullable Long updates;

    @Option(
        names = "--minutes",
        paramLabel = "M",
        description =
            "how long to distil: as many updates as two fast cores do in that time, fewer if they"
                + " do not fit it here")
    private @Nullable Double minutes;
  }

  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "of everything random (default: ${DEFAULT-VALUE})")
  private long seed = DistillRecipe.defaults().seed();

  @Option(
      names = "--steps",
      paramLabel = "1|2|4|8",
      description = "steps of the generator (default: ${DEFAULT-VALUE})")
  private int steps = DistillRecipe.defaults().steps();

  @Option(
      names = "--prompts",
      paramLabel = "N",
      description =
          "prompts to measure on, at most (default: all, or 256 if the time does not suffice)")
  private @Nullable Integer prompts;

  @Option(
      names = "--spear",
      paramLabel = "N",
      description =
          "updates of the run without the shield; 0 leaves it out (default: 90, or none if the time does not suffice)")
  private @Nullable Long spear;

  @Option(
      names = "--within",
      paramLabel = "M",
      description =
          "minutes for everything, dealt out at the start by what this machine does (default: 10, or no limit with --updates or --minutes)")
  private @Nullable Double within;

  @Option(
      names = "--redraw",
      description =
          "let the teacher draw all its pictures; else those that are shipped are taken where they fit, and 24 are drawn to compare")
  private boolean redraw;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "change a key of the recipe; may be given several times")
  private List<String> sets = List.of();

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  DemoCommand() {}

  @Override
  public Integer call() {
    Ranks.requireAlone("demo", System.getenv());
    if (!List.of(1, 2, 4, 8).contains(steps)) {
      throw new CommandException("--steps must be 1, 2, 4 or 8.");
    }
    if (prompts != null && prompts < 2) {
      throw new CommandException("--prompts must be at least 2: a distance needs a spread.");
    }
    if (spear != null && spear < 0) {
      throw new CommandException("--spear must not be negative.");
    }
    if (within != null && !(within > 0 && within < 1e5)) {
      throw new CommandException("--within must be more than 0.");
    }
    DistillRecipe defaults = DistillRecipe.defaults();
    double minutes = length == null || length.minutes == null ? DEFAULT_MINUTES : length.minutes;
    if (!(minutes > 0 && minutes < 1e5)) {
      throw new CommandException("--minutes must be more than 0.");
    }
    Long counted = length == null ? null : length.updates;
    long updates =
        counted == null
            ? Math.max(1, Math.round(defaults.run().updates() * minutes / DEFAULT_MINUTES))
            : counted;
    if (updates < 1) {
      throw new CommandException("--updates must be at least 1.");
    }
    List<String> all = new ArrayList<>();
    all.add("seed=" + seed);
    all.add("steps=" + steps);
    all.add("run.updates=" + updates);
    all.add("teacher=" + Recipes.quoted(RecipeOptions.weights(defaults.teacher()).toString()));
    all.addAll(sets);
    Recipes<DistillRecipe> recipes = Recipes.over(defaults);
    String begun =
        Files.isDirectory(out)
            ? RunFolder.read(out, Display::notice).readRecipe().orElse(null)
            : null;
    DistillRecipe recipe = SettledRecipe.decided(recipes.parse("", "the command line", all), begun);
    boolean timed = counted == null && recipe.run().updates() == updates; // no count was asked for
    refuseAnotherRun(
        // Read and written again: keys that are younger than the run stand at their defaults. Where
        // the teacher and the data lie is not compared, for their content is.
        begun == null
            ? null
            : recipes.write(
                SettledRecipe.moved(
                    recipes, recipes.parse(begun, "recipe.yaml", List.of()), recipe)),
        recipes.write(recipe));
    NativeLibraries.open();
    Demo demo =
        new Demo(
            new Demo.Options(
                out,
                recipe,
                timed ? minutes(minutes * UPDATES_SHARE) : null,
                within != null ? minutes(within) : length == null ? minutes(DEFAULT_WITHIN) : null,
                Places.home().resolve("weights"),
                prompts,
                spear,
                redraw),
            Display::progress,
            Display::notice,
            Interrupts.listen("this update or batch of pictures"));
    Trainer.End end = demo.run();
    return RunEnd.tell(end, "the same command", out.resolve("report.html"));
  }

  private static Duration minutes(double minutes) {
    return Duration.ofMillis(Math.round(minutes * 60_000));
  }

  /** A run that was begun with other options is neither gone on with nor overwritten. */
  private void refuseAnotherRun(@Nullable String begun, String recipe) {
    if (begun != null && !begun.equals(recipe)) {
      throw new CommandException(
          String.format(
              Locale.ROOT,
              "%s holds a demonstration begun with other options (%s); give the same again to go on"
                  + " with it, or choose another --out.",
              out,
              SettledRecipe.difference(begun, recipe)));
    }
  }
}
