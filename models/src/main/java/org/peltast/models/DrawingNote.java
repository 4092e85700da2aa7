package org.peltast.models;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.diffusion.StepGrid;
import org.peltast.diffusion.TimeShift;
import org.peltast.diffusion.VariancePreserving;

/**
 * How a model is to be drawn, to travel with files that have no place for it: a student that is
 * drawn with its teacher's schedule draws badly.
 *
 * @param family its id
 * @param steps how many
 * @param shift of the timesteps, static; null on paths without one
 * @param sigmas the noise level at which each step begins, 1 noise, shifted; empty on paths of
 *     discrete timesteps
 * @param timesteps the timestep at which each step begins; empty on flow paths
 * @param sampler {@code renoise}, {@code euler} or {@code ddim}
 * @param guidance α of {@code u + α(c − u)}, 1 is none
 * @param height of the pictures, in pixels
 * @param width of the pictures, in pixels
 */
record DrawingNote(
    String family,
    int steps,
    @Nullable Double shift,
    List<Double> sigmas,
    List<Integer> timesteps,
    String sampler,
    double guidance,
    int height,
    int width) {
  private static final String PREFIX = "peltast.";

  DrawingNote {
    sigmas = List.copyOf(sigmas);
    timesteps = List.copyOf(timesteps);
  }

  /** How an open model is meant to be drawn. */
  static DrawingNote of(TextToImage model) {
    return of(
        model.network().family(), model.denoisingSchedule(model.defaults()), model.defaults());
  }

  /**
   * How a model is meant to be drawn.
   *
   * @param schedule with a static shift
   */
  static DrawingNote of(ModelFamily family, NoiseSchedule schedule, GenerationSettings settings) {
    StepGrid grid = settings.grid();
    List<Double> sigmas = new ArrayList<>();
    List<Integer> timesteps = new ArrayList<>();
    Double factor = null;
    for (int k = 0; k < grid.size(); k++) {
      if (schedule.path() instanceof VariancePreserving path) {
        timesteps.add((int) Math.round((1 - grid.time(k)) * path.steps()) - 1);
      } else if (schedule.shift() instanceof TimeShift fixed) {
        sigmas.add(Math.round((1 - fixed.apply(grid.time(k))) * 1e6) / 1e6);
        factor = fixed.factor();
      }
    }
    return new DrawingNote(
        family.id(),
        grid.size(),
        factor,
        sigmas,
        timesteps,
        GenerationSettings.name(settings.sampler()),
        settings.guidance().alpha(),
        settings.height(),
        settings.width());
  }

  /** Entries for a safetensors header. */
  Map<String, String> metadata() {
    Map<String, String> entries = new LinkedHashMap<>();
    entries.put(PREFIX + "family", family);
    entries.put(PREFIX + "steps", "" + steps);
    if (shift != null) {
      entries.put(PREFIX + "shift", "" + shift);
      entries.put(PREFIX + "dynamic_shifting", "false");
    }
    if (!sigmas.isEmpty()) {
      entries.put(PREFIX + "sigmas", sigmas.toString());
    }
    if (!timesteps.isEmpty()) {
      entries.put(PREFIX + "timesteps", timesteps.toString());
    }
    entries.put(PREFIX + "sampler", sampler);
    entries.put(PREFIX + "guidance", "" + guidance);
    entries.put(PREFIX + "size", width + "x" + height);
    return entries;
  }

  /**
   * ComfyUI's name of the sampler: lcm predicts the clean image and noises it afresh; on a
   * variance-preserving path its euler is DDIM.
   */
  String comfySampler() {
    return sampler.equals("renoise") ? "lcm" : "euler";
  }

  /** ComfyUI's name of steps of equal length before the shift, as grids are here. */
  String comfyScheduler() {
    return "simple";
  }

  /** The same for people. */
  String text() {
    StringBuilder text = new StringBuilder();
    line(text, "Draw this model with these settings.");
    if (guidance == 1) {
      line(
          text,
          "It was distilled for them: with its teacher's steps, shift or guidance it draws badly.");
    }
    line(text, "");
    line(text, "steps: %d", steps);
    if (shift != null) {
      line(text, "shift: %s (static: dynamic shifting off)", shift);
    }
    if (!sigmas.isEmpty()) {
      line(text, "sigmas: %s, then 0", sigmas);
    }
    if (!timesteps.isEmpty()) {
      line(text, "timesteps: %s", timesteps);
    }
    line(
        text,
        "sampler: %s",
        sampler.equals("renoise")
            ? "predicts the clean image and noises it afresh between steps (ComfyUI: lcm)"
            : sampler);
    line(text, "guidance: %s%s", guidance, guidance == 1 ? " (none; ComfyUI: cfg 1.0)" : "");
    line(text, "size: %d x %d", width, height);
    return text.toString();
  }

  private static void line(StringBuilder text, String format, Object... values) {
    text.append(String.format(Locale.ROOT, format, values)).append('\n');
  }
}
