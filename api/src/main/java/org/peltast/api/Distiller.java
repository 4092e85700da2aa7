package org.peltast.api;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.peltast.distill.Method;
import org.peltast.training.MethodContext;
import org.peltast.training.MethodRecipe;

/**
 * What a distillation is put together from: teacher, recipe, data, perhaps a method of one's own.
 * Each step returns a changed copy; {@link #into} makes the run.
 */
public final class Distiller {
  /**
   * What a run learns from.
   *
   * @param images as {@code data.images} of a recipe names it; null for what the recipe says
   * @param prompts at hand, to be written into the run's folder; null for none
   */
  record Source(@Nullable String images, @Nullable List<String> prompts) {}

  private final Teacher teacher;
  private final Recipe recipe;
  private final Source source;
  private final @Nullable Function<MethodContext, Method> method;

  private Distiller(
      Teacher teacher,
      Recipe recipe,
      Source source,
      @Nullable Function<MethodContext, Method> method) {
    this.teacher = teacher;
    this.recipe = recipe;
    this.source = source;
    this.method = method;
  }

  /** Of a teacher, which stays the caller's: by Decoupled DMD on the recipe's data, unless said. */
  public static Distiller of(Teacher teacher) {
    return new Distiller(teacher, Recipes.decoupledDmd(), new Source(null, null), null);
  }

  /** By another recipe, whose teacher, device and precision give way to those of the teacher. */
  public Distiller recipe(Recipe other) {
    return new Distiller(teacher, other, source, method);
  }

  /**
   * On prompts at hand, which the run's folder keeps as {@code prompts.jsonl}.
   *
   * @param prompts at least one, none of them blank; line breaks become blanks
   */
  public Distiller prompts(List<String> prompts) {
    return new Distiller(teacher, recipe, new Source(null, List.copyOf(prompts)), method);
  }

  /** On a list of prompts, {@code .txt} with one a line or {@code .jsonl}. */
  public Distiller prompts(Path file) {
    return new Distiller(teacher, recipe, new Source(file.toString(), null), method);
  }

  /** On a folder of captioned pictures, brought to the teacher's size. */
  public Distiller images(Path folder) {
    return new Distiller(teacher, recipe, new Source(folder.toString(), null), method);
  }

  /**
   * By a method of one's own; the recipe must be one of {@link Recipes#custom}.
   *
   * @param made makes it, once, as the run starts; the run closes it
   */
  public Distiller method(Function<MethodContext, Method> made) {
    return new Distiller(teacher, recipe, source, made);
  }

  /**
   * The run in a folder, which is made when it starts.
   *
   * @throws IllegalStateException if there is a method of one's own and the recipe names another,
   *     or the other way round
   */
  public Distillation into(Path folder) {
    boolean custom = recipe.settings().method() instanceof MethodRecipe.Custom;
    if (custom != (method != null)) {
      throw new IllegalStateException(
          custom
              ? "this recipe is of a method of one's own: make it by Distiller.method"
              : "a method of one's own needs a recipe of Recipes.custom, which names it");
    }
    return new Distillation(teacher, recipe, source, method, folder);
  }
}
