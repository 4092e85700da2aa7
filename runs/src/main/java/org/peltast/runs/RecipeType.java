package org.peltast.runs;

import java.lang.reflect.AnnotatedParameterizedType;
import java.lang.reflect.AnnotatedType;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a component of a recipe may be. Both directions, reading and writing, are written against
 * this one list, so that neither knows a type that the other does not.
 */
sealed interface RecipeType {
  /** The key that says which of several records a table is. */
  String KIND = "kind";

  /** What may be written here, for a sentence: "a whole number". */
  String wanted();

  /** Text that stands for one value: numbers, names, lengths of time. */
  record Word(Class<?> type, String wanted) implements RecipeType {}

  /** A constant, written in lower case with hyphens. */
  record Choice(Class<?> type, Map<String, Object> constants) implements RecipeType {
    @Override
    public String wanted() {
      return constants.size() == 1
          ? constants.keySet().iterator().next()
          : "one of " + String.join(", ", constants.keySet());
    }
  }

  /** A list. */
  record Sequence(RecipeType element) implements RecipeType {
    @Override
    public String wanted() {
      return "a list such as [a, b], each " + element.wanted();
    }
  }

  /** A table with free keys. */
  record Dictionary(RecipeType value) implements RecipeType {
    @Override
    public String wanted() {
      return "a table of 'key: value' lines, each value " + value.wanted();
    }
  }

  /** A record: a table with known keys; with a static {@code parse(String)}, also one word. */
  record Structure(Class<?> type, @Nullable Method parse) implements RecipeType {
    @Override
    public String wanted() {
      return parse != null ? "a " + kebab(type.getSimpleName()) : "a table of 'key: value' lines";
    }

    /** The components, in the record's order. */
    Map<String, Component> components() {
      Map<String, Component> components = new LinkedHashMap<>();
      for (RecordComponent c : type.getRecordComponents()) {
        boolean nullable = c.getAnnotatedType().isAnnotationPresent(Nullable.class);
        components.put(
            c.getName(),
            new Component(
                c.getName(), RecipeType.of(c.getAnnotatedType(), c), nullable, c.getAccessor()));
      }
      return components;
    }

    /** The record's static {@code defaults()}, if it has one. */
    @Nullable Object defaults() {
      Method method = staticMethod(type, "defaults");
      return method == null ? null : invoke(method, null);
    }

    /**
     * A record of these values.
     *
     * @throws IllegalArgumentException if its constructor refuses them; the message is the
     *     constructor's
     */
    Object make(List<@Nullable Object> values) {
      try {
        Constructor<?> constructor =
            type.getDeclaredConstructor(
                Arrays.stream(type.getRecordComponents())
                    .map(RecordComponent::getType)
                    .toArray(Class<?>[]::new));
        constructor.setAccessible(true);
        return constructor.newInstance(values.toArray());
      } catch (InvocationTargetException e) {
        throw refusal(e);
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(type + " cannot be constructed.", e);
      }
    }
  }

  /**
   * One of several records or constants: a table in which one key says which, or its value alone.
   *
   * @param key {@code kind}, unless the interface has a name of its own for it
   */
  record Variant(Class<?> type, String key, Map<String, Object> kinds) implements RecipeType {
    /** The name of a record's kind. */
    String kindOf(Object value) {
      return kinds.entrySet().stream()
          .filter(e -> e.getValue() instanceof Structure s && s.type() == value.getClass())
          .map(Map.Entry::getKey)
          .findFirst()
          .orElseThrow(() -> new IllegalArgumentException(value.getClass() + " is no " + type));
    }

    @Override
    public String wanted() {
      String names = String.join(", ", kinds.keySet());
      return key.equals(KIND)
          ? "one of the kinds " + names
          : "a table with '" + key + "', one of " + names;
    }
  }

  /** One component of a record. */
  record Component(String name, RecipeType type, boolean nullable, Method accessor) {
    /** Its value in a record; null if there is no record. */
    @Nullable Object of(@Nullable Object holder) {
      return holder == null ? null : invoke(accessor, holder);
    }
  }

  /** Which type of word, table or list a Java type is. */
  static RecipeType of(AnnotatedType annotated, Object owner) {
    Type type = annotated.getType();
    if (type instanceof ParameterizedType generic
        && annotated instanceof AnnotatedParameterizedType parameters) {
      AnnotatedType[] arguments = parameters.getAnnotatedActualTypeArguments();
      if (generic.getRawType() == List.class) {
        return new Sequence(of(arguments[0], owner));
      }
      if (generic.getRawType() == Map.class && arguments[0].getType() == String.class) {
        return new Dictionary(of(arguments[1], owner));
      }
    }
    if (type instanceof Class<?> c) {
      return of(c, owner);
    }
    throw unsupported(type, owner);
  }

