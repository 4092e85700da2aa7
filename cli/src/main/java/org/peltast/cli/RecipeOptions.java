package org.peltast.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelSource;
import org.peltast.plan.RecipeChoice;
import org.peltast.runs.Recipes;
import org.peltast.runs.RunFolder;
import org.peltast.training.DistillRecipe;
import org.peltast.training.RecipeShelf;
import org.peltast.training.SettledRecipe;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of every command that runs a recipe in a folder. */
final class RecipeOptions {
  @Option(
      names = "--recipe",
      paramLabel = "NAME_OR_FILE",
      description = "a recipe of `peltast recipes`, or a YAML file")
  private @Nullable String recipe;

  @Mixin private SetOption changes;

  @Option(
      names = "--resume",
      description = "refuse to begin anew: the folder must hold a run to go on with")
  private boolean resume;

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  RecipeOptions() {}

  /**
   * The recipe asked for, its changes applied: over the defaults, or over a run's own recipe.
   *
   * @param moreSets changes that other options stand for
   */
  <T extends Record> T read(RecipeShelf.Kind kind, T over, List<String> moreSets) {
    Recipes<T> recipes = Recipes.over(over);
    List<String> all = new ArrayList<>(changes.sets());
    all.addAll(moreSets);
    String name = recipe;
    return name == null
        ? recipes.parse("", "the command line", all)
        : recipes.read(Places.recipes().find(kind, name), all);
  }

  /**
   * The recipe that suits a teacher, where none was named, from now on and said in one line.
   *
   * @param read what was asked for, over the defaults
   * @param moreSets changes that other options stand for; those of the choice are added
   */
  DistillRecipe choose(DistillRecipe read, ModelSource teacher, List<String> moreSets) {
    if (recipe != null) {
      return read;
    }
    boolean named =
        changes.sets().stream()
            .anyMatch(set -> set.matches("(data(\\.images)?|unconditional)\\s*=.*"));
    Optional<RecipeChoice> choice = RecipeChoice.of(teacher, Places.recipes(), named);
    if (choice.isEmpty()) {
      return read;
    }
    Display.notice(choice.get().reason());
    recipe = choice.get().recipe();
    moreSets.add("teacher=" + Recipes.quoted(teacher.folder().toString()));
    moreSets.addAll(choice.get().sets());
    return read(RecipeShelf.Kind.DISTILL, DistillRecipe.defaults(), moreSets);
  }

  /** The recipe's name; that of the demonstration's if there is none. */
  String name() {
    return recipe == null ? "demo" : recipe;
  }

  /**
   * The recipe to run in a folder; see {@link SettledRecipe#settle}.
   *
   * @throws CommandException if --resume finds no run
   */
  <T extends Record> T settle(
      RecipeShelf.Kind kind, RunFolder folder, T defaults, List<String> moreSets) {
    if (resume && folder.readRecipe().isEmpty()) {
      throw new CommandException(
          "there is no run in "
              + folder.path()
              + " to go on with; leave out --resume to begin one.");
    }
    return SettledRecipe.settle(
        folder,
        defaults,
        over -> read(kind, over, moreSets),
        "leave out the options that differ to go on with it, or choose another --out",
        Display::notice);
  }

  /** A folder with weights as a recipe names it: below the working folder, or else the clone. */
  static Path weights(Path named) {
    Path atHome = Places.home().resolve(named);
    return !named.isAbsolute() && !Files.exists(named) && Files.exists(atHome) ? atHome : named;
  }
}
