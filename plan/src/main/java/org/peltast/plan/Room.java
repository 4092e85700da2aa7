package org.peltast.plan;

import java.util.List;
import java.util.Locale;
import org.peltast.models.ModelSource;
import org.peltast.runs.Recipes;
import org.peltast.runs.RunException;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.training.DistillRecipe;
import org.peltast.training.UpdateOutline;

/**
 * Whether this machine can hold a distillation at all: asked before gigabytes are read, and of
 * large teachers alone.
 */
public final class Room {
  private static final int RANK = 64;

  private Room() {}

  /**
   * Refuses a distillation whose weights, gradients and optimisers are more than the machine's
   * memory, however its batch is cut. What lies on a GPU is not asked about.
   *
   * @param teacher its configurations are enough
   * @param name of the recipe, for the sentence
   * @throws RunException that names a LoRA and {@code peltast plan}
   */
  public static void require(DistillRecipe recipe, ModelSource teacher, String name) {
    Device device = Device.CPU;
    if (!recipe.device().equals("cpu")
        && !(recipe.device().equals("auto") && Target.isHostByDefault())) {
      return;
    }
    long weights = RecipeChoice.weights(teacher);
    if (weights < RecipeChoice.SMALL) {
      return;
    }
    Target target = Target.of("cpu", null);
    long held = held(recipe, teacher, device);
    if (held <= target.memory()) {
      return;
    }
    DistillRecipe asLora = Recipes.with(recipe, List.of("lora.rank=" + RANK));
    throw new RunException(
        String.format(
            Locale.ROOT,
            "distilling the %s weights of %s holds %s before the first picture, more than the %s of this machine; %s`peltast plan %s --teacher %s` says what each part takes.",
            RecipeChoice.counted(weights),
            teacher.folder(),
            Plan.size(held),
            Plan.size(target.memory()),
            recipe.lora().rank() > 0
                ? ""
                : String.format(
                    Locale.ROOT,
                    "a LoRA (--set lora.rank=%d) holds %s, and ",
                    RANK,
                    Plan.size(held(asLora, teacher, device))),
            name,
            teacher.folder()));
  }

  /** What is there from the first update to the last, of one thread. */
  private static long held(DistillRecipe recipe, ModelSource teacher, Device device) {
    UpdateOutline outline = UpdateOutline.of(recipe, teacher, Precision.FLOAT32, device, 1);
    return outline.held() + outline.gradients();
  }
}
