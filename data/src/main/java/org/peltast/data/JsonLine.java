package org.peltast.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.MappingIterator;
import tools.jackson.databind.json.JsonMapper;

/**
 * One value of a JSON-lines file: an object with texts in it, or a text.
 *
 * <p>What is not read may be anything that Python writes, such as {@code NaN}.
 */
final class JsonLine {
  /** Without limits: what is not read may be a picture's bytes or any number. */
  private static final JsonMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNumberLength(Integer.MAX_VALUE)
                          .maxStringLength(Integer.MAX_VALUE)
                          .build())
                  .build())
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .build();

  private final JsonNode value;
  private final String where;

  private JsonLine(JsonNode value, String where) {
    this.value = value;
    this.where = where;
  }

  /**
   * The values of a file: one a line; or, as some tools write them, objects over several lines, or
   * one array of them all.
   *
   * @param name the file's, for messages
   * @throws DataException that names the first line that is no JSON
   */
  static List<JsonLine> all(List<String> lines, Object name) {
    List<JsonLine> all = new ArrayList<>();
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).isBlank()) {
        continue;
      }
      String where = String.format(Locale.ROOT, "Line %d of %s", i + 1, name);
      try {
        add(all, MAPPER.readTree(lines.get(i)), where);
      } catch (JacksonException e) {
        List<JsonLine> whole = whole(lines, name);
        if (whole != null) {
          return whole;
        }
        throw new DataException(
            String.format(
                Locale.ROOT,
                "%s is not JSON (%s); each line must be one object.",
                where,
                e.getOriginalMessage()),
            e);
      }
    }
    return all;
  }

  /** The values wherever lines end; null if that is not JSON either. */
  private static @Nullable List<JsonLine> whole(List<String> lines, Object name) {
    List<JsonLine> all = new ArrayList<>();
    try (MappingIterator<JsonNode> values =
        MAPPER.readerFor(JsonNode.class).readValues(String.join("\n", lines))) {
      while (values.hasNext()) {
        int line = values.currentLocation().getLineNr();
        add(all, values.next(), String.format(Locale.ROOT, "Line %d of %s", line, name));
      }
      return all;
    } catch (JacksonException e) {
      return null;
    }
  }

  private static void add(List<JsonLine> all, JsonNode node, String where) {
    if (node.isArray()) {
      int number = 0;
      for (JsonNode element : node) {
        number++;
        all.add(new JsonLine(element, String.format(Locale.ROOT, "%s, entry %d", where, number)));
      }
    } else {
      all.add(new JsonLine(node, where));
    }
  }

  /** A row of a table. */
  static JsonLine of(Map<String, String> row, String where) {
    return new JsonLine(MAPPER.valueToTree(row), where);
  }

  /** Its place, to start a message with. */
  String where() {
    return where;
  }

  /** Whether it is an object. */
  boolean isObject() {
    return value.isObject();
  }

  /** Whether it is a text by itself. */
  boolean isText() {
    return value.isString();
  }

  /** The text that it is. */
  String text() {
    return value.stringValue();
  }

  /** Whether it has one of the keys, with whatever value. */
  boolean has(List<String> keys) {
    return keys.stream().anyMatch(value::has);
  }

  /** The keys that it has. */
  List<String> keys() {
    return List.copyOf(value.propertyNames());
  }

  /**
   * The texts under the first of the keys that is there and not null: one, or those of a list, in
   * which nulls are passed over; a number is the text that spells it. Empty if there is none.
   *
   * @throws DataException if what is there is neither
   */
  List<String> texts(List<String> keys) {
    return under(keys, true);
  }

  /** The same for names, which no number is. */
  List<String> names(List<String> keys) {
    return under(keys, false);
  }

  private List<String> under(List<String> keys, boolean numbers) {
    for (String key : keys) {
      JsonNode found = value.get(key);
      if (found == null || isNone(found)) {
        continue;
      }
      List<String> texts = new ArrayList<>();
      for (JsonNode one : found.isArray() ? found : List.of(found)) {
        if (one.isString() || (numbers && one.isNumber() && !isNone(one))) {
          texts.add(one.asString());
        } else if (one.path("path").isString()) { // as datasets exports pictures
          texts.add(one.path("path").stringValue());
        } else if (!isNone(one)) {
          throw new DataException(
              String.format(
                  Locale.ROOT,
                  one.has("bytes")
                      ? "%s holds the picture itself under \"%s\"; write it to a file and give that file's name."
                      : "%s has something else than a text under \"%s\".",
                  where,
                  key));
        }
      }
      return texts;
    }
    return List.of();
  }

  /** Null, or as pandas writes it. */
  private static boolean isNone(JsonNode node) {
    return node.isNull() || (node.isNumber() && node.asString().equals("NaN"));
  }

  /** Names keys in a message: "a" or "b". */
  static String named(List<String> keys) {
    return keys.stream().map(key -> "\"" + key + "\"").collect(Collectors.joining(" or "));
  }
}
