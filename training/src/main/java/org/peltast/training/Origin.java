package org.peltast.training;

import java.util.Map;
import java.util.TreeMap;
import org.peltast.runs.Provenance;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.Engine;

/**
 * Where the results of every command's run come from: this Peltast, its engine, seed and inputs.
 */
public final class Origin {
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
}
