package org.peltast.plan;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.peltast.data.GeneralPrompts;
import org.peltast.data.ModelPrompts;
import org.peltast.models.ModelFolder;
import org.peltast.models.ModelSource;
import org.peltast.models.TextToImage;
import org.peltast.runs.Recipes;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.training.RecipeShelf;

/**
 * The recipe and the prompts that suit a teacher of which nothing else is said. A family's recipe
 * has the family's name, {@code sdxl}; that for teachers of a hundredth of the size, {@code
 * sdxl-small}: learning rates that move ten million weights in minutes tear billions apart.
 *
 * @param recipe a name on the shelf
 * @param sets what to change in it: the prompts; nothing where the caller has named some
 * @param reason why, in a sentence
 */
public record RecipeChoice(String recipe, List<String> sets, String reason) {
  /** Weights of a network below which it is a small one. */
  static final long SMALL = 100_000_000;

  /** Copies the list. */
  public RecipeChoice {
    sets = List.copyOf(sets);
  }

  /**
   * Chooses. A teacher whose text encoder is the project's own learnt from the project's own data:
   * the defaults are for it, and nothing is chosen; neither is where the shelf has no recipe of its
   * family.
   *
   * @param teacher its configurations are enough
   * @param promptsNamed whether the caller has named prompts
   */
  public static Optional<RecipeChoice> of(
      ModelSource teacher, RecipeShelf shelf, boolean promptsNamed) {
    if (ModelFolder.hasOwnText(teacher.folder())) {
      return Optional.empty();
    }
    String family = teacher.family().id();
    long weights = weights(teacher);
    boolean small = weights < SMALL;
    String name = small ? family + "-small" : family;
    if (shelf.all().stream()
        .noneMatch(e -> e.kind() == RecipeShelf.Kind.DISTILL && e.name().equals(name))) {
      return Optional.empty();
    }
    Path list = promptsNamed ? null : ModelPrompts.with(teacher.folder()).orElse(null);
    return Optional.of(
        new RecipeChoice(
            name,
            promptsNamed ? List.of() : List.of("data.images=" + prompts(list)),
            String.format(
                Locale.ROOT,
                "Recipe %s, for a %s teacher of the family %s (%s weights)%s; --recipe takes another.",
                name,
                small ? "small" : "full-size",
                family,
                counted(weights),
                promptsNamed
                    ? ""
                    : list == null
                        ? ", with general prompts (name yours with --set data.images=FILE)"
                        : ", with the prompts of " + list)));
  }

  private static String prompts(@Nullable Path list) {
    return list == null ? GeneralPrompts.NAME : Recipes.quoted(list.toString());
  }

  /** How many weights a network has, by its configuration. */
  static long weights(ModelSource teacher) {
    try (TextToImage model = ModelFolder.open(teacher, Device.META, Precision.FLOAT32)) {
      return model.network().parameters().count();
    }
  }

  /** A number of weights for people. */
  static String counted(long weights) {
    return weights >= 1_000_000_000
        ? String.format(Locale.ROOT, "%.2f billion", weights / 1e9)
        : weights >= 100_000
            ? String.format(Locale.ROOT, "%.1f million", weights / 1e6)
            : String.format(Locale.ROOT, "%,d", weights);
  }
}
