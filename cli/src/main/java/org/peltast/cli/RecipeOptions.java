package org.peltast.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.peltast.runs.Recipes;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.training.Devices;
import picocli.CommandLine.Option;

/** The options of every command that runs a recipe in a folder. */
final class RecipeOptions {
  @Option(
      names = "--recipe",
      paramLabel = "NAME_OR_FILE",
      description = "a recipe of `peltast recipes`, or a YAML file")
  private @Nullable String recipe;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description =
          "change a key of the recipe, as in --set run.batch=16; may be given several times")
  private List<String> sets = List.of();

  @Option(
      names = "--resume",
      description = "refuse to begin anew: the folder must hold a run to go on with")
  private boolean resume;

  /**
   * The recipe asked for, its changes applied: over the defaults, or over a run's own recipe.
   *
   * @param moreSets changes that other options stand for
   */
  <T extends Record> T read(RecipeShelf.Kind kind, T over, List<String> moreSets) {
    Recipes<T> recipes = Recipes.over(over);
    List<String> all = new ArrayList<>(sets);
    all.addAll(moreSets);
    String name = recipe;
    return name == null
        ? recipes.parse("", "the command line", all)
        : recipes.read(RecipeShelf.find(kind, name), all);
  }

  /**
   * The recipe to run in a folder. A fresh folder stores what is asked for; a run that has begun
   * keeps its own, which what is asked for must not change.
   *
   * @throws CommandException if it would change it, or --resume finds no run
   */
  <T extends Record> T settle(
      RecipeShelf.Kind kind, RunFolder folder, T defaults, List<String> moreSets) {
    Recipes<T> recipes = Recipes.over(defaults);
    String stored = folder.readRecipe().orElse(null);
    if (stored == null) {
      if (resume) {
        throw new CommandException(
            "there is no run in "
                + folder.path()
                + " to go on with; leave out --resume to begin one.");
      }
      T wanted = decided(read(kind, defaults, moreSets), null);
      folder.writeRecipe(recipes.write(wanted));
      return wanted;
    }
    T own = recipes.parse(stored, folder.recipe().toString(), List.of());
    String asked = recipes.write(decided(read(kind, own, moreSets), stored));
    if (!recipes.write(own).equals(asked)) {
      throw new CommandException(
          String.format(
              Locale.ROOT,
              "%s holds a run with another recipe (%s); leave out the options that differ to go on with it, or choose another --out.",
              folder.path(),
              difference(recipes.write(own), asked)));
    }
    return own;
  }

  /**
   * The recipe with a device and a precision of {@code auto} decided: as the run did when it began,
   * else by asking and measuring now. What is measured may come out otherwise on a busy machine,
   * and a run must go on as it began.
   *
   * @param stored the run's own recipe, or null
   */
  static <T extends Record> T decided(T recipe, @Nullable String stored) {
    T placed = decided(recipe, "device", stored, () -> Devices.of("auto").toString());
    return decided(
        placed,
        "precision",
        stored,
        () -> {
          Device device = Devices.of(value(text(placed), "device"));
          return Precision.auto(device).toString();
        });
  }

  private static <T extends Record> T decided(
      T recipe, String key, @Nullable String stored, Supplier<String> choice) {
    if (!text(recipe).lines().anyMatch((key + ": auto")::equals)) {
      return recipe;
    }
    String value = stored == null ? choice.get() : value(stored, key);
    return Recipes.with(recipe, List.of(key + "=" + value));
  }

  private static <T extends Record> String text(T recipe) {
    return Recipes.over(recipe).write(recipe);
  }

  /** What a recipe says at its top level; {@code auto} if it does not, as it did not always. */
  private static String value(String yaml, String key) {
    String start = key + ": ";
    return yaml.lines()
        .filter(line -> line.startsWith(start))
        .map(line -> line.substring(start.length()))
        .findFirst()
        .orElse("auto");
  }

  /** The first line in which two recipes differ. */
  static String difference(String own, String wanted) {
    List<String> a = own.lines().toList();
    List<String> b = wanted.lines().toList();
    for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
      if (!a.get(i).equals(b.get(i))) {
        return "it says '" + a.get(i).strip() + "', not '" + b.get(i).strip() + "'";
      }
    }
    return "one is longer";
  }

  /** A folder with weights as a recipe names it: below the working folder, or else the clone. */
  static Path weights(Path named) {
    Path atHome = Places.home().resolve(named);
    return !named.isAbsolute() && !Files.exists(named) && Files.exists(atHome) ? atHome : named;
  }
}
