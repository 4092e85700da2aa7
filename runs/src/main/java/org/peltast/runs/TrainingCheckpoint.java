package org.peltast.runs;

import java.nio.file.Path;

/**
 * A checkpoint whose files have been found whole.
 *
 * @param update the number of updates done
 * @param folder where its files are
 */
public record TrainingCheckpoint(long update, Path folder) {
  /** One of its files. */
  public Path file(String name) {
    return folder.resolve(name);
  }
}
