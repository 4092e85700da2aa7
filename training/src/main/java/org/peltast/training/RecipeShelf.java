package org.peltast.training;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.peltast.evaluate.JudgeRun;
import org.peltast.runs.Recipes;
import org.peltast.runs.RunException;

/**
 * A folder of recipes by name: {@code KIND/NAME.yaml}.
 *
 * @param folder that holds a folder of each kind; one that is not there has no recipe
 */
public record RecipeShelf(Path folder) {
  /** What a recipe is for; its records hold the defaults. */
  public enum Kind {
    DISTILL("peltast distill", DistillRecipe.defaults()),
    TEACHER("peltast train teacher", TeacherRecipe.defaults()),
    JUDGE("peltast train judge", JudgeRun.Recipe.defaults());

    private final String command;
    private final Record defaults;

    Kind(String command, Record defaults) {
      this.command = command;
      this.defaults = defaults;
    }

    /** The command that runs it. */
    public String command() {
      return command;
    }

    /** The folder's name. */
    public String folder() {
      return name().toLowerCase(Locale.ROOT);
    }

    /** A recipe file with every key, defaults filled in. */
    public String resolved(Path file) {
      return resolved(defaults, file);
    }

    private static <T extends Record> String resolved(T defaults, Path file) {
      Recipes<T> recipes = Recipes.over(defaults);
      return recipes.write(recipes.read(file));
    }
  }

  /**
   * A recipe on the shelf.
   *
   * @param description its first comment
   */
  public record Entry(Kind kind, String name, Path file, String description) {}

  /** All recipes, by kind and name. */
  public List<Entry> all() {
    List<Entry> entries = new ArrayList<>();
    for (Kind kind : Kind.values()) {
      Path ofKind = folder.resolve(kind.folder());
      if (!Files.isDirectory(ofKind)) {
        continue;
      }
      try (Stream<Path> files = Files.list(ofKind)) {
        for (Path file : files.filter(f -> f.toString().endsWith(".yaml")).sorted().toList()) {
          String name = String.valueOf(file.getFileName()).replaceFirst("\\.yaml$", "");
          entries.add(new Entry(kind, name, file, description(file)));
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return entries;
  }

  private static String description(Path file) throws IOException {
    return Files.readAllLines(file).stream()
        .takeWhile(line -> line.startsWith("#"))
        .map(line -> line.replaceFirst("^#+ *", ""))
        .collect(Collectors.joining(" "));
  }

  /**
   * The file of a recipe.
   *
   * @param nameOrFile a name on the shelf, or a path
   * @throws RunException if it is neither
   */
  public Path find(Kind kind, String nameOrFile) {
    List<Entry> ofKind = all().stream().filter(e -> e.kind() == kind).toList();
    for (Entry entry : ofKind) {
      if (entry.name().equals(nameOrFile)) {
        return entry.file();
      }
    }
    Path file = Path.of(nameOrFile);
    if (!Files.isRegularFile(file)) {
      String names = ofKind.stream().map(Entry::name).collect(Collectors.joining(", "));
      throw new RunException(
          String.format(
              Locale.ROOT,
              "there is no recipe '%s'; %sname a YAML file.",
              nameOrFile,
              names.isEmpty() ? "" : "there are " + names + ", or "));
    }
    return file;
  }
}
