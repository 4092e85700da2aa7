package org.peltast.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Prompts read from a file: {@code .txt} with one prompt a line, or {@code .jsonl} with one object
 * a line whose {@code prompt}, {@code text} or {@code caption} is the prompt.
 *
 * <p>Empty lines are passed over. Control characters become blanks, and a prompt of more than 2,000
 * characters is cut; {@link #notes} tells.
 */
public final class PromptList implements Prompts {
  private static final long MAX_BYTES = 256L << 20;

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
   * @throws DataException if it cannot be read, is not UTF-8, has a line that is not as described,
   *     or holds no prompt
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
    List<String> prompts = new ArrayList<>();
    List<String> notes = new ArrayList<>();
    int number = 0;
    for (String line : lines(file)) {
      number++;
      if (CaptionText.oneLine(line).isEmpty()) {
        continue;
      }
      String where = String.format(Locale.ROOT, "Line %d of %s", number, file);
      String text = json ? JsonLine.parse(line, where).required("prompt", "text", "caption") : line;
      prompts.add(prompt(text, where, notes));
    }
    return checked("prompts " + file.getFileName(), prompts, notes);
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
      return CaptionText.utf8(Files.readAllBytes(file), file).lines().toList();
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
      throw new DataException(String.format(Locale.ROOT, "There is no prompt in %s.", name));
    }
    return new PromptList(name, prompts, notes);
  }

  /** The prompts in the file's order. */
  public List<String> prompts() {
    return prompts;
  }

  /** One sentence for each prompt that was cut. */
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