  private static RecipeType of(Class<?> c, Object owner) {
    if (c == boolean.class || c == Boolean.class) {
      return new Word(Boolean.class, "true or false");
    } else if (c == int.class || c == Integer.class) {
      return new Word(Integer.class, "a whole number");
    } else if (c == long.class || c == Long.class) {
      return new Word(Long.class, "a whole number");
    } else if (c == float.class || c == Float.class) {
      return new Word(Float.class, "a number");
    } else if (c == double.class || c == Double.class) {
      return new Word(Double.class, "a number");
    } else if (c == String.class) {
      return new Word(c, "a text");
    } else if (c == Path.class) {
      return new Word(c, "a path");
    } else if (c == Duration.class) {
      return new Word(c, "a length of time such as 90s, 5m or 1h30m");
    } else if (c.isEnum()) {
      Map<String, Object> constants = new LinkedHashMap<>();
      for (Object constant : c.getEnumConstants()) {
        constants.put(name((Enum<?>) constant), constant);
      }
      return new Choice(c, constants);
    } else if (c.isRecord() && c.getTypeParameters().length == 0) {
      Method parse = staticMethod(c, "parse", String.class);
      return new Structure(c, parse);
    } else if (c.isInterface() && c.isSealed()) {
      Map<String, Object> kinds = new LinkedHashMap<>();
      for (Class<?> sub : c.getPermittedSubclasses()) {
        RecipeType type = of(sub, owner);
        if (type instanceof Structure) {
          kinds.put(kebab(sub.getSimpleName()), type);
        } else if (type instanceof Choice choice) {
          kinds.putAll(choice.constants());
        } else if (type instanceof Variant variant) {
          kinds.putAll(variant.kinds());
        } else {
          throw unsupported(sub, owner);
        }
      }
      return new Variant(c, KIND, kinds);
    } else if (c.isInterface() && open(c, "kinds") instanceof Map<?, ?> records) {
      Map<String, Object> kinds = new LinkedHashMap<>();
      records.forEach((name, sub) -> kinds.put((String) name, of((Class<?>) sub, owner)));
      return new Variant(c, open(c, "kindKey") instanceof String key ? key : KIND, kinds);
    }
    throw unsupported(c, owner);
  }

  /** What an interface's static method without parameters answers; null if it has none. */
  private static @Nullable Object open(Class<?> type, String name) {
    for (Method m : type.getDeclaredMethods()) {
      if (m.getName().equals(name)
          && Modifier.isStatic(m.getModifiers())
          && m.getParameterCount() == 0) {
        return invoke(m, null);
      }
    }
    return null;
  }

  /** Refuses, when the program starts and not when a user reads, what no recipe can hold. */
  static void check(RecipeType type, Set<Class<?>> seen) {
    if (type instanceof Sequence s) {
      check(s.element(), seen);
    } else if (type instanceof Dictionary d) {
      check(d.value(), seen);
    } else if (type instanceof Variant v) {
      v.kinds().values().forEach(k -> checkKind(v.key(), k, seen));
    } else if (type instanceof Structure s && seen.add(s.type())) {
      s.components().values().forEach(c -> check(c.type(), seen));
    }
  }

  private static void checkKind(String key, Object kind, Set<Class<?>> seen) {
    if (kind instanceof Structure s) {
      if (s.components().containsKey(key)) {
        throw new IllegalArgumentException(
            s.type() + ": a record of several kinds has no component named '" + key + "'.");
      }
      check(s, seen);
    }
  }

  /** The dotted paths of all keys below a type. */
  static List<String> paths(RecipeType type, String prefix, Set<Class<?>> above) {
    List<String> paths = new ArrayList<>();
    if (type instanceof Variant v) {
      for (Object kind : v.kinds().values()) {
        if (kind instanceof Structure s) {
          paths.addAll(paths(s, prefix, above));
        }
      }
    } else if (type instanceof Structure s && above.add(s.type())) {
      s.components()
          .forEach(
              (name, c) -> {
                paths.add(prefix + name);
                paths.addAll(paths(c.type(), prefix + name + ".", above));
              });
      above.remove(s.type());
    }
    return paths;
  }

  /** DECOUPLED_HYBRID → decoupled-hybrid. */
  static String name(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** MeanVarianceKl → mean-variance-kl. */
  static String kebab(String camel) {
    return camel.replaceAll("(?<=[a-z0-9])(?=[A-Z])", "-").toLowerCase(Locale.ROOT);
  }

  /**
   * Calls a method by reflection.
   *
   * @throws IllegalArgumentException with the message of what the method threw
   */
  static @Nullable Object invoke(Method method, @Nullable Object target, Object... arguments) {
    try {
      method.setAccessible(true);
      return method.invoke(target, arguments);
    } catch (InvocationTargetException e) {
      throw refusal(e);
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(method + " cannot be called.", e);
    }
  }

  private static IllegalArgumentException refusal(InvocationTargetException e) {
    if (e.getCause() instanceof Error error) {
      throw error;
    }
    Throwable cause = e.getCause() == null ? e : e.getCause();
    String message = cause.getMessage();
    return new IllegalArgumentException(
        message == null
            ? "the value is refused (" + cause.getClass().getSimpleName() + ")"
            : message,
        cause);
  }

  private static @Nullable Method staticMethod(Class<?> type, String name, Class<?>... parameters) {
    for (Method m : type.getDeclaredMethods()) {
      if (m.getName().equals(name)
          && Modifier.isStatic(m.getModifiers())
          && m.getReturnType() == type
          && Arrays.equals(m.getParameterTypes(), parameters)) {
        return m;
      }
    }
    return null;
  }

  private static IllegalArgumentException unsupported(Object type, Object owner) {
    return new IllegalArgumentException(
        "A recipe cannot hold "
            + type
            + " ("
            + owner
            + "); use numbers, texts, enums, durations, paths,"
            + " lists, maps from String, records, and interfaces that are sealed or have kinds().");
  }
}
