package org.peltast.training;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelSource;
import org.peltast.runs.Provenance;
import org.peltast.runs.Recipes;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.Engine;

/**
 * Where the results of every command's run come from: this Peltast, its engine, seed and inputs.
 */
public final class Origin {
  private static final Pattern IMAGES = Pattern.compile("(?m)^ +images: (.+)$");

  private Origin() {}

  /** Peltast's version as in its jar's manifest; "development" when run from class folders. */
  public static String peltast() {
    String version = Origin.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }

  /**
   * Writes down where a run's results come from; a run that goes on must read what it read before.
   *
   * @param inputs SHA-256 of what is read (weights, data, prompts), by name
   * @throws org.peltast.runs.RunException if the run was begun with other inputs
   */
  public static void settle(RunFolder folder, long seed, Map<String, String> inputs) {
    folder.settleProvenance(
        Provenance.now(
            Map.of(
                "peltast",
                peltast(),
                "libtorch",
                Engine.version(),
                "oneDNN",
                Engine.oneDnnVersion()),
            Map.of("run", seed),
            inputs));
  }

  /** It as a model folder keeps it: under {@code run} and {@code recipe}, if written down. */
  public static Map<String, String> of(RunFolder folder) {
    Map<String, String> entries = new TreeMap<>();
    folder.readProvenance().ifPresent(p -> entries.put("run", p.toJson()));
    folder.readRecipe().ifPresent(recipe -> entries.put("recipe", recipe));
    return entries;
  }

  /**
   * What a model learnt from, as {@code data.images} of its run's recipe says; null if its folder
   * does not tell.
   *
   * @param model what its folder keeps: {@link #of}
   */
  public static @Nullable String images(Map<String, String> model) {
    Matcher line = IMAGES.matcher(model.getOrDefault("recipe", ""));
    if (line.find()) {
      return Recipes.text(line.group(1));
    }
    boolean emoji = model.getOrDefault("run", "").contains('"' + DataRecipe.EMOJI + '"');
    return emoji ? DataRecipe.EMOJI : null;
  }

  /**
   * The teacher that a student was distilled from; empty if its folder does not tell.
   *
   * @param student what its folder keeps: {@link #of}
   */
  public static Optional<ModelSource> teacher(Map<String, String> student) {
    return Optional.ofNullable(student.get("recipe"))
        .map(r -> Recipes.over(DistillRecipe.defaults()).parse(r, "its recipe", List.of()))
        .map(DistillRecipe::source);
  }
}
