package org.peltast.runs;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.peltast.runs.RecipeNode.Table;
import org.peltast.runs.RecipeType.Structure;

/**
 * Recipes: one YAML file ↔ one tree of records.
 *
 * <p>A component may be a boolean, a number, a String, a {@link Path}, a {@link java.time.Duration}
 * ({@code 5m}), an enum (written {@code like-this}), a {@code List}, a {@code Map} from String, a
 * record, or a sealed interface of records and enums (a table with a {@code kind}, or the kind
 * alone), or an interface whose static {@code kinds()} gives its records by name, and whose static
 * {@code kindKey()} the key that stands for {@code kind}. A record with a static {@code
 * parse(String)}, such as {@link ByteSize}, is written as one word, its {@code toString()}.
 *
 * <p>Defaults are written once: in the record tree handed to {@link #over}, or else in a static
 * method {@code defaults()} of the record itself. What has neither must be given, unless its type
 * is {@code @Nullable}. A given list or map replaces its default as a whole; a given table replaces
 * only the keys it names.
 *
 * <p>Nothing is ignored. An unknown key, a wrong type, a value that a record's constructor refuses,
 * a number that is not finite: each is one {@link RunException} whose sentence has file, path and
 * mend: {@code recipe.yaml: unknown key 'student.learningrate'; did you mean
 * 'student.learningRate'?}
 *
 * @param <T> the root of the tree
 */
public final class Recipes<T extends Record> {
  private final Structure type;
  private final Class<T> root;
  private final @Nullable T defaults;
  private final RecipeBinder binder;

  private Recipes(Class<T> root, @Nullable T defaults) {
    this.type = new Structure(root, null);
    this.root = root;
    this.defaults = defaults;
    RecipeType.check(type, new HashSet<>());
    this.binder = new RecipeBinder(type);
  }

  /**
   * Recipes whose defaults are in the records' own {@code defaults()}.
   *
   * @throws IllegalArgumentException if the tree has a component that no recipe can hold
   */
  public static <T extends Record> Recipes<T> of(Class<T> root) {
    return new Recipes<>(root, null);
  }

  /** Recipes that are laid over a given one: what a file does not say, {@code defaults} says. */
  public static <T extends Record> Recipes<T> over(T defaults) {
    @SuppressWarnings("unchecked") // getClass() of a T, and records have no subclasses
    Class<T> root = (Class<T>) defaults.getClass();
    return new Recipes<>(root, defaults);
  }

  /** Reads a recipe file. */
  public T read(Path file) {
    return read(file, List.of());
  }

  /**
   * Reads a recipe file, then lays settings over it, in order.
   *
   * @param sets each {@code a.b=value}, the value in YAML: {@code steps=[1, 2, 4]}
   * @throws RunException with one sentence, if file or settings do not make a recipe
   */
  public T read(Path file, List<String> sets) {
    try {
      if (Files.size(file) > 4L * RecipeReader.MAX_CHARS) {
        throw new RunException(
            String.format(
                Locale.ROOT, "%s has %d bytes; a recipe is about a page.", file, Files.size(file)));
      }
      return parse(Files.readString(file), String.valueOf(file.getFileName()), sets);
    } catch (CharacterCodingException e) {
      throw new RunException(file + " is not UTF-8 text; save it as UTF-8.", e);
    } catch (NoSuchFileException e) {
      throw new RunException("There is no recipe " + file + "; check its path.", e);
    } catch (IOException e) {
      throw RunException.of("read the recipe " + file, file, e);
    }
  }

  /** Reads a recipe from text; {@code name} stands for the file in sentences. */
  public T parse(String yaml, String name, List<String> sets) {
    Table table = RecipeReader.document(yaml, name);
    for (String set : sets) {
      table = RecipeReader.with(table, set);
    }
    return root.cast(binder.bind(type, defaults, table, ""));
  }

  /** Lays settings over a recipe: {@code a.b=value} each. */
  public static <T extends Record> T with(T recipe, List<String> sets) {
    return over(recipe).parse("", "recipe", sets);
  }

  /**
   * The value of one key in YAML, as {@code a.b=value} takes it.
   *
   * @param key dotted, through tables alone
   * @return empty if the recipe has no such key, or its value does not fit a line
   */
  public Optional<String> value(T recipe, String key) {
    RecipeType at = type;
    Object value = recipe;
    for (String name : key.split("\\.")) {
      RecipeType.Component component =
          at instanceof Structure structure ? structure.components().get(name) : null;
      if (component == null || value == null) {
        return Optional.empty();
      }
      at = component.type();
      value = component.of(value);
    }
    return Optional.ofNullable(RecipeWriter.inline(at, value));
  }

  /** The text that one word of YAML stands for; empty for null, lists and tables. */
  public static String text(String yaml) {
    return RecipeReader.value(yaml, "the value") instanceof RecipeNode.Scalar scalar
            && scalar.text() != null
        ? scalar.text()
        : "";
  }

  /** A text as a value in YAML, whatever it is made of. */
  public static String quoted(String text) {
    return RecipeWriter.quoted(text);
  }

  /** The whole recipe, each key with its value, as YAML; {@link #parse} gives an equal record. */
  public String write(T recipe) {
    return RecipeWriter.write(type, recipe);
  }
}
