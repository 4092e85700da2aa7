package org.peltast.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.json.JsonMapper;

/**
 * Prompts read from a file: {@code .txt} with one prompt a line, or {@code .jsonl} with one object
 * a line whose {@code prompt}, {@code text} or {@code caption} is the prompt, or as many as a list
 * there has; a text by itself, or one array of all, does as well.
 *
 * <p>Empty lines are passed over. Control characters become blanks, and a prompt of more than 2,000
 * characters is cut. In a {@code .txt}, lines that begin with {@code #} are comments, and options
 * of kohya's scripts at a prompt's end ({@code --w 512}) are taken off. {@link #notes} tells of all
 * but empty lines.
 */
public final class PromptList implements Prompts {
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final long MAX_BYTES = 256L << 20;
  private static final List<String> KEYS =
      List.of("prompt", "text", "caption", "prompts", "texts", "captions");

  /**
   * Options as kohya's scripts take them at a prompt's end: width, height, frames, seed, steps,
   * scale, guidance, negative prompt and their like.
   */
  private static final Pattern OPTION =
      Pattern.compile("\\s(--(?:w|h|f|d|s|l|g|n|b|t|fs|ss|ow|oh|am|cn|ci|dp|ctr|ar))(?=\\s|$)");

  private final String name;
  private final List<String> prompts;
  private final List<String> notes;

  private PromptList(String name, List<String> prompts, List<String> notes) {
    this.name = name;
    this.prompts = List.copyOf(prompts);
    this.notes = List.copyOf(notes);
  }

  /**
   * Prompts at hand.
   *
   * @throws DataException if there are none, or one is empty
   */
  public static PromptList of(String name, List<String> prompts) {
    List<String> clean = new ArrayList<>();
    List<String> notes = new ArrayList<>();
    for (int i = 0; i < prompts.size(); i++) {
      clean.add(
          prompt(
              prompts.get(i), String.format(Locale.ROOT, "Prompt %d of %s", i + 1, name), notes));
    }
    return checked(name, clean, notes);
  }

  /**
   * Reads a file.
   *
   * @throws DataException if it cannot be read, is no UTF-8, UTF-16 or UTF-32, has a line that is
   *     not as described, or holds no prompt
   */
  public static PromptList read(Path file) {
    String lower = file.toString().toLowerCase(Locale.ROOT);
    boolean json = lower.endsWith(".jsonl");
    if (!json && !lower.endsWith(".txt")) {
      throw new DataException(
          String.format(
              Locale.ROOT,
              "The prompt list %s must be a .txt file (one prompt a line) or a .jsonl file.",
              file));
    }
    Reading reading = new Reading(file);
    if (json) {
      JsonLine.all(lines(file), file).forEach(reading::take);
    } else {
      reading.takeLines(lines(file));
    }
    return checked("prompts " + file.getFileName(), reading.prompts, reading.notes());
  }

  /** Writes the prompts as {@code .jsonl}, a text a line, from which they are read as they are. */
  public void write(Path file) throws IOException {
    StringBuilder lines = new StringBuilder();
    for (String prompt : prompts) {
      lines.append(JSON.writeValueAsString(prompt)).append('\n');
    }
    Files.writeString(file, lines);
  }

  /** Takes the prompts of a file, and counts what is none. */
  private static final class Reading {
    private final Path file;
    private final List<String> prompts = new ArrayList<>();
    private final List<String> cut = new ArrayList<>();
    private final List<String> empty = new ArrayList<>();
    private int comments;
    private int withOptions;
    private final Set<String> options = new TreeSet<>();

    Reading(Path file) {
      this.file = file;
    }

    void takeLines(List<String> lines) {
      for (int i = 0; i < lines.size(); i++) {
        String line = lines.get(i);
        if (CaptionText.oneLine(line).isEmpty()) {
          continue;
        }
        if (line.startsWith("#")) {
          comments++;
          continue;
        }
        prompts.add(
            prompt(
                withoutOptions(line),
                String.format(Locale.ROOT, "Line %d of %s", i + 1, file),
                cut));
      }
    }

