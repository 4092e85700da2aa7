package org.peltast.models.files;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelException;
import tools.jackson.core.JacksonException;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A JSON object of a model folder, read key by key.
 *
 * <p>A key that is absent or null has the default that is asked for; a value of a wrong type, or a
 * missing one without default, is a {@link ModelException} that names file and key.
 */
public final class JsonConfig {
  /** Reads JSON, with the NaN that Python writes, and refuses what follows it. */
  public static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  /** More layers than any model has, so that a mistyped number makes none. */
  public static final int MOST_LAYERS = 1000;

  /** Keys of any configuration that say who wrote it and how, and nothing of the mathematics. */
  private static final Set<String> HARMLESS =
      Set.of(
          "architectures",
          "dtype",
          "gradient_checkpointing",
          "library_name",
          "license",
          "model_type",
          "name",
          "torch_dtype",
          "transformers_version");

  private final Path file;
  private final ObjectNode root;

  private JsonConfig(Path file, ObjectNode root) {
    this.file = file;
    this.root = root;
  }

  /** Reads a file that holds one JSON object. */
  public static JsonConfig read(Path file) {
    try {
      if (JSON.readTree(Files.readAllBytes(file)) instanceof ObjectNode object) {
        return new JsonConfig(file, object);
      }
      throw new ModelException(file + " must hold one JSON object");
    } catch (NoSuchFileException e) {
      throw new ModelException(file + " is missing from the model folder: fetch or write it again");
    } catch (IOException e) {
      throw new ModelException(file + " cannot be read (" + e.getMessage() + ")", e);
    } catch (JacksonException e) {
      throw new ModelException(
          file + " is not valid JSON (" + reason(e) + "): fetch or write it again", e);
    }
  }

  /** What is wrong, without the parser's advice to programmers. */
  private static String reason(JacksonException e) {
    String said = String.valueOf(e.getOriginalMessage());
    if (said.contains("comment")) {
      return "a comment, which JSON does not have";
    }
    return said.contains("Feature") || said.contains("Constraints")
        ? "a number, or a nesting, that no configuration has"
        : said;
  }

