package org.peltast.models.text;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BinaryOperator;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A chat template, the part of Jinja in which tokenizers say how messages become one text:
 * substitutions, {@code set}, {@code for}, {@code if}, the usual operators, tests, filters and
 * methods of texts. Blanks are trimmed around blocks as transformers does ({@code trim_blocks},
 * {@code lstrip_blocks}).
 *
 * <p>What is never reached need not be known: a template that also formats calls of tools works for
 * a message of a user.
 */
final class ChatTemplate {
  /** A template says what is not understood, or raises an exception of its own. */
  static final class TemplateException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    TemplateException(String sentence) {
      super(sentence);
    }
  }

  private interface Expression {
    @Nullable Object of(Map<String, @Nullable Object> names);
  }

  private interface Part {
    void write(Map<String, @Nullable Object> names, StringBuilder to);
  }

  /** The value of a name that is not there. */
  private static final Object UNDEFINED =
      new Object() {
        @Override
        public String toString() {
          return "";
        }
      };

  private static final Pattern TAG =
      Pattern.compile(
          "\\{\\{([-+]?)(.*?)([-+]?)}}|\\{%([-+]?)(.*?)([-+]?)%}|\\{#([-+]?).*?([-+]?)#}",
          Pattern.DOTALL);

  private static final Pattern TOKEN =
      Pattern.compile(
          "\\s*(?:('(?:[^'\\\\]|\\\\.)*'|\"(?:[^\"\\\\]|\\\\.)*\")|(\\d+)|([A-Za-z_]\\w*)"
              + "|(==|!=|<=|>=|//|[-+*/%~<>=|.,:()\\[\\]{}]))",
          Pattern.DOTALL);

  private static final Pattern FOR =
      Pattern.compile("\\s*([A-Za-z_]\\w*)\\s+in\\s(.*)", Pattern.DOTALL);

  private final List<Part> parts;

  private ChatTemplate(List<Part> parts) {
    this.parts = parts;
  }

  /**
   * Reads a template.
   *
   * @throws TemplateException if it holds what this does not understand
   */
  static ChatTemplate of(String template) {
    String lines = template.replace("\r\n", "\n").replace('\r', '\n');
    Blocks blocks =
        new Blocks(pieces(lines.endsWith("\n") ? lines.substring(0, lines.length() - 1) : lines));
    List<Part> parts = blocks.until();
    if (blocks.more()) {
      throw new TemplateException("a block ends that was not begun");
    }
    return new ChatTemplate(parts);
  }

  /** The text of one message of a user, to be answered, with thinking enabled. */
  String user(String content) {
    Map<String, @Nullable Object> names = new HashMap<>();
    names.put("messages", List.of(Map.of("role", "user", "content", content)));
    names.put("add_generation_prompt", true);
    names.put("enable_thinking", true);
    names.put("true", true);
    names.put("false", false);
    names.put("True", true);
    names.put("False", false);
    names.put("none", null);
    names.put("None", null);
    names.put("tools", null);
    names.put("documents", null);
    StringBuilder text = new StringBuilder();
    parts.forEach(p -> p.write(names, text));
    return text.toString();
  }

  // ------------------------------------------------------------------ blocks

  /** A text, a substitution or a statement. */
  private record Piece(Kind kind, String text) {
    enum Kind {
      TEXT,
      OUTPUT,
      STATEMENT
    }
  }

  private static List<Piece> pieces(String template) {
    List<Piece> pieces = new ArrayList<>();
    Matcher tag = TAG.matcher(template);
    int at = 0;
    boolean strip = false; // all blanks after the last tag
    boolean trim = false; // a line's end after it
    while (true) {
      boolean found = tag.find();
      String text = template.substring(at, found ? tag.start() : template.length());
      boolean startsLine = at == 0;
      if (strip) {
        text = text.stripLeading();
      } else if (trim && text.startsWith("\n")) {
        text = text.substring(1);
        startsLine = true;
      }
      if (!found) {
        pieces.add(new Piece(Piece.Kind.TEXT, text));
        return pieces;
      }
      boolean output = tag.group(2) != null;
      boolean statement = tag.group(5) != null;
      String before = tag.group(output ? 1 : statement ? 4 : 7);
      String after = tag.group(output ? 3 : statement ? 6 : 8);
      if (before.equals("-")) {
        text = text.stripTrailing();
      } else if (!output && !before.equals("+")) {
        int line = text.lastIndexOf('\n') + 1;
        if ((line > 0 || startsLine) && text.substring(line).isBlank()) {
          text = text.substring(0, line);
        }
      }
      pieces.add(new Piece(Piece.Kind.TEXT, text));
      if (output) {
        pieces.add(new Piece(Piece.Kind.OUTPUT, tag.group(2)));
      } else if (statement) {
        pieces.add(new Piece(Piece.Kind.STATEMENT, tag.group(5).strip()));
      }
      strip = after.equals("-");
      trim = !output && !after.equals("+");
      at = tag.end();
    }
  }

  private static final class Blocks {
    private final List<Piece> pieces;
    private int at;

    Blocks(List<Piece> pieces) {
      this.pieces = pieces;
    }

    boolean more() {
      return at < pieces.size();
    }

    /** Parts up to one of these statements, which is not taken, or to the end. */
    List<Part> until(String... ends) {
      List<Part> parts = new ArrayList<>();
      while (more()) {
        Piece piece = pieces.get(at);
        if (piece.kind() == Piece.Kind.TEXT) {
          parts.add((names, to) -> to.append(piece.text()));
          at++;
        } else if (piece.kind() == Piece.Kind.OUTPUT) {
          Expression value = read(piece.text());
          parts.add((names, to) -> to.append(text(value.of(names))));
          at++;
        } else if (List.of(ends).contains(keyword(piece.text()))) {
          return parts;
        } else if (List.of("endif", "endfor", "else", "elif").contains(keyword(piece.text()))) {
          return parts;
        } else {
          at++;
          parts.add(statement(piece.text()));
        }
      }
      return parts;
    }

    private static String keyword(String statement) {
      return statement.split("\\W", 2)[0];
    }

    private String rest(String keyword) {
      String text = pieces.get(at++).text();
      return text.substring(keyword.length());
    }

    private String next() {
      if (!more()) {
        throw new TemplateException("a block is not ended");
      }
      return keyword(pieces.get(at).text());
    }

    private Part statement(String text) {
      String keyword = keyword(text);
      String rest = text.substring(keyword.length());
      return switch (keyword) {
        case "set" -> set(rest);
        case "if" -> condition(read(rest));
        case "for" -> loop(rest);
        case "generation", "endgeneration" -> (names, to) -> {};
        default -> throw new TemplateException("the statement " + keyword + " is not supported");
      };
    }

    /** An expression; what is not understood is told when it is reached. */
    private static Expression read(String text) {
      try {
        return new Tokens(text).whole();
      } catch (TemplateException e) {
        return names -> {
          throw e;
        };
      }
    }

    private static Part set(String text) {
      try {
        return set(new Tokens(text));
      } catch (TemplateException e) {
        return (names, to) -> {
          throw e;
        };
      }
    }

    private static Part set(Tokens tokens) {
      String name = tokens.name();
      String attribute = tokens.takes(".") ? tokens.name() : null;
      tokens.require("=");
      Expression value = tokens.whole();
      if (attribute == null) {
        return (names, to) -> names.put(name, value.of(names));
      }
      return (names, to) -> {
        if (!(names.get(name) instanceof Namespace space)) {
          throw new TemplateException(name + " is no namespace");
        }
        space.values().put(attribute, value.of(names));
      };
    }

    private Part condition(Expression first) {
      List<Expression> conditions = new ArrayList<>(List.of(first));
      List<List<Part>> bodies = new ArrayList<>(List.of(until("elif", "else", "endif")));
      while (next().equals("elif")) {
        conditions.add(read(rest("elif")));
        bodies.add(until("elif", "else", "endif"));
      }
      if (next().equals("else")) {
        rest("else");
        conditions.add(names -> true);
        bodies.add(until("endif"));
      }
      require("endif");
      return (names, to) -> {
        for (int i = 0; i < conditions.size(); i++) {
          if (truth(conditions.get(i).of(names))) {
            bodies.get(i).forEach(p -> p.write(names, to));
            return;
          }
        }
      };
    }

    private Part loop(String text) {
      Matcher header = FOR.matcher(text);
      String name = header.matches() ? header.group(1) : "";
      Expression items =
          header.matches()
              ? read(header.group(2))
              : names -> {
                throw new TemplateException("the loop 'for" + text + "' is not supported");
              };
      List<Part> body = until("endfor");
      require("endfor");
      return (names, to) -> {
        List<?> all = list(items.of(names));
        for (int i = 0; i < all.size(); i++) {
          Map<String, @Nullable Object> inner = new HashMap<>(names); // what it sets ends with it
          inner.put(name, all.get(i));
          Map<String, Object> loop = new HashMap<>();
          loop.put("index", i + 1L);
          loop.put("index0", (long) i);
          loop.put("revindex0", all.size() - 1L - i);
          loop.put("first", i == 0);
          loop.put("last", i == all.size() - 1);
          loop.put("length", (long) all.size());
          inner.put("loop", loop);
          body.forEach(p -> p.write(inner, to));
        }
      };
    }

    private void require(String end) {
      if (!next().equals(end)) {
        throw new TemplateException("a block ends with " + next() + ", not with " + end);
      }
      at++;
    }
  }

  private record Namespace(Map<String, @Nullable Object> values) {}

  // ------------------------------------------------------------------ expressions

  /** Reads expressions, by precedence. */
  private static final class Tokens {
    private final List<String> all = new ArrayList<>();
    private int at;

    Tokens(String text) {
      Matcher token = TOKEN.matcher(text);
      int end = 0;
      while (end < text.length() && token.region(end, text.length()).lookingAt()) {
        all.add(token.group().strip());
        end = token.end();
      }
      if (!text.substring(end).isBlank()) {
        throw new TemplateException("'" + text.substring(end).strip() + "' is not understood");
      }
    }

    Expression whole() {
      Expression e = choice();
      if (at < all.size()) {
        throw new TemplateException("'" + all.get(at) + "' is not expected");
      }
      return e;
    }

    private String peek() {
      return at < all.size() ? all.get(at) : "";
    }

    boolean takes(String token) {
      if (peek().equals(token)) {
        at++;
        return true;
      }
      return false;
    }

    void require(String token) {
      if (!takes(token)) {
        throw new TemplateException(
            "'" + token + "' is missing" + (peek().isEmpty() ? "" : " before '" + peek() + "'"));
      }
    }

    String name() {
      if (!peek().matches("[A-Za-z_]\\w*")) {
        throw new TemplateException("a name is missing before '" + peek() + "'");
      }
      return all.get(at++);
    }

    private Expression choice() {
      Expression value = either();
      if (!takes("if")) {
        return value;
      }
      Expression condition = either();
      Expression other = takes("else") ? choice() : names -> UNDEFINED;
      return names -> truth(condition.of(names)) ? value.of(names) : other.of(names);
    }

    private Expression either() {
      Expression left = both();
      while (takes("or")) {
        Expression a = left;
        Expression b = both();
        left =
            names -> {
              Object first = a.of(names);
              return truth(first) ? first : b.of(names);
            };
      }
      return left;
    }

    private Expression both() {
      Expression left = negation();
      while (takes("and")) {
        Expression a = left;
        Expression b = negation();
        left =
            names -> {
              Object first = a.of(names);
              return truth(first) ? b.of(names) : first;
            };
      }
      return left;
    }

    private Expression negation() {
      if (takes("not")) {
        Expression value = negation();
        return names -> !truth(value.of(names));
      }
      return comparison();
    }

    private Expression comparison() {
      Expression left = sum();
      while (true) {
        Expression a = left;
        String operator = peek();
        if (List.of("==", "!=", "<", ">", "<=", ">=", "in").contains(operator)) {
          at++;
          Expression b = sum();
          left = names -> compared(operator, a.of(names), b.of(names));
        } else if (operator.equals("not") && at + 1 < all.size() && all.get(at + 1).equals("in")) {
          at += 2;
          Expression b = sum();
          left = names -> !(boolean) compared("in", a.of(names), b.of(names));
        } else {
          return left;
        }
      }
    }

    private Expression sum() {
      Expression left = product();
      while (List.of("+", "-", "~").contains(peek())) {
        String operator = all.get(at++);
        left = joined(left, product(), (a, b) -> added(operator, a, b));
      }
      return left;
    }

    private Expression product() {
      Expression left = signed();
      while (List.of("*", "//", "%").contains(peek())) {
        String operator = all.get(at++);
        left =
            joined(
                left,
                signed(),
                (a, b) ->
                    switch (operator) {
                      case "*" -> number(a) * number(b);
                      case "%" -> Math.floorMod(number(a), divisor(b));
                      default -> Math.floorDiv(number(a), divisor(b));
                    });
      }
      return left;
    }

    private static Expression joined(
        Expression a, Expression b, BinaryOperator<@Nullable Object> operator) {
      return names -> operator.apply(a.of(names), b.of(names));
    }

    private Expression signed() {
      if (takes("-")) {
        Expression value = signed();
        return names -> -number(value.of(names));
      }
      return tested();
    }

    /** A value with what follows it: attributes, places, calls, filters, tests. */
    private Expression tested() {
      Expression value = primary();
      while (true) {
        Expression of = value;
        if (takes(".")) {
          String name = name();
          value = peek().equals("(") ? method(of, name) : names -> attribute(of.of(names), name);
        } else if (takes("[")) {
          value = place(of);
        } else if (takes("|")) {
          String name = name();
          List<Expression> arguments = takes("(") ? arguments() : List.of();
          value = names -> filtered(name, of.of(names), values(arguments, names));
        } else if (takes("is")) {
          boolean not = takes("not");
          String name = name();
          value = names -> passes(name, of.of(names)) != not;
        } else {
          return value;
        }
      }
    }

    private Expression method(Expression of, String name) {
      require("(");
      List<Expression> arguments = arguments();
      return names -> called(name, of.of(names), values(arguments, names));
    }

    private List<Expression> arguments() {
      List<Expression> arguments = new ArrayList<>();
      while (!takes(")")) {
        arguments.add(choice());
        if (!peek().equals(")")) {
          require(",");
        }
      }
      return arguments;
    }

    private Expression place(Expression of) {
      List<@Nullable Expression> slice = new ArrayList<>();
      boolean sliced = false;
      slice.add(peek().equals(":") ? null : choice());
      while (takes(":")) {
        sliced = true;
        slice.add(peek().equals(":") || peek().equals("]") ? null : choice());
      }
      require("]");
      if (sliced) {
        return names -> slice(of.of(names), slice, names);
      }
      Expression key = slice.get(0);
      if (key == null) {
        throw new TemplateException("a place is missing between [ and ]");
      }
      return names -> item(of.of(names), key.of(names));
    }

    private Expression primary() {
      String token = peek();
      if (token.isEmpty()) {
        throw new TemplateException("an expression ends too early");
      }
      at++;
      if (token.startsWith("'") || token.startsWith("\"")) {
        String text = literal(token);
        return names -> text;
      }
      if (Character.isDigit(token.charAt(0))) {
        try {
          long number = Long.parseLong(token);
          return names -> number;
        } catch (NumberFormatException e) {
          throw new TemplateException("the number " + token + " is too large");
        }
      }
      if (token.equals("(")) {
        Expression inner = choice();
        require(")");
        return inner;
      }
      if (token.equals("[")) {
        List<Expression> items = new ArrayList<>();
        while (!takes("]")) {
          items.add(choice());
          if (!peek().equals("]")) {
            require(",");
          }
        }
        return names -> values(items, names);
      }
      if (!token.matches("[A-Za-z_]\\w*")) {
        throw new TemplateException("'" + token + "' is not expected");
      }
      return takes("(") ? function(token) : names -> names.getOrDefault(token, UNDEFINED);
    }

    private Expression function(String name) {
      if (name.equals("namespace")) {
        Map<String, Expression> given = new HashMap<>();
        while (!takes(")")) {
          String key = name();
          require("=");
          given.put(key, choice());
          if (!peek().equals(")")) {
            require(",");
          }
        }
        return names -> {
          Map<String, @Nullable Object> values = new HashMap<>();
          given.forEach((key, value) -> values.put(key, value.of(names)));
          return new Namespace(values);
        };
      }
      List<Expression> arguments = arguments();
      return names -> {
        if (name.equals("raise_exception")) {
          throw new TemplateException("it says: " + text(values(arguments, names).get(0)));
        }
        throw new TemplateException("the function " + name + " is not supported");
      };
    }

    private static String literal(String token) {
      StringBuilder text = new StringBuilder();
      for (int i = 1; i < token.length() - 1; i++) {
        char c = token.charAt(i);
        if (c == '\\') {
          c = token.charAt(++i);
          switch (c) {
            case 'n' -> text.append('\n');
            case 't' -> text.append('\t');
            case 'r' -> text.append('\r');
            case '\\', '\'', '"' -> text.append(c);
            default -> throw new TemplateException("\\" + c + " is not supported in a text");
          }
        } else {
          text.append(c);
        }
      }
      return text.toString();
    }
  }

  // ------------------------------------------------------------------ values

  private static List<@Nullable Object> values(
      List<Expression> expressions, Map<String, @Nullable Object> names) {
    List<@Nullable Object> values = new ArrayList<>();
    expressions.forEach(e -> values.add(e.of(names)));
    return values;
  }

  private static boolean truth(@Nullable Object value) {
    if (value == null || value == UNDEFINED) {
      return false;
    }
    if (value instanceof Boolean b) {
      return b;
    }
    if (value instanceof Long n) {
      return n != 0;
    }
    return value instanceof String s
        ? !s.isEmpty()
        : !(value instanceof Collection<?> c && c.isEmpty())
            && !(value instanceof Map<?, ?> m && m.isEmpty());
  }

  private static String text(@Nullable Object value) {
    if (value == null) {
      return "None";
    }
    if (value instanceof Boolean b) {
      return b ? "True" : "False";
    }
    if (value instanceof String || value instanceof Long || value == UNDEFINED) {
      return value.toString();
    }
    throw new TemplateException("a list or mapping is written out, which is not supported");
  }

  private static long number(@Nullable Object value) {
    if (value instanceof Long n) {
      return n;
    }
    throw new TemplateException("a number is calculated with that is none");
  }

  private static long divisor(@Nullable Object value) {
    long n = number(value);
    if (n == 0) {
      throw new TemplateException("it divides by zero");
    }
    return n;
  }

  private static List<?> list(@Nullable Object value) {
    if (value instanceof List<?> l) {
      return l;
    }
    if (value == UNDEFINED) {
      return List.of();
    }
    throw new TemplateException("it goes through what is no list");
  }

  private static Object added(String operator, @Nullable Object a, @Nullable Object b) {
    if (operator.equals("~")) {
      return text(a) + text(b);
    }
    if (operator.equals("-")) {
      return number(a) - number(b);
    }
    if (a instanceof String s && b instanceof String t) {
      return s + t;
    }
    if (a instanceof List<?> l && b instanceof List<?> m) {
      List<@Nullable Object> both = new ArrayList<>(l);
      both.addAll(m);
      return both;
    }
    return number(a) + number(b);
  }

  private static Object compared(String operator, @Nullable Object a, @Nullable Object b) {
    return switch (operator) {
      case "==" -> java.util.Objects.equals(a, b);
      case "!=" -> !java.util.Objects.equals(a, b);
      case "<" -> number(a) < number(b);
      case ">" -> number(a) > number(b);
      case "<=" -> number(a) <= number(b);
      case ">=" -> number(a) >= number(b);
      default -> {
        if (b instanceof String s && a instanceof String t) {
          yield s.contains(t);
        }
        if (b instanceof Map<?, ?> m) {
          yield m.containsKey(a);
        }
        yield list(b).contains(a);
      }
    };
  }

  private static @Nullable Object attribute(@Nullable Object of, String name) {
    if (of == UNDEFINED || of == null) {
      throw new TemplateException("it asks for " + name + " of what is not there");
    }
    Map<?, ?> map =
        of instanceof Namespace n ? n.values() : of instanceof Map<?, ?> m ? m : Map.of();
    return map.containsKey(name) ? map.get(name) : UNDEFINED;
  }

  private static @Nullable Object item(@Nullable Object of, @Nullable Object key) {
    if (key instanceof String name) {
      return attribute(of, name);
    }
    long index = number(key);
    if (of instanceof String s) {
      long i = index < 0 ? index + s.length() : index;
      return i >= 0 && i < s.length() ? s.substring((int) i, (int) i + 1) : UNDEFINED;
    }
    List<?> all = list(of);
    long i = index < 0 ? index + all.size() : index;
    return i >= 0 && i < all.size() ? all.get((int) i) : UNDEFINED;
  }

  private static Object slice(
      @Nullable Object of, List<@Nullable Expression> slice, Map<String, @Nullable Object> names) {
    if (!(of instanceof List<?> all)) {
      throw new TemplateException("a part is taken of what is no list");
    }
    Expression step = slice.size() > 2 ? slice.get(2) : null;
    long by = step == null ? 1 : number(step.of(names));
    Expression first = slice.get(0);
    Expression last = slice.get(1);
    if (by == -1 && first == null && last == null) {
      List<Object> turned = new ArrayList<>(all);
      Collections.reverse(turned);
      return turned;
    }
    if (by != 1) {
      throw new TemplateException("a step of " + by + " through a list is not supported");
    }
    int from = bound(first, 0, all.size(), names);
    int to = bound(last, all.size(), all.size(), names);
    return from < to ? all.subList(from, to) : List.of();
  }

  private static int bound(
      @Nullable Expression e, int otherwise, int size, Map<String, @Nullable Object> names) {
    if (e == null) {
      return otherwise;
    }
    long value = number(e.of(names));
    return (int) Math.max(0, Math.min(size, value < 0 ? value + size : value));
  }

  private static Object filtered(String name, @Nullable Object of, List<@Nullable Object> more) {
    return switch (name) {
      case "length", "count" -> of instanceof String s ? (long) s.length() : (long) list(of).size();
      case "trim" -> text(of).strip();
      case "upper" -> called("upper", of, more);
      case "lower" -> called("lower", of, more);
      case "string" -> text(of);
      case "safe" -> text(of);
      case "default" -> of == UNDEFINED && !more.isEmpty() ? text(more.get(0)) : text(of);
      case "first" -> java.util.Objects.requireNonNullElse(item(of, 0L), UNDEFINED);
      case "last" -> java.util.Objects.requireNonNullElse(item(of, -1L), UNDEFINED);
      default -> throw new TemplateException("the filter " + name + " is not supported");
    };
  }

  private static boolean passes(String test, @Nullable Object of) {
    return switch (test) {
      case "defined" -> of != UNDEFINED;
      case "undefined" -> of == UNDEFINED;
      case "none", "None" -> of == null;
      case "string" -> of instanceof String;
      case "mapping" -> of instanceof Map<?, ?>;
      case "number", "integer" -> of instanceof Long;
      case "boolean" -> of instanceof Boolean;
      case "true", "True" -> Boolean.TRUE.equals(of);
      case "false", "False" -> Boolean.FALSE.equals(of);
      case "iterable", "sequence" ->
          of instanceof List<?> || of instanceof String || of instanceof Map<?, ?>;
      default -> throw new TemplateException("the test " + test + " is not supported");
    };
  }

  private static Object called(String name, @Nullable Object of, List<@Nullable Object> more) {
    if (of instanceof Map<?, ?> m && name.equals("get") && !more.isEmpty()) {
      Object value = m.get(more.get(0));
      return value != null ? value : UNDEFINED;
    }
    if (!(of instanceof String s)) {
      throw new TemplateException("the method " + name + " is not supported");
    }
    Function<Integer, String> argument = i -> text(more.get(i));
    return switch (name + more.size()) {
      case "startswith1" -> s.startsWith(argument.apply(0));
      case "endswith1" -> s.endsWith(argument.apply(0));
      case "strip0" -> s.strip();
      case "lstrip0" -> s.stripLeading();
      case "rstrip0" -> s.stripTrailing();
      case "upper0" -> s.toUpperCase(java.util.Locale.ROOT);
      case "lower0" -> s.toLowerCase(java.util.Locale.ROOT);
      case "replace2" -> s.replace(argument.apply(0), argument.apply(1));
      case "split1" -> List.of(s.split(Pattern.quote(argument.apply(0)), -1));
      default -> throw new TemplateException("the method " + name + " is not supported");
    };
  }
}
