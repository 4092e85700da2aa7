package org.peltast.runs;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.runs.RecipeNode.Items;
import org.peltast.runs.RecipeNode.Scalar;
import org.peltast.runs.RecipeNode.Table;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonToken;
import tools.jackson.dataformat.yaml.YAMLMapper;
import tools.jackson.dataformat.yaml.YAMLParser;

/**
 * YAML text → {@link RecipeNode}. Only what a recipe needs is let in: one document, no anchors, no
 * aliases, no key twice, {@value #MAX_DEPTH} levels, {@value #MAX_CHARS} characters.
 */
final class RecipeReader {
  static final int MAX_CHARS = 256 * 1024;
  private static final int MAX_DEPTH = 32;
  private static final YAMLMapper YAML = new YAMLMapper();

  private final YAMLParser parser;
  private final String source;

  private RecipeReader(YAMLParser parser, String source) {
    this.parser = parser;
    this.source = source;
  }

  /** The document; an empty one is an empty table. */
  static Table document(String text, String source) {
    RecipeNode node = value(text, source);
    if (node instanceof Table table) {
      return table;
    }
    if (node instanceof Scalar scalar && scalar.text() == null) {
      return new Table(new LinkedHashMap<>(), source);
    }
    throw new RunException(source + ": a recipe is a table of 'key: value' lines.");
  }

  /** Any one value. */
  static RecipeNode value(String text, String source) {
    if (text.length() > MAX_CHARS) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "%s has more than %d characters; a recipe is about a page.",
              source,
              MAX_CHARS));
    }
    try (YAMLParser parser = (YAMLParser) YAML.createParser(text)) {
      RecipeReader reader = new RecipeReader(parser, source);
      JsonToken first = parser.nextToken();
      RecipeNode node = first == null ? new Scalar(null, source) : reader.node(first, 0);
      if (parser.nextToken() != null) {
        throw new RunException(source + " holds more than one YAML document; keep one.");
      }
      return node;
    } catch (JacksonException e) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "%s is not valid YAML: %s (line %d, column %d).",
              source,
              problem(e),
              e.getLocation() == null ? 1 : e.getLocation().getLineNr(),
              e.getLocation() == null ? 1 : e.getLocation().getColumnNr()),
          e);
    }
  }

  /**
   * What the parser complains of, on one line. Its message says where ("while parsing …", "in …"),
   * quotes the text with a caret below, and says what, each once or twice.
   */
  private static String problem(JacksonException e) {
    String message = e.getOriginalMessage() == null ? "" : e.getOriginalMessage();
    List<String> lines = message.lines().map(String::strip).filter(l -> !l.isEmpty()).toList();
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i);
      boolean quoted = i + 1 < lines.size() && lines.get(i + 1).startsWith("^");
      if (!line.startsWith("while ")
          && !line.startsWith("in ")
          && line.charAt(0) != '^'
          && !quoted) {
        return line.endsWith(".") ? line.substring(0, line.length() - 1) : line;
      }
    }
    return "it cannot be read";
  }

  private RecipeNode node(JsonToken token, int depth) {
    if (depth > MAX_DEPTH) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "%s is nested deeper than %d levels; a recipe is flat.",
              source,
              MAX_DEPTH));
    }
    if (parser.isCurrentAlias() || parser.getObjectId() != null) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "%s, line %d: anchors (&name) and aliases (*name) are not used in recipes; write the value out.",
              source,
              parser.currentTokenLocation().getLineNr()));
    }
    return switch (token) {
      case START_OBJECT -> table(depth);
      case START_ARRAY -> items(depth);
      case VALUE_NULL -> new Scalar(null, source);
      default -> new Scalar(parser.getString(), source);
    };
  }

  private Table table(int depth) {
    Map<String, RecipeNode> entries = new LinkedHashMap<>();
    for (JsonToken t = parser.nextToken(); t != JsonToken.END_OBJECT; t = parser.nextToken()) {
      String key = parser.currentName();
      int line = parser.currentTokenLocation().getLineNr();
      RecipeNode node = node(next(), depth + 1);
      if (entries.put(key, node) != null) {
        throw new RunException(
            String.format(
                Locale.ROOT, "%s, line %d: '%s' is given twice; keep one.", source, line, key));
      }
    }
    return new Table(entries, source);
  }

  private Items items(int depth) {
    List<RecipeNode> items = new ArrayList<>();
    for (JsonToken t = next(); t != JsonToken.END_ARRAY; t = next()) {
      items.add(node(t, depth + 1));
    }
    return new Items(items, source);
  }

  private JsonToken next() {
    @Nullable JsonToken token = parser.nextToken();
    if (token == null) {
      throw new RunException(source + " ends in the middle of a value.");
    }
    return token;
  }

  /**
   * Puts one {@code a.b=value} over a document: tables on the way are made where they are missing.
   *
   * @param set as given after --set
   */
  static Table with(Table document, String set) {
    String source = "--set " + set;
    int equals = set.indexOf('=');
    String path = equals < 0 ? "" : set.substring(0, equals).strip();
    if (path.isEmpty() || path.startsWith(".") || path.endsWith(".") || path.contains("..")) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "--set takes key=value, as in student.learningRate=1e-4, but got '%s'.",
              set));
    }
    RecipeNode value = value(set.substring(equals + 1), source);
    return put(document, List.of(path.split("\\.")), 0, value);
  }

  private static Table put(Table table, List<String> path, int level, RecipeNode value) {
    Map<String, RecipeNode> entries = new LinkedHashMap<>(table.entries());
    String key = path.get(level);
    if (level == path.size() - 1) {
      entries.put(key, value);
    } else {
      RecipeNode inner = entries.get(key);
      if ((inner instanceof Scalar scalar && scalar.text() != null) || inner instanceof Items) {
        throw new RunException(
            String.format(
                Locale.ROOT,
                "%s: '%s' is not a table in %s; set it as a whole.",
                value.source(),
                String.join(".", path.subList(0, level + 1)),
                inner.source()));
      }
      Table next = inner instanceof Table t ? t : new Table(new LinkedHashMap<>(), value.source());
      entries.put(key, put(next, path, level + 1, value));
    }
    return new Table(entries, table.source());
  }
}
