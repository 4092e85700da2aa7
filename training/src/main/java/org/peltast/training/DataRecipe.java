package org.peltast.training;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Locale;
import org.peltast.data.DataException;
import org.peltast.data.EmojiCorpus;
import org.peltast.data.GeneralPrompts;
import org.peltast.data.ImageFolder;

/**
 * What a run learns from.
 *
 * @param images {@code emoji}, a folder of captioned pictures, or, where captions are enough, a
 *     list of prompts ({@code .txt} or {@code .jsonl}) or {@code general}, prompts of all kinds
 * @param size the edge of the square pictures, in pixels
 * @param fit how a folder's pictures are brought to size
 * @param limit at most so many of the emoji corpus's concepts; 0 for all
 * @param validation whether the emoji corpus's validation pairs are kept from training, and are
 *     what a run is looked at with, instead of the test pairs
 * @param wording of the emoji corpus's captions, {@code plain} or {@code varied}
 * @param mirrored whether mirrored emoji are learnt from too, captioned so
 * @param captionKey the key of a folder's captions in its {@code metadata.jsonl} or the column in
 *     its {@code metadata.csv}; empty for the usual ones
 */
public record DataRecipe(
    String images,
    int size,
    ImageFolder.Fit fit,
    int limit,
    boolean validation,
    EmojiCorpus.Wording wording,
    boolean mirrored,
    String captionKey) {
  /** The name of the built-in corpus. */
  static final String EMOJI = "emoji";

  /** As it is, with test pairs alone held out. */
  DataRecipe(String images, int size, ImageFolder.Fit fit, int limit) {
    this(images, size, fit, limit, false, EmojiCorpus.Wording.PLAIN, false, "");
  }

  /** All emoji at 64 px. */
  public static DataRecipe defaults() {
    return new DataRecipe(EMOJI, 64, ImageFolder.Fit.CENTRE_CROP, 0);
  }

  /** Checks the ranges. */
  public DataRecipe {
    if (size < 8 || size > 2048 || size % 8 != 0 || limit < 0) {
      throw new IllegalArgumentException(
          "size must be a multiple of 8 from 8 to 2048, and limit not negative");
    }
  }

  /** Other pictures, brought to size in the same way. */
  public DataRecipe of(String otherImages) {
    return new DataRecipe(otherImages, size, fit, limit, validation, wording, mirrored, captionKey);
  }

  /** The same with captions under a key of its own. */
  public DataRecipe withCaptionKey(String key) {
    return new DataRecipe(images, size, fit, limit, validation, wording, mirrored, key);
  }

  /** The same, with the emoji corpus's validation pairs kept from training, or not. */
  public DataRecipe withValidation(boolean kept) {
    return new DataRecipe(images, size, fit, limit, kept, wording, mirrored, captionKey);
  }

  /** Whether a value is the name of something built in, and no path. */
  static boolean isBuiltIn(String images) {
    return images.equals(EMOJI) || images.equals(GeneralPrompts.NAME);
  }

  /** What of the emoji corpus is learnt from, and how it is worded. */
  EmojiCorpus.Training emoji() {
    return new EmojiCorpus.Training(validation, wording, mirrored);
  }

  /** What {@code images} may name. */
  sealed interface Source {
    record Emoji() implements Source {}

    record Folder(Path path) implements Source {}

    record PromptFile(Path path) implements Source {}

    record General() implements Source {}
  }

  /**
   * What {@code images} names.
   *
   * @throws DataException if it names nothing that is there
   */
  Source source() {
    if (images.equals(EMOJI)) {
      return new Source.Emoji();
    }
    if (images.equals(GeneralPrompts.NAME)) {
      return new Source.General();
    }
    try {
      Path path = Path.of(images);
      String lower = images.toLowerCase(Locale.ROOT);
      if (Files.isDirectory(path)) {
        return new Source.Folder(path);
      }
      if ((lower.endsWith(".txt") || lower.endsWith(".jsonl")) && Files.isRegularFile(path)) {
        return new Source.PromptFile(path);
      }
      if (Files.exists(path)) {
        throw new DataException(
            String.format(
                Locale.ROOT,
                "data.images is '%s', which is neither a folder nor a list of prompts; it may be emoji, a folder of captioned pictures, or a list of prompts whose name ends in .txt or .jsonl.",
                images));
      }
    } catch (InvalidPathException e) {
      // Named below, like any other that is not there.
    }
    throw new DataException(
        String.format(
            Locale.ROOT,
            "data.images is '%s', which is not there; it may be emoji, a folder of captioned"
                + " pictures, or a list of prompts (.txt or .jsonl).",
            images));
  }

  /**
   * Checks that what it names is there: before a run's folder is made, for a mistyped name should
   * leave nothing behind.
   *
   * @throws DataException if it is not
   */
  public void requireCaptions() {
    source();
  }

  /** Whether it names pictures, and not prompts alone; {@link #source} says what it throws. */
  public boolean hasPictures() {
    Source source = source();
    return source instanceof Source.Emoji || source instanceof Source.Folder;
  }

  /**
   * Checks that it names pictures.
   *
   * @throws DataException if it names nothing that is there, or prompts alone
   */
  public void requirePictures() {
    if (!hasPictures()) {
      throw new DataException(
          String.format(
              Locale.ROOT,
              "data.images is '%s', a list of prompts, but pictures are needed; name emoji or a"
                  + " folder of captioned pictures.",
              images));
    }
  }
}
