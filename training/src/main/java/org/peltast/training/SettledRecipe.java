package org.peltast.training;

import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.peltast.runs.Recipes;
import org.peltast.runs.RunException;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;

/**
 * The recipe that a run folder is run with: stored when the run begins, and never changed since.
 */
public final class SettledRecipe {
  private SettledRecipe() {}

  /**
   * The recipe to run in a folder. A fresh folder stores what is asked for; a run that has begun
   * keeps its own, which what is asked for must not change.
   *
   * @param asked what is asked for, over the defaults or over the run's own recipe
   * @param mend what the user may do if it would change the recipe
   * @throws RunException if it would
   */
  public static <T extends Record> T settle(
      RunFolder folder, T defaults, UnaryOperator<T> asked, String mend) {
    Recipes<T> recipes = Recipes.over(defaults);
    String stored = folder.readRecipe().orElse(null);
    if (stored == null) {
      T wanted = decided(asked.apply(defaults), null);
      folder.writeRecipe(recipes.write(wanted));
      return wanted;
    }
    T own = recipes.parse(stored, folder.recipe().toString(), List.of());
    String wanted = recipes.write(decided(asked.apply(own), stored));
    if (!recipes.write(own).equals(wanted)) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "%s holds a run with another recipe (%s); %s.",
              folder.path(),
              difference(recipes.write(own), wanted),
              mend));
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