    /** What kohya's scripts read after a prompt, and nobody draws. */
    private String withoutOptions(String line) {
      Matcher matcher = OPTION.matcher(line);
      if (!matcher.find() || line.substring(0, matcher.start()).isBlank()) {
        return line;
      }
      int start = matcher.start();
      withOptions++;
      do {
        options.add(matcher.group(1));
      } while (matcher.find());
      return line.substring(0, start);
    }

    void take(JsonLine line) {
      List<String> texts = line.isText() ? List.of(line.text()) : List.of();
      if (line.isObject()) {
        if (!line.has(KEYS)) {
          throw new DataException(
              String.format(
                  Locale.ROOT, "%s lacks %s.", line.where(), JsonLine.named(KEYS.subList(0, 3))));
        }
        texts = line.texts(KEYS);
      } else if (!line.isText()) {
        throw new DataException(
            String.format(Locale.ROOT, "%s is neither an object nor a text.", line.where()));
      }
      List<String> said =
          texts.stream().filter(text -> !CaptionText.oneLine(text).isEmpty()).toList();
      if (said.size() < texts.size() || texts.isEmpty()) {
        empty.add(line.where());
      }
      said.forEach(text -> prompts.add(prompt(text, line.where(), cut)));
    }

    List<String> notes() {
      List<String> notes = new ArrayList<>(cut);
      if (comments > 0) {
        notes.add(
            String.format(
                Locale.ROOT,
                "%d line%s of %s begin%s with # and %s taken for comments.",
                comments,
                comments == 1 ? "" : "s",
                file,
                comments == 1 ? "s" : "",
                comments == 1 ? "is" : "are"));
      }
      if (withOptions > 0) {
        notes.add(
            String.format(
                Locale.ROOT,
                "%d prompt%s of %s end%s in options of other tools (%s), which are taken off and not followed; say --size, --seed, --steps or --guidance instead.",
                withOptions,
                withOptions == 1 ? "" : "s",
                file,
                withOptions == 1 ? "s" : "",
                String.join(", ", options)));
      }
      if (!empty.isEmpty()) {
        notes.add(
            String.format(
                Locale.ROOT,
                "%d prompt%s of %s %s null or empty and passed over, the first at: %s.",
                empty.size(),
                empty.size() == 1 ? "" : "s",
                file,
                empty.size() == 1 ? "is" : "are",
                empty.get(0)));
      }
      return notes;
    }
  }

  /** Reads a text file of reasonable length; its lines may end in any system's way. */
  static List<String> lines(Path file) {
    try {
      if (!Files.isRegularFile(file)) {
        throw new DataException(
            String.format(Locale.ROOT, "The file %s does not exist, or is not a file.", file));
      }
      if (Files.size(file) > MAX_BYTES) {
        throw new DataException(
            String.format(
                Locale.ROOT, "The file %s has more than %d MB; split it.", file, MAX_BYTES >> 20));
      }
      return CaptionText.decoded(Files.readAllBytes(file), file).lines().toList();
    } catch (IOException e) {
      throw new DataException(
          String.format(Locale.ROOT, "The file %s cannot be read: %s.", file, e), e);
    }
  }

  private static String prompt(String text, String where, List<String> notes) {
    String clean = CaptionText.oneLine(text);
    if (clean.isEmpty()) {
      throw new DataException(
          String.format(Locale.ROOT, "%s has an empty prompt; fill it or remove it.", where));
    }
    if (CaptionText.isLong(clean)) {
      notes.add(
          String.format(
              Locale.ROOT,
              "%s is longer than %d characters and was cut.",
              where,
              CaptionText.MAX_CHARACTERS));
    }
    return CaptionText.cut(clean);
  }

  private static PromptList checked(String name, List<String> prompts, List<String> notes) {
    if (prompts.isEmpty()) {
      throw new DataException(
          String.format(
              Locale.ROOT,
              "There is no prompt in %s%s",
              name,
              notes.isEmpty() ? "." : ": " + String.join(" ", notes)));
    }
    return new PromptList(name, prompts, notes);
  }

  /** The prompts in the file's order. */
  public List<String> prompts() {
    return prompts;
  }

  /** Sentences about prompts that were cut, and about what was taken for none. */
  public List<String> notes() {
    return notes;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int size() {
    return prompts.size();
  }

  @Override
  public List<String> captions(int index) {
    return List.of(prompts.get(index));
  }

  @Override
  public String checksum() {
    return ContentHash.of(prompts);
  }
}
