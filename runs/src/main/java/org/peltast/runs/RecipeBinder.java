package org.peltast.runs;

import java.math.BigDecimal;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.peltast.runs.RecipeNode.Items;
import org.peltast.runs.RecipeNode.Scalar;
import org.peltast.runs.RecipeNode.Table;
import org.peltast.runs.RecipeType.Choice;
import org.peltast.runs.RecipeType.Component;
import org.peltast.runs.RecipeType.Dictionary;
import org.peltast.runs.RecipeType.Sequence;
import org.peltast.runs.RecipeType.Structure;
import org.peltast.runs.RecipeType.Variant;
import org.peltast.runs.RecipeType.Word;

/** {@link RecipeNode} → record, laid over defaults; every mistake one sentence with its path. */
final class RecipeBinder {
  private static final Pattern NUMBER =
      Pattern.compile("[-+]?(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d+)?");

  private final List<String> allPaths;

  RecipeBinder(Structure root) {
    allPaths = RecipeType.paths(root, "", new HashSet<>());
  }

  /** What a node means where a type is wanted. */
  Object bind(RecipeType type, @Nullable Object base, RecipeNode node, String path) {
    if (node instanceof Scalar s && s.text() == null) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "%s: '%s' has no value; give it %s, or take the key away for its default.",
              node.source(),
              path,
              type.wanted()));
    }
    if (type instanceof Word word) {
      return word(word, node, path);
    } else if (type instanceof Choice choice) {
      return choice(choice, node, path);
    } else if (type instanceof Sequence sequence) {
      return sequence(sequence, node, path);
    } else if (type instanceof Dictionary dictionary) {
      return dictionary(dictionary, node, path);
    } else if (type instanceof Variant variant) {
      return variant(variant, base, node, path);
    }
    Structure structure = (Structure) type;
    if (structure.parse() != null && node instanceof Scalar scalar) {
      try {
        Object value = RecipeType.invoke(structure.parse(), null, text(scalar));
        if (value != null) {
          return value;
        }
      } catch (IllegalArgumentException e) {
        throw refused(node.source(), path, e);
      }
    }
    return structure(structure, base, node, path, Set.of());
  }

  private Object structure(
      Structure type, @Nullable Object base, RecipeNode node, String path, Set<String> besides) {
    if (!(node instanceof Table table)) {
      throw wrong(type, node, path);
    }
    Map<String, Component> components = type.components();
    for (Map.Entry<String, RecipeNode> entry : table.entries().entrySet()) {
      if (!components.containsKey(entry.getKey()) && !besides.contains(entry.getKey())) {
        throw unknownKey(
            entry.getKey(), entry.getValue().source(), path, components.keySet(), besides);
      }
    }
    Object under = base != null ? base : type.defaults();
    List<@Nullable Object> values = new ArrayList<>();
    Set<String> sources = new LinkedHashSet<>();
    for (Component component : components.values()) {
      RecipeNode given = table.entries().get(component.name());
      if (given != null) {
        sources.add(given.source());
      }
      values.add(component(component, under, given, table.source(), join(path, component.name())));
    }
    try {
      return type.make(values);
    } catch (IllegalArgumentException e) {
      throw refused(sources.isEmpty() ? table.source() : String.join(" with ", sources), path, e);
    }
  }

  private @Nullable Object component(
      Component component,
      @Nullable Object holder,
      @Nullable RecipeNode given,
      String source,
      String path) {
    Object fallback = component.of(holder);
    if (given instanceof Scalar s && s.text() == null && component.nullable()) {
      return null;
    }
    if (given != null) {
      return bind(component.type(), fallback, given, path);
    }
    if (fallback != null || component.nullable()) {
      return fallback;
    }
    if (holder == null && component.type() instanceof Structure inner) {
      // Without a default of its own, a table may still be all defaults inside.
      return structure(inner, null, new Table(Map.of(), source), path, Set.of());
    }
    throw new RunException(
        String.format(
            Locale.ROOT,
            "%s: '%s' is missing and has no default; give it %s.",
            source,
            path,
            component.type().wanted()));
  }

  private Object variant(Variant type, @Nullable Object base, RecipeNode node, String path) {
    String kind = null;
    if (node instanceof Scalar scalar) {
      kind = text(scalar);
    } else if (node instanceof Table table) {
      RecipeNode given = table.entries().get(type.key());
      if (given instanceof Scalar scalar && scalar.text() != null) {
        kind = scalar.text();
      } else if (given != null) {
        throw wrong(type, given, join(path, type.key()));
      } else if (base instanceof Record) {
        kind = type.kindOf(base);
      } else {
        throw new RunException(
            String.format(
                Locale.ROOT,
                "%s: '%s' is missing; give it %s.",
                node.source(),
                join(path, type.key()),
                type.wanted()));
      }
    } else {
      throw wrong(type, node, path);
    }
    Object meant = type.kinds().get(kind.toLowerCase(Locale.ROOT).replace('_', '-'));
    if (meant == null) {
      throw notOneOf(type, kind, type.kinds().keySet(), node.source(), path);
    }
    Table table = node instanceof Table t ? t : new Table(new LinkedHashMap<>(), node.source());
    if (meant instanceof Structure structure) {
      Object under = structure.type().isInstance(base) ? base : null;
      return structure(structure, under, table, path, Set.of(type.key()));
    }
    for (Map.Entry<String, RecipeNode> entry : table.entries().entrySet()) {
      if (!entry.getKey().equals(type.key())) {
        throw unknownKey(
            entry.getKey(), entry.getValue().source(), path, Set.of(), Set.of(type.key()));
      }
    }
    return meant;
  }

  private List<Object> sequence(Sequence type, RecipeNode node, String path) {
    if (!(node instanceof Items items)) {
      throw wrong(type, node, path);
    }
    List<Object> values = new ArrayList<>();
    for (int i = 0; i < items.items().size(); i++) {
      values.add(bind(type.element(), null, items.items().get(i), path + "[" + i + "]"));
    }
    return Collections.unmodifiableList(values);
  }

  private Map<String, Object> dictionary(Dictionary type, RecipeNode node, String path) {
    if (!(node instanceof Table table)) {
      throw wrong(type, node, path);
    }
    Map<String, Object> values = new LinkedHashMap<>();
    table.entries().forEach((k, v) -> values.put(k, bind(type.value(), null, v, join(path, k))));
    return Collections.unmodifiableMap(values);
  }

  private static Object choice(Choice type, RecipeNode node, String path) {
    if (!(node instanceof Scalar scalar)) {
      throw wrong(type, node, path);
    }
    String name = text(scalar);
    Object constant = type.constants().get(name.toLowerCase(Locale.ROOT).replace('_', '-'));
    if (constant == null) {
      throw notOneOf(type, name, type.constants().keySet(), node.source(), path);
    }
    return constant;
  }

  private static Object word(Word type, RecipeNode node, String path) {
    if (!(node instanceof Scalar scalar)) {
      throw wrong(type, node, path);
    }
    String text = text(scalar);
    Class<?> c = type.type();
    try {
      if (c == String.class) {
        return text;
      } else if (c == Path.class) {
        return Path.of(text);
      } else if (c == java.time.Duration.class) {
        return Durations.parse(text);
      } else if (c == Boolean.class) {
        if (text.equals("true") || text.equals("false")) {
          return Boolean.valueOf(text);
        }
        throw wrong(type, node, path);
      }
    } catch (InvalidPathException e) {
      throw new RunException(
          String.format(
              Locale.ROOT, "%s: '%s' is not a path: %s.", node.source(), path, e.getMessage()),
          e);
    } catch (IllegalArgumentException e) {
      throw refused(node.source(), path, e);
    }
    if (!NUMBER.matcher(text).matches()) {
      throw wrong(type, node, path);
    }
    return number(type, c, text, node, path);
  }

  private static Object number(Word type, Class<?> c, String text, RecipeNode node, String path) {
    if (c == Integer.class || c == Long.class) {
      long least = c == Integer.class ? Integer.MIN_VALUE : Long.MIN_VALUE;
      long most = c == Integer.class ? Integer.MAX_VALUE : Long.MAX_VALUE;
      try {
        long value = new BigDecimal(text).longValueExact();
        if (value >= least && value <= most) {
          return c == Integer.class ? (Object) (int) value : (Object) value;
        }
      } catch (ArithmeticException | NumberFormatException e) {
        if (text.matches("[-+]?\\d*\\.\\d*[1-9]\\d*")) {
          throw wrong(type, node, path);
        }
      }
      throw new RunException(
          String.format(
              Locale.ROOT,
              "%s: '%s' must be a whole number from %d to %d, but is %s.",
              node.source(),
              path,
              least,
              most,
              shortened(text)));
    }
    Object value = c == Float.class ? (Object) Float.valueOf(text) : (Object) Double.valueOf(text);
    if (!Double.isFinite(((Number) value).doubleValue())) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "%s: '%s' must be a number below %s, but is %s.",
              node.source(),
              path,
              c == Float.class ? Float.MAX_VALUE : Double.MAX_VALUE,
              shortened(text)));
    }
    return value;
  }

  private static String text(Scalar scalar) {
    return scalar.text() == null ? "" : scalar.text();
  }

  static String join(String path, String key) {
    return path.isEmpty() ? key : path + "." + key;
  }

  private static RunException wrong(RecipeType type, RecipeNode node, String path) {
    String found =
        node instanceof Scalar s
            ? "'" + shortened(text(s)) + "'"
            : node instanceof Items ? "a list" : "a table";
    return new RunException(
        path.isEmpty()
            ? String.format(
                Locale.ROOT, "%s must be %s, but is %s.", node.source(), type.wanted(), found)
            : String.format(
                Locale.ROOT,
                "%s: '%s' must be %s, but is %s.",
                node.source(),
                path,
                type.wanted(),
                found));
  }

  private static RunException notOneOf(
      RecipeType type, String name, Collection<String> known, String source, String path) {
    Optional<String> near = Nearest.to(name, known);
    return new RunException(
        String.format(
            Locale.ROOT,
            "%s: '%s' must be %s, but is '%s'%s",
            source,
            path,
            type.wanted(),
            shortened(name),
            near.map(n -> "; did you mean '" + n + "'?").orElse(".")));
  }

  private RunException unknownKey(
      String key, String source, String path, Collection<String> known, Set<String> besides) {
    List<String> here = new ArrayList<>(besides);
    here.addAll(known);
    Optional<String> near = Nearest.to(key, here).map(n -> join(path, n));
    if (near.isEmpty()) {
      // The right key in the wrong table; of several, the one nearest the root.
      near =
          allPaths.stream()
              .filter(
                  p ->
                      p.substring(p.lastIndexOf('.') + 1).equalsIgnoreCase(key)
                          && !p.equals(join(path, key)))
              .min(Comparator.comparingLong(p -> p.chars().filter(c -> c == '.').count()));
    }
    return new RunException(
        String.format(
            Locale.ROOT,
            "%s: unknown key '%s'; %s",
            source,
            join(path, shortened(key)),
            near.map(n -> "did you mean '" + n + "'?")
                .orElse("known here: " + String.join(", ", here) + ".")));
  }

  private static RunException refused(String source, String path, IllegalArgumentException e) {
    String message = String.valueOf(e.getMessage()).strip();
    return new RunException(
        String.format(
            Locale.ROOT,
            "%s: %s%s",
            source,
            path.isEmpty() ? "" : path + ": ",
            message.endsWith(".") || message.endsWith("?") ? message : message + "."),
        e);
  }

  private static String shortened(String text) {
    String line = text.replaceAll("\\p{Cntrl}", "␣");
    return line.length() <= 60 ? line : line.substring(0, 57) + "...";
  }
}