  /** Writes indented JSON with a final newline. */
  public static void write(Path file, ObjectNode root) throws IOException {
    Files.writeString(
        file, JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root).strip() + "\n");
  }

  /** Where it was read. */
  public Path file() {
    return file;
  }

  /** The object itself. */
  public ObjectNode root() {
    return root;
  }

  /** All keys, in the order of the file. */
  public List<String> keys() {
    return List.copyOf(root.propertyNames());
  }

  /** The value of a key, whatever it is; a missing node if it is absent. */
  public JsonNode node(String key) {
    return root.path(key);
  }

  /** Whether a key has a value other than null. */
  public boolean has(String key) {
    return !root.path(key).isMissingNode() && !root.path(key).isNull();
  }

  /** Refuses keys that are not among those known. */
  public void requireOnly(List<String> known) {
    for (String key : root.propertyNames()) {
      if (!known.contains(key)) {
        throw new ModelException(
            file + ": unknown key " + key + "; the known ones are " + String.join(", ", known));
      }
    }
  }

  /**
   * Refuses what would make another network of a component: quantisation, and every key that is not
   * known, for it might be part of the mathematics. Keys without a value, those that begin with an
   * underscore, and what only says who wrote the file are passed over.
   *
   * @param known keys that are read, or are known to change nothing
   */
  public void requireKnown(Set<String> known) {
    if (has("quantization_config")) {
      String method = root.path("quantization_config").path("quant_method").asString("");
      throw new ModelException(
          file
              + ": quantization_config is set"
              + (method.isEmpty() ? "" : " (" + method + ")")
              + ", and quantised models are not read; use the model before it was quantised");
    }
    for (String key : root.propertyNames()) {
      if (has(key) && !key.startsWith("_") && !known.contains(key) && !HARMLESS.contains(key)) {
        throw new ModelException(
            file
                + ": the key "
                + key
                + " is not one that is read here, and it might change what the model computes;"
                + " take it out if it does not");
      }
    }
  }

  /** Refuses a configuration of another class; none at all is this one. */
  public void requireClass(String name) {
    String found = string("_class_name", name);
    if (!found.equals(name)) {
      throw new ModelException(
          file + ": _class_name is " + found + "; the class supported here is " + name);
    }
  }

  /** The same refusal, which names the file. */
  public ModelException told(ModelException e) {
    String message = String.valueOf(e.getMessage());
    return message.startsWith(file.toString()) ? e : new ModelException(file + ": " + message, e);
  }

  /** A text that must be there. */
  public String string(String key) {
    return value(key, null, JsonNode::isString, JsonNode::stringValue, "a text");
  }

  /** A text. */
  public String string(String key, String otherwise) {
    return value(key, otherwise, JsonNode::isString, JsonNode::stringValue, "a text");
  }

  /** A whole number that fits 32 bits; {@code otherwise} may be null for one that must be there. */
  public int integer(String key, @Nullable Integer otherwise) {
    return value(
        key,
        otherwise,
        n -> n.isIntegralNumber() && n.canConvertToInt(),
        JsonNode::intValue,
        "a whole number");
  }

  /** A finite number; {@code otherwise} may be null for one that must be there. */
  public double number(String key, @Nullable Double otherwise) {
    return value(key, otherwise, JsonConfig::isFinite, JsonNode::doubleValue, "a number");
  }

  /** True or false. */
  public boolean bool(String key, boolean otherwise) {
    return value(key, otherwise, JsonNode::isBoolean, JsonNode::booleanValue, "true or false");
  }

  /** Whole numbers; {@code otherwise} may be null for a list that must be there. */
  public List<Integer> integers(String key, @Nullable List<Integer> otherwise) {
    return value(
        key,
        otherwise,
        n -> all(n, m -> m.isIntegralNumber() && m.canConvertToInt()),
        n -> list(n, JsonNode::intValue),
        "a list of whole numbers");
  }

  /**
   * Whole numbers, one for each of so many parts; in the file a list, or one number for all parts.
   *
   * @param otherwise for all parts, or null for a key that must be there
   */
  public List<Integer> integersOf(int parts, String key, @Nullable Integer otherwise) {
    return lists(parts, key, otherwise, false).stream().map(list -> list.get(0)).toList();
  }

  /**
   * Lists of whole numbers, one for each of so many parts; a number in place of a list, or of all
   * of them, is a list of one.
   *
   * @param otherwise for all parts, or null for a key that must be there
   */
  public List<List<Integer>> integerListsOf(int parts, String key, @Nullable Integer otherwise) {
    return lists(parts, key, otherwise, true);
  }

  private List<List<Integer>> lists(
      int parts, String key, @Nullable Integer otherwise, boolean nested) {
    List<List<Integer>> all =
        value(
            key,
            otherwise == null ? null : Collections.nCopies(parts, List.of(otherwise)),
            n -> isInteger(n) || all(n, m -> isInteger(m) || (nested && all(m, this::isInteger))),
            n ->
                n.isArray()
                    ? list(n, this::asList)
                    : Collections.nCopies(parts, List.of(n.intValue())),
            "a whole number or a list of them");
    if (all.size() != parts || all.stream().anyMatch(List::isEmpty)) {
      throw new ModelException(
          file + ": " + key + " must be one number or " + parts + " of them, but is " + all);
    }
    return all;
  }

  private List<Integer> asList(JsonNode n) {
    return n.isArray() ? list(n, JsonNode::intValue) : List.of(n.intValue());
  }

  private boolean isInteger(JsonNode n) {
    return n.isIntegralNumber() && n.canConvertToInt();
  }

  /**
   * Whether a key asks for nothing unusual: it is absent or null, or it has that value, or it is a
   * list of nothing else.
   */
  public boolean isPlain(String key, Object plain) {
    JsonNode wanted = JSON.valueToTree(plain);
    Predicate<JsonNode> same =
        n ->
            (n.isNumber() && wanted.isNumber())
                ? n.doubleValue() == wanted.doubleValue()
                : n.equals(wanted);
    return !has(key) || same.test(root.path(key)) || all(root.path(key), same);
  }

  /** A key's value as the file writes it, shortened. */
  public String text(String key) {
    String text = root.path(key).toString();
    return text.length() > 80 ? text.substring(0, 80) + "…" : text;
  }

  /** Finite numbers; {@code otherwise} may be null for a list that must be there. */
  public List<Double> numbers(String key, @Nullable List<Double> otherwise) {
    return value(
        key,
        otherwise,
        n -> all(n, JsonConfig::isFinite),
        n -> list(n, JsonNode::doubleValue),
        "a list of numbers");
  }

  /** The texts of a list, null for its nulls; empty if the key is absent. */
  public List<@Nullable String> strings(String key) {
    return value(
        key,
        List.<@Nullable String>of(),
        n -> all(n, m -> m.isString() || m.isNull()),
        n -> {
          List<@Nullable String> out = new ArrayList<>();
          for (JsonNode m : n) {
            out.add(m.isNull() ? null : m.stringValue());
          }
          return out;
        },
        "a list of texts");
  }

  /** The object under a key, empty if absent. */
  public ObjectNode object(String key) {
    return value(
        key, JSON.createObjectNode(), JsonNode::isObject, n -> (ObjectNode) n, "an object");
  }

  private static boolean isFinite(JsonNode n) {
    return n.isNumber() && Double.isFinite(n.doubleValue());
  }

  private static boolean all(JsonNode n, Predicate<JsonNode> good) {
    if (!n.isArray()) {
      return false;
    }
    for (JsonNode m : n) {
      if (!good.test(m)) {
        return false;
      }
    }
    return true;
  }

  private static <T> List<T> list(JsonNode n, Function<JsonNode, T> get) {
    List<T> out = new ArrayList<>();
    for (JsonNode m : n) {
      out.add(get.apply(m));
    }
    return out;
  }

  private <T> T value(
      String key,
      @Nullable T otherwise,
      Predicate<JsonNode> good,
      Function<JsonNode, T> get,
      String wanted) {
    if (!has(key)) {
      if (otherwise == null) {
        throw new ModelException(file + " lacks the key " + key + ", " + wanted);
      }
      return otherwise;
    }
    JsonNode n = root.path(key);
    if (!good.test(n)) {
      throw new ModelException(file + ": " + key + " must be " + wanted + ", but is " + text(key));
    }
    return get.apply(n);
  }
}
