package org.peltast.plan;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.peltast.models.ModelSource;
import org.peltast.runs.Recipes;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.training.DistillRecipe;
import org.peltast.training.UpdateOutline;

/**
 * The memory of a distillation on a target.
 *
 * @param recipe of the run
 * @param target where it is to run
 * @param precision of products
 * @param outline of its update, of the micro-batch that the recipe asks for
 * @param other the same with activation checkpointing, or without where the recipe asks for it
 * @param choices other settings by which it takes less; none where it fits as it is
 */
public record Plan(
    DistillRecipe recipe,
    Target target,
    Precision precision,
    UpdateOutline outline,
    UpdateOutline other,
    List<Choice> choices) {
  private static final int RANK = 64;
  private static final String CHECKPOINTING = "memory.checkpointing=blocks";
  private static final String NARROW_WEIGHTS = "memory.weights=bf16";
  private static final String NARROW_MOMENTS = "memory.moments=bf16";

  /** Copies the list. */
  public Plan {
    choices = List.copyOf(choices);
  }

  /**
   * Settings that lower the peak.
   *
   * @param sets as {@code --set} takes them, or what else it is
   * @param peak in bytes
   */
  public record Choice(String sets, long peak) {}

  /**
   * Plans.
   *
   * @param source of the teacher: its configurations are enough, weights are not looked for
   */
  public static Plan of(DistillRecipe recipe, ModelSource source, Target target) {
    Precision precision = precision(recipe.precision(), target.device());
    int batch = recipe.run().batch();
    int parts = recipe.run().microBatches();
    int items = target.atOnce(batch, parts);
    UpdateOutline outline = UpdateOutline.of(recipe, source, precision, target.device(), items);
    UpdateOutline other =
        UpdateOutline.of(toggled(recipe), source, precision, target.device(), items);
    Plan plan = new Plan(recipe, target, precision, outline, other, List.of());
    return plan.fits(plan.peak())
        ? plan
        : new Plan(recipe, target, precision, outline, other, new Choices(plan, source).all());
  }

  private static DistillRecipe toggled(DistillRecipe recipe) {
    return Recipes.with(
        recipe,
        List.of(recipe.memory().isCheckpointing() ? "memory.checkpointing=none" : CHECKPOINTING));
  }

  /** What {@code auto} is: on a GPU, which need not be here, always bfloat16. */
  private static Precision precision(String name, Device device) {
    return name.equals("auto") && device.kind() == Device.Kind.CUDA
        ? Precision.BF16
        : Precision.parse(name, device);
  }

  /** The most bytes that are held at once. */
  public long peak() {
    return peak(outline, recipe.run().microBatches());
  }

  /** Whether so many bytes are there. */
  public boolean fits(long bytes) {
    return bytes <= target.memory();
  }

  private long peak(UpdateOutline of, int parts) {
    int batch = recipe.run().batch();
    long training = of.peak(target.schedule(batch, parts));
    long encoder = of.text().bytes();
    // One that rests has given its memory back when the first update begins.
    long held = of.text().rests() ? Math.max(training, of.begun() + encoder) : training + encoder;
    return target.process() + held;
  }

  /** Looks for settings that make it fit. */
  private static final class Choices {
    private final Plan plan;
    private final ModelSource source;
    private final List<Choice> found = new ArrayList<>();

    Choices(Plan plan, ModelSource source) {
      this.plan = plan;
      this.source = source;
    }

    List<Choice> all() {
      List<String> again =
          plan.recipe.memory().isCheckpointing() ? List.of() : List.of(CHECKPOINTING);
      if (!again.isEmpty()) {
        add(named(again, 0, plan.recipe), plan.peak(plan.other, plan.recipe.run().microBatches()));
      }
      cut(List.of());
      if (!again.isEmpty()) {
        cut(again);
      }
      if (plan.precision == Precision.FLOAT32) {
        cut(joined(again, "precision=bf16"));
      }
      if (plan.recipe.memory().weightType() == DType.FLOAT32) {
        cut(joined(again, NARROW_WEIGHTS, NARROW_MOMENTS));
      }
      if (plan.recipe.lora().rank() == 0) {
        cut(List.of("lora.rank=" + RANK));
        if (!again.isEmpty()) {
          cut(joined(again, "lora.rank=" + RANK));
        }
        if (plan.recipe.memory().weightType() == DType.FLOAT32) {
          cut(joined(again, NARROW_WEIGHTS, "lora.rank=" + RANK));
        }
      }
      return found;
    }

    private static List<String> joined(List<String> sets, String... more) {
      List<String> all = new ArrayList<>(sets);
      all.addAll(List.of(more));
      return all;
    }

    /** With as few micro-batches as fit, or if none do, with as many as there can be. */
    private void cut(List<String> sets) {
      DistillRecipe changed = Recipes.with(plan.recipe, sets);
      Precision precision = sets.contains("precision=bf16") ? Precision.BF16 : plan.precision;
      int most = plan.target.parts(changed.run().batch(), 1);
      UpdateOutline one = outline(changed, precision, 1);
      int parts = most;
      if (plan.fits(plan.peak(one, most)) && most > 1) {
        UpdateOutline two = outline(changed, precision, 2);
        int batch = changed.run().batch();
        long first = plan.peak(one, 2);
        long each = Math.max(1, plan.peak(two, 2) - first);
        long items = 1 + (plan.target.memory() - first) / each;
        parts = plan.target.parts(batch, (int) Math.max(1, Math.min(items, batch)));
        parts = Math.max(parts, changed.run().microBatches());
        long peak = first + (plan.target.atOnce(batch, parts) - 1) * each;
        add(named(sets, parts, changed), peak);
      } else {
        add(named(sets, parts, changed), plan.peak(one, parts));
      }
    }

    private static String named(List<String> sets, int parts, DistillRecipe changed) {
      List<String> all = new ArrayList<>(sets);
      if (parts > changed.run().microBatches()) {
        all.add("run.microBatches=" + parts);
      }
      return all.isEmpty() ? "as it is" : "--set " + String.join(" --set ", all);
    }

    private UpdateOutline outline(DistillRecipe recipe, Precision precision, int items) {
      return UpdateOutline.of(recipe, source, precision, plan.target.device(), items);
    }

    private void add(String sets, long peak) {
      if (peak < plan.peak()) {
        found.add(new Choice(sets, peak));
      }
    }
  }

  /** The table, line by line, and what makes it fit. */
  public List<String> lines() {
    return new PlanText(this).lines();
  }

  /** A number of bytes for people. */
  static String size(long bytes) {
    if (bytes < 10L << 20) {
      return String.format(Locale.ROOT, "%.1f MiB", bytes / (double) (1L << 20));
    }
    return bytes < 1L << 30
        ? String.format(Locale.ROOT, "%.0f MiB", bytes / (double) (1L << 20))
        : String.format(Locale.ROOT, "%.1f GiB", bytes / (double) (1L << 30));
  }
}
