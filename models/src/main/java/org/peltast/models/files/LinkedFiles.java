package org.peltast.models.files;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** A folder's files under second names: gigabytes that nobody changes are not written again. */
public final class LinkedFiles {
  private LinkedFiles() {}

  /**
   * Puts the files of a folder into a new one: as hard links, or as copies where the disk has none.
   *
   * @param from whose files, not whose folders, are taken
   * @param to does not exist yet
   * @throws IOException if a file can be neither linked nor copied
   */
  public static void put(Path from, Path to) throws IOException {
    try (Stream<Path> list = Files.list(from)) {
      put(list.filter(Files::isRegularFile).toList(), to);
    }
  }

  /**
   * Puts files into a new folder, likewise.
   *
   * @param to does not exist yet
   * @throws IOException if a file can be neither linked nor copied
   */
  public static void put(List<Path> files, Path to) throws IOException {
    Files.createDirectory(to);
    for (Path file : files) {
      Path target = to.resolve(String.valueOf(file.getFileName()));
      try {
        Files.createLink(target, file.toRealPath());
      } catch (IOException | UnsupportedOperationException e) {
        Files.copy(file, target);
      }
    }
  }
}
