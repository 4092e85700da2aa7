package org.peltast.data;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** One line of a JSON-lines file: an object with texts in it. */
final class JsonLine {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private final JsonNode object;
  private final String where;

  private JsonLine(JsonNode object, String where) {
    this.object = object;
    this.where = where;
  }

  /**
   * Parses a line.
   *
   * @param where the line's place, to start a message with
   */
  static JsonLine parse(String line, String where) {
    JsonNode node;
    try {
      node = MAPPER.readTree(line);
    } catch (JacksonException e) {
      throw new DataException(
          String.format(
              Locale.ROOT,
              "%s is not JSON (%s); each line must be one object.",
              where,
              e.getOriginalMessage()),
          e);
    }
    if (!node.isObject()) {
      throw new DataException(String.format(Locale.ROOT, "%s is not a JSON object.", where));
    }
    return new JsonLine(node, where);
  }

  /** The text under the first of the keys that is there. */
  String required(String... keys) {
    String text = optional(keys);
    if (text == null) {
      throw new DataException(
          String.format(
              Locale.ROOT,
              "%s lacks %s.",
              where,
              Arrays.stream(keys)
                  .map(key -> "\"" + key + "\"")
                  .collect(Collectors.joining(" or "))));
    }
    return text;
  }

  /** The text under the first of the keys that is there, or null. */
  @Nullable String optional(String... keys) {
    for (String key : keys) {
      JsonNode value = object.get(key);
      if (value != null && !value.isNull()) {
        if (!value.isString()) {
          throw new DataException(
              String.format(Locale.ROOT, "%s has a \"%s\" that is not a text.", where, key));
        }
        return value.stringValue();
      }
    }
    return null;
  }
}
