package org.peltast.data;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Prompts for a model where nobody names any: those that lie with it, or else general ones. */
public final class ModelPrompts {
  /** Names of lists as trainers leave them beside a model; those of training come first. */
  private static final List<String> NAMES =
      List.of("prompts-train.txt", "prompts.txt", "prompts-train.jsonl", "prompts.jsonl");

  private ModelPrompts() {}

  /**
   * A list of prompts in a model's folder, or beside the folder.
   *
   * @param model the folder
   */
  public static Optional<Path> with(Path model) {
    Path parent = model.toAbsolutePath().normalize().getParent();
    return (parent == null ? List.of(model) : List.of(model, parent))
        .stream()
            .flatMap(folder -> NAMES.stream().map(folder::resolve))
            .filter(Files::isRegularFile)
            .findFirst();
  }

  /**
   * A prompt to try a model with: the first of {@link #with}'s list, else of what it was trained
   * on, else of {@link GeneralPrompts}.
   *
   * @param model the folder
   * @param images what it was trained on, as {@code data.images} of a recipe says; null if nobody
   *     knows
   */
  public static String example(Path model, @Nullable String images) {
    Optional<Path> list = with(model);
    if (list.isEmpty() && images != null && images.matches("(?i).*\\.(txt|jsonl)")) {
      list = Optional.of(Path.of(images)).filter(Files::isRegularFile);
    }
    if (list.isEmpty() && "emoji".equals(images)) {
      return "a red apple, noto style";
    }
    return list.map(PromptList::read).orElseGet(GeneralPrompts::list).prompts().get(0);
  }
}
