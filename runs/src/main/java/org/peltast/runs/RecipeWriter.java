package org.peltast.runs;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.peltast.runs.RecipeType.Component;
import org.peltast.runs.RecipeType.Dictionary;
import org.peltast.runs.RecipeType.Sequence;
import org.peltast.runs.RecipeType.Structure;
import org.peltast.runs.RecipeType.Variant;
import org.peltast.runs.RecipeType.Word;

/** Record → YAML that {@link RecipeBinder} reads back to an equal record. */
final class RecipeWriter {
  /** Texts that YAML would take for something else are quoted; so is everything unusual. */
  private static final Pattern PLAIN =
      Pattern.compile("[A-Za-z_/]([A-Za-z0-9_./ +-]*[A-Za-z0-9_./+-])?");

  private static final Set<String> RESERVED =
      Set.of("null", "true", "false", "yes", "no", "on", "off", "y", "n");

  private final StringBuilder yaml = new StringBuilder();

  static String write(Structure type, Object value) {
    RecipeWriter writer = new RecipeWriter();
    writer.components(type, value, "");
    return writer.yaml.toString();
  }

  private void components(Structure type, Object holder, String indent) {
    for (Component component : type.components().values()) {
      yaml.append(indent).append(component.name()).append(':');
      after(component.type(), component.of(holder), indent);
    }
  }

  /** Writes what follows a colon: on the same line if it is short, else indented below. */
  private void after(RecipeType type, @Nullable Object value, String indent) {
    String inline = inline(type, value);
    if (inline != null) {
      yaml.append(' ').append(inline).append('\n');
      return;
    }
    yaml.append('\n');
    block(type, value, indent + "  ");
  }

  private void block(RecipeType type, @Nullable Object value, String indent) {
    if (value == null) {
      return; // null is always inline
    }
    if (type instanceof Structure structure) {
      components(structure, value, indent);
    } else if (type instanceof Variant variant) {
      Structure structure = kind(variant, value);
      yaml.append(indent)
          .append(variant.key())
          .append(": ")
          .append(variant.kindOf(value))
          .append('\n');
      components(structure, value, indent);
    } else if (type instanceof Dictionary dictionary) {
      ((Map<?, ?>) value)
          .forEach(
              (k, v) -> {
                yaml.append(indent).append(quoted((String) k)).append(':');
                after(dictionary.value(), v, indent);
              });
    } else if (type instanceof Sequence sequence) {
      for (Object item : (List<?>) value) {
        String inline = inline(sequence.element(), item);
        if (inline != null) {
          yaml.append(indent).append("- ").append(inline).append('\n');
        } else {
          // The item's first line starts after the dash: same column as its others.
          int start = yaml.length();
          block(sequence.element(), item, indent + "  ");
          yaml.replace(start, start + indent.length() + 2, indent + "- ");
        }
      }
    }
  }

  /** The one-line form; null if there is none. */
  static @Nullable String inline(RecipeType type, @Nullable Object value) {
    if (value == null) {
      return "null";
    }
    if (type instanceof Word word) {
      return word(word, value);
    }
    if (value instanceof Enum<?> constant) {
      return quoted(RecipeType.name(constant));
    }
    if (type instanceof Structure structure) {
      if (structure.parse() != null) {
        return quoted(value.toString());
      }
      return structure.components().isEmpty() ? "{}" : null;
    }
    if (type instanceof Variant variant) {
      return kind(variant, value).components().isEmpty() ? variant.kindOf(value) : null;
    }
    if (type instanceof Dictionary) {
      return ((Map<?, ?>) value).isEmpty() ? "{}" : null;
    }
    Sequence sequence = (Sequence) type;
    List<String> items = new ArrayList<>();
    for (Object item : (List<?>) value) {
      String inline =
          sequence.element() instanceof Sequence ? null : inline(sequence.element(), item);
      if (inline == null) {
        return null;
      }
      items.add(inline);
    }
    return "[" + String.join(", ", items) + "]";
  }

  private static Structure kind(Variant variant, Object value) {
    return (Structure) Objects.requireNonNull(variant.kinds().get(variant.kindOf(value)), "kind");
  }

  private static String word(Word type, Object value) {
    if (value instanceof Duration duration) {
      return Durations.format(duration);
    }
    if (value instanceof Double || value instanceof Float) {
      if (!Double.isFinite(((Number) value).doubleValue())) {
        throw new IllegalArgumentException("A recipe cannot hold the number " + value + ".");
      }
      return value.toString().replace(".0E", "e").replace('E', 'e');
    }
    return type.type() == Boolean.class || value instanceof Number
        ? value.toString()
        : quoted(value.toString());
  }

  static String quoted(String text) {
    if (PLAIN.matcher(text).matches() && !RESERVED.contains(text.toLowerCase(Locale.ROOT))) {
      return text;
    }
    StringBuilder quoted = new StringBuilder("\"");
    text.codePoints()
        .forEach(
            c -> {
              if (c == '"' || c == '\\') {
                quoted.append('\\').appendCodePoint(c);
              } else if ((c >= 0x20 && c < 0x7f) || Character.isLetterOrDigit(c)) {
                quoted.appendCodePoint(c);
              } else {
                quoted.append(
                    c > 0xffff
                        ? String.format(Locale.ROOT, "\\U%08x", c)
                        : String.format(Locale.ROOT, "\\u%04x", c));
              }
            });
    return quoted.append('"').toString();
  }
}
