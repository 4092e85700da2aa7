package org.peltast.data;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/**
 * One file of the Iconify collection: drawings, other names for them, and their categories.
 *
 * @param icons in the file's order, without the hidden ones
 * @param aliases from another name to a drawing's
 * @param categories from a drawing's name to the name of its category
 */
record IconSet(List<Icon> icons, Map<String, String> aliases, Map<String, String> categories) {
  /** The collection's release; a part of the corpus's definition. */
  static final String RELEASE = "2.2.378";

  private static final String FOLDER =
      "META-INF/resources/webjars/iconify__json/" + RELEASE + "/json/";

  /**
   * Reads a set from the class path as a stream: the largest is 100 MB of text, most of which the
   * wanted names leave out.
   *
   * @param wanted names to keep
   */
  static IconSet read(String family, Predicate<String> wanted) {
    String resource = FOLDER + family + ".json";
    try (InputStream in = IconSet.class.getClassLoader().getResourceAsStream(resource)) {
      if (in == null) {
        throw new DataException(
            String.format(
                    Locale.ROOT,
                    "The emoji drawings are missing from the class path (%s); run with the jar",
                    resource)
                + " org.webjars.npm:iconify__json:"
                + RELEASE
                + " on it.");
      }
      try (JsonParser json = new JsonFactory().createParser(ObjectReadContext.empty(), in)) {
        return read(family, wanted, json);
      }
    } catch (IOException | JacksonException e) {
      throw new DataException(
          String.format(
              Locale.ROOT,
              "The emoji drawings %s on the class path cannot be read: %s",
              resource,
              e.getMessage()),
          e);
    }
  }

  private static IconSet read(String family, Predicate<String> wanted, JsonParser json) {
    List<Icon> icons = new ArrayList<>();
    Map<String, String> aliases = new HashMap<>();
    Map<String, String> categories = new HashMap<>();
    double[] box = {0, 0, 16, 16};
    json.nextToken();
    while (json.nextToken() == JsonToken.PROPERTY_NAME) {
      String key = json.currentName();
      json.nextToken();
      switch (key) {
        case "icons" -> readIcons(family, wanted, json, icons);
        case "aliases" -> readAliases(json, aliases);
        case "categories" -> readCategories(json, categories);
        case "left" -> box[0] = json.getDoubleValue();
        case "top" -> box[1] = json.getDoubleValue();
        case "width" -> box[2] = json.getDoubleValue();
        case "height" -> box[3] = json.getDoubleValue();
        default -> json.skipChildren();
      }
    }
    // A set states its view box once, after the icons; an icon may state its own.
    icons.replaceAll(
        icon ->
            new Icon(
                icon.family(),
                icon.name(),
                icon.body(),
                or(icon.left(), box[0]),
                or(icon.top(), box[1]),
                or(icon.width(), box[2]),
                or(icon.height(), box[3])));
    return new IconSet(icons, aliases, categories);
  }

  private static double or(double value, double otherwise) {
    return Double.isNaN(value) ? otherwise : value;
  }

  private static void readIcons(
      String family, Predicate<String> wanted, JsonParser json, List<Icon> icons) {
    while (json.nextToken() == JsonToken.PROPERTY_NAME) {
      String name = json.currentName();
      json.nextToken();
      if (!wanted.test(name)) {
        json.skipChildren();
        continue;
      }
      String body = "";
      boolean hidden = false;
      double[] box = {Double.NaN, Double.NaN, Double.NaN, Double.NaN};
      while (json.nextToken() == JsonToken.PROPERTY_NAME) {
        String key = json.currentName();
        JsonToken value = json.nextToken();
        switch (key) {
          case "body" -> body = json.getString();
          case "hidden" -> hidden = value == JsonToken.VALUE_TRUE;
          case "left" -> box[0] = json.getDoubleValue();
          case "top" -> box[1] = json.getDoubleValue();
          case "width" -> box[2] = json.getDoubleValue();
          case "height" -> box[3] = json.getDoubleValue();
          default -> json.skipChildren();
        }
      }
      if (!hidden) {
        icons.add(new Icon(family, name, body, box[0], box[1], box[2], box[3]));
      }
    }
  }

  private static void readAliases(JsonParser json, Map<String, String> aliases) {
    while (json.nextToken() == JsonToken.PROPERTY_NAME) {
      String alias = json.currentName();
      json.nextToken();
      String parent = null;
      boolean changed = false;
      while (json.nextToken() == JsonToken.PROPERTY_NAME) {
        String key = json.currentName();
        json.nextToken();
        if (key.equals("parent")) {
          parent = json.getString();
        } else {
          changed = true;
          json.skipChildren();
        }
      }
      // A mirrored or turned alias is not another name for the same picture.
      if (parent != null && !changed) {
        aliases.put(alias, parent);
      }
    }
  }

  private static void readCategories(JsonParser json, Map<String, String> categories) {
    while (json.nextToken() == JsonToken.PROPERTY_NAME) {
      String category = json.currentName();
      json.nextToken();
      while (json.nextToken() == JsonToken.VALUE_STRING) {
        categories.put(json.getString(), category);
      }
    }
  }
}
