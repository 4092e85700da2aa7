package org.peltast.demo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.peltast.models.GenerationSettings;
import org.peltast.models.TextToImage;
import org.peltast.runs.Progress;
import org.peltast.runs.RunException;
import org.peltast.safetensors.SafetensorsException;
import org.peltast.tensor.DType;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;
import org.peltast.tensor.TensorFiles;

/**
 * Latents that a model drew for a list of captions, kept in a file with all that they depend on: a
 * slow teacher's need not be drawn again by everybody who measures beside it.
 *
 * <p>Picture i has caption i and the noise of number i, so the first n are what a list of the first
 * n captions would have given.
 *
 * @param model SHA-256 of the model's folder
 * @param settings as {@link #describe} writes them
 * @param seed of the noise
 * @param captions of the pictures
 * @param latents [n, C, h, w] float32 on the CPU, rounded to float16 in the file
 */
record DrawnLatents(
    String model, String settings, long seed, List<String> captions, Tensor latents) {
  private static final String KEY = "latents";

  /** Pictures are drawn so many at a time: a batch's rounding is a part of the result. */
  private static final int BATCH = 64;

  DrawnLatents {
    captions = List.copyOf(captions);
    if (latents.rank() != 4 || latents.size(0) != captions.size()) {
      throw new IllegalArgumentException(
          "latents are [n, C, h, w] for n captions, not "
              + latents
              + " for "
              + captions.size()
              + " captions");
    }
  }

  /** Draws the pictures of all captions; the latents belong to the caller's scope. */
  static DrawnLatents draw(
      String checksum,
      TextToImage model,
      GenerationSettings settings,
      List<String> asked,
      long seed,
      Progress progress) {
    Tensor all =
        model.generateLatents(
            asked, seed, settings, BATCH, n -> progress.step(n, asked.size(), Map.of()));
    return new DrawnLatents(checksum, describe(settings), seed, asked, all);
  }

  /** Settings in one line: what is equal here draws the same. */
  static String describe(GenerationSettings settings) {
    return String.format(
        Locale.ROOT,
        "%d x %d, %s, guidance %s, steps %s",
        settings.width(),
        settings.height(),
        GenerationSettings.name(settings.sampler()),
        settings.guidance().alpha(),
        settings.grid());
  }

  /** The first n. */
  DrawnLatents first(int n) {
    return new DrawnLatents(
        model, settings, seed, captions.subList(0, n), latents.narrow(0, 0, n).contiguous());
  }

  /** Whether a model with these settings drew pictures whose captions begin with the given ones. */
  boolean answers(String checksum, GenerationSettings wanted, List<String> asked) {
    return model.equals(checksum)
        && settings.equals(describe(wanted))
        && captions.size() >= asked.size()
        && captions.subList(0, asked.size()).equals(asked);
  }

  /**
   * The pictures, [n, 3, H, W] in [0, 1], in the caller's scope.
   *
   * @param decoder a model with the codec that the latents belong to
   */
  Tensor pictures(TextToImage decoder) {
    return Scope.compute(
        () -> {
          List<Tensor> parts = new java.util.ArrayList<>();
          for (int first = 0; first < captions.size(); first += BATCH) {
            int n = Math.min(BATCH, captions.size() - first);
            Tensor some = latents.narrow(0, first, n).contiguous();
            parts.add(Scope.compute(() -> decoder.decode(some.to(decoder.device()))));
          }
          return Tensor.cat(parts, 0);
        });
  }

  /** Writes the file, making its folder if need be. */
  void write(Path file) {
    try (Scope scope = Scope.open()) {
      Files.createDirectories(Objects.requireNonNull(file.toAbsolutePath().getParent()));
      TensorFiles.write(
          file,
          Map.of(KEY, latents.to(DType.FLOAT16)),
          new TreeMap<>(
              Map.of(
                  "model",
                  model,
                  "settings",
                  settings,
                  "seed",
                  Long.toString(seed),
                  "captions",
                  String.join("\n", captions))));
    } catch (IOException e) {
      throw new RunException("cannot write " + file + " (" + e.getMessage() + ")", e);
    }
  }

  /**
   * Reads a file, if there is one; the latents belong to the caller's scope.
   *
   * @throws RunException if it is damaged
   */
  static Optional<DrawnLatents> read(Path file) {
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      Map<String, String> about = TensorFiles.metadata(file);
      Tensor latents = Scope.compute(() -> required(TensorFiles.read(file).get(KEY)));
      return Optional.of(
          new DrawnLatents(
              required(about.get("model")),
              required(about.get("settings")),
              Long.parseLong(required(about.get("seed"))),
              List.of(required(about.get("captions")).split("\n")),
              latents));
    } catch (SafetensorsException | TensorException | IllegalArgumentException e) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "%s is damaged (%s); take it from the clone again, or draw anew with --redraw.",
              file,
              e.getMessage()),
          e);
    }
  }

  private static Tensor required(@Nullable Tensor latents) {
    if (latents == null || !latents.allFinite()) {
      throw new IllegalArgumentException("it has no finite tensor " + KEY);
    }
    return latents.to(DType.FLOAT32);
  }

  private static String required(@Nullable String entry) {
    if (entry == null) {
      throw new IllegalArgumentException("an entry of its header is missing");
    }
    return entry;
  }
}
