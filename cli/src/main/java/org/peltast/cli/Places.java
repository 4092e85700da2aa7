package org.peltast.cli;

import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Locale;
import org.peltast.data.CacheFolder;
import org.peltast.training.RecipeShelf;

/** The folders that Peltast reads and fills besides those it is told. */
final class Places {
  private Places() {}

  /**
   * The clone: where recipes and shipped models are. The launcher says it; else the folder here.
   */
  static Path home() {
    return Path.of(System.getProperty("peltast.home", "")).toAbsolutePath().normalize();
  }

  /** The recipes that come with the clone. */
  static RecipeShelf recipes() {
    return new RecipeShelf(home().resolve("recipes"));
  }

  /** What comes with the clone: the teacher, the student, the judge. */
  static Path shipped(String model) {
    return home().resolve("weights").resolve(model);
  }

  /**
   * Refuses a file that could not be written, before the work that would be lost for it.
   *
   * @param option that named it
   */
  static void requireFile(Path file, String option) {
    if (Files.isDirectory(file)) {
      throw new CommandException(
          String.format(
              Locale.ROOT, "%s names %s, which is a folder; name a file in it.", option, file));
    }
    if (Files.exists(file) && !Files.isWritable(file)) {
      throw unwritable(option, file);
    }
    Path parent = file.toAbsolutePath().getParent();
    if (parent != null) {
      requireFolder(parent, option);
    }
  }

  /** Refuses a teacher's folder that is not there, before the work that would be lost for it. */
  static void requireTeacher(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new CommandException(
          "there is no teacher in " + folder + "; name a model folder with --teacher.");
    }
  }

  /** Refuses a folder that could neither be made nor written into. */
  static void requireFolder(Path folder, String option) {
    Path there = folder.toAbsolutePath();
    while (!Files.exists(there, LinkOption.NOFOLLOW_LINKS)) {
      Path parent = there.getParent();
      if (parent == null) {
        return; // a root that is not there: writing will say so
      }
      there = parent;
    }
    if (!Files.isDirectory(there)) {
      throw new CommandException(
          String.format(
              Locale.ROOT,
              "%s names %s, but %s is not a folder; choose another place.",
              option,
              folder,
              there));
    }
    if (!Files.isWritable(there)) {
      throw unwritable(option, there);
    }
  }

  private static CommandException unwritable(String option, Path place) {
    return new CommandException(
        String.format(
            Locale.ROOT,
            "%s cannot be written: this user may not write to %s; choose another place.",
            option,
            place));
  }

  /** Where other natives are unpacked once, instead of by each process anew. */
  static Path unpacked() {
    return CacheFolder.standard().resolve("natives");
  }

  /** Where JavaCPP unpacks libtorch on first use. */
  static Path natives() {
    String chosen = System.getProperty("org.bytedeco.javacpp.cachedir");
    return chosen != null && !chosen.isEmpty()
        ? Path.of(chosen)
        : Path.of(System.getProperty("user.home"), ".javacpp", "cache");
  }
}
