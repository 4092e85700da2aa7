package org.peltast.training;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.peltast.runs.Recipes;
import org.peltast.runs.RunException;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;

/**
 * The recipe that a run folder is run with: stored when the run begins, and not changed since but
 * for its length and for where its inputs lie.
 */
public final class SettledRecipe {
  private SettledRecipe() {}

  /** Keys that say where something lies: what lies there decides, by its checksum. */
  private static final List<String> PLACES =
      List.of("teacher", "variant", "transformer", "from", "data.images");

  /** Keys whose value is a path that may be looked for in the working folder. */
  private static final List<String> PATHS =
      List.of("teacher", "transformer", "from", "data.images");

  /** Keys that may grow: how many updates a run has. */
  private static final List<String> LENGTHS = List.of("run.updates", "updates");

  /**
   * The recipe to run in a folder. A fresh folder stores what is asked for, with paths that hold
   * from any working folder. A run that has begun keeps its own, which what is asked for must not
   * change: but for more updates than it had, and other places of the same content, which {@link
   * Origin#settle} compares.
   *
   * @param asked what is asked for, over the defaults or over the run's own recipe
   * @param mend what the user may do if it would change the recipe
   * @param notices is told what more updates mean
   * @throws RunException if it would
   */
  public static <T extends Record> T settle(
      RunFolder folder, T defaults, UnaryOperator<T> asked, String mend, Consumer<String> notices) {
    Recipes<T> recipes = Recipes.over(defaults);
    String stored = folder.readRecipe().orElse(null);
    if (stored == null) {
      T wanted = located(recipes, decided(asked.apply(defaults), null));
      folder.writeRecipe(recipes.write(wanted));
      return wanted;
    }
    T own = recipes.parse(stored, folder.recipe().toString(), List.of());
    T wanted = located(recipes, decided(asked.apply(own), stored));
    List<String> told = new ArrayList<>();
    T adopted = longer(recipes, moved(recipes, own, wanted), wanted, told);
    if (!recipes.write(adopted).equals(recipes.write(wanted))) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "%s holds a run with another recipe (%s); %s.",
              folder.path(),
              difference(recipes.write(adopted), recipes.write(wanted)),
              mend));
    }
    if (!recipes.write(own).equals(recipes.write(adopted))) {
      folder.changeRecipe(recipes.write(adopted), () -> told.forEach(notices));
    }
    return adopted;
  }

  /** A recipe with the places of another. */
  public static <T extends Record> T moved(Recipes<T> recipes, T own, T wanted) {
    List<String> sets = new ArrayList<>();
    for (String key : PLACES) {
      recipes.value(wanted, key).ifPresent(value -> sets.add(key + "=" + value));
    }
    return Recipes.with(own, sets);
  }

  private static <T extends Record> T longer(
      Recipes<T> recipes, T own, T wanted, List<String> told) {
    List<String> sets = new ArrayList<>();
    for (String key : LENGTHS) {
      String had = recipes.value(own, key).orElse("");
      String more = recipes.value(wanted, key).orElse("");
      if (!had.isEmpty() && !more.isEmpty() && Long.parseLong(more) > Long.parseLong(had)) {
        sets.add(key + "=" + more);
        told.add(
            String.format(
                Locale.ROOT,
                "The run goes on to %s updates instead of %s; learning rates that fall towards the end fall towards the new one.",
                more,
                had));
      }
    }
    return Recipes.with(own, sets);
  }

  /** The recipe with paths that are found from any working folder. */
  private static <T extends Record> T located(Recipes<T> recipes, T recipe) {
    List<String> sets = new ArrayList<>();
    for (String key : PATHS) {
      String value = recipes.value(recipe, key).map(Recipes::text).orElse("");
      if (isBelowWorkingFolder(value)) {
        Path path = Path.of(value).toAbsolutePath().normalize();
        sets.add(key + "=" + Recipes.quoted(path.toString()));
      }
    }
    return Recipes.with(recipe, sets);
  }

  private static boolean isBelowWorkingFolder(String value) {
    try {
      return !value.isEmpty()
          && !DataRecipe.isBuiltIn(value)
          && !Path.of(value).isAbsolute()
          && Files.exists(Path.of(value));
    } catch (InvalidPathException e) {
      return false; // told by whoever opens it
    }
  }

  /**
   * The recipe with a device and a precision of {@code auto} decided: as the run did when it began,
   * else by asking and measuring now. What is measured may come out otherwise on a busy machine,
   * and a run must go on as it began.
   *
   * @param stored the run's own recipe, or null
   */
  public static <T extends Record> T decided(T recipe, @Nullable String stored) {
    T placed = decided(recipe, "device", stored, Devices::auto);
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
  public static String difference(String own, String wanted) {
    List<String> a = own.lines().toList();
    List<String> b = wanted.lines().toList();
    for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
      if (!a.get(i).equals(b.get(i))) {
        return "it says '" + a.get(i).strip() + "', not '" + b.get(i).strip() + "'";
      }
    }
    return "one is longer";
  }
}
