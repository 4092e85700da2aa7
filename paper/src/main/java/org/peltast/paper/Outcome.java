package org.peltast.paper;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.peltast.runs.RunException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * What one run came to: a function of its recipe, its seed and what it is measured on.
 *
 * @param key the hash that it is known by
 * @param seed of the run
 * @param updates that were made
 * @param collapsed whether a loss or gradient stopped being a number, which ended the run
 * @param best the update of the best moment
 * @param moments on validation prompts, with the training's own metrics since the moment before
 * @param test measures on test prompts, by "start", "best" and "end"
 * @param series what an analysis found, by name: spectra, or values at rising τ
 * @param seconds of all updates, which is no function of anything
 */
record Outcome(
    String key,
    long seed,
    long updates,
    boolean collapsed,
    long best,
    List<Moment> moments,
    Map<String, Map<String, Double>> test,
    Map<String, List<Double>> series,
    double seconds) {
  private static final String FILE = "outcome.json";
  private static final JsonMapper JSON =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  /** Measures at an update, by key. */
  record Moment(long update, Map<String, Double> values) {}

  /** The name of a moment in {@link #test} and in names of files. */
  static String name(Claims.At at) {
    return at.name().toLowerCase(Locale.ROOT);
  }

  /** A measure at a moment; NaN if there is none. */
  double of(String measure, Claims.At at) {
    Map<String, Double> values = test.getOrDefault(name(at), Map.of());
    return values.getOrDefault(measure, Double.NaN);
  }

  /** Writes it into a run's folder, which is done then. */
  void write(Path folder) {
    PictureSheet.write(folder.resolve(FILE), JSON.writeValueAsBytes(this));
  }

  /** Whether a run is done. */
  static boolean isIn(Path folder) {
    return Files.exists(folder.resolve(FILE));
  }

  /** What a run came to, if it is done. */
  static Optional<Outcome> in(Path folder) {
    return isIn(folder) ? Optional.of(read(folder.resolve(FILE), Outcome.class)) : Optional.empty();
  }

  /** Writes a moment into a run's folder. */
  static void write(Path folder, Moment moment) {
    PictureSheet.write(
        momentFile(folder, moment.update(), ".json"), JSON.writeValueAsBytes(moment));
  }

  /** A moment of a run; null if it was not looked at. */
  static @Nullable Moment moment(Path folder, long update) {
    Path file = momentFile(folder, update, ".json");
    return Files.exists(file) ? read(file, Moment.class) : null;
  }

  /** Writes what is known of the latents of test prompts, which their pictures do not tell. */
  static void write(Path folder, Claims.At at, Map<String, Double> values) {
    PictureSheet.write(drawnFile(folder, at), JSON.writeValueAsBytes(new Moment(0, values)));
  }

  /** What {@link #write(Path, Claims.At, Map)} wrote. */
  static Map<String, Double> drawn(Path folder, Claims.At at) {
    return read(drawnFile(folder, at), Moment.class).values();
  }

  private static Path drawnFile(Path folder, Claims.At at) {
    return folder.resolve("test-" + name(at) + ".json");
  }

  /** A moment's file. */
  static Path momentFile(Path folder, long update, String ending) {
    return folder.resolve("moments").resolve(String.format(Locale.ROOT, "%06d", update) + ending);
  }

  /** The pictures of test prompts at a moment; {@code more} are those for diversity. */
  static Path testFile(Path folder, Claims.At at, boolean more) {
    return folder.resolve("test-" + name(at) + (more ? "-more" : "") + ".png");
  }

  private static <T> T read(Path file, Class<T> type) {
    try {
      return JSON.readValue(Files.readAllBytes(file), type);
    } catch (JacksonException | IOException e) {
      throw new RunException(
          "cannot read " + file + " (" + e.getMessage() + "); delete its folder to run it again",
          e);
    }
  }
}
