package org.peltast.training;

import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.distill.Metrics;
import org.peltast.distill.Observer;
import org.peltast.runs.TensorBoardWriter;

/**
 * Writes a run's figures and pictures for TensorBoard, from the update on at which it begins or is
 * resumed: what earlier files say about later updates is dropped. Pictures may come from another
 * thread than figures, and after those of the next update.
 */
public final class Events implements Observer, AutoCloseable {
  private final Path folder;
  private @Nullable TensorBoardWriter writer;

  /** Events in a folder, which is made when the run begins. */
  public Events(Path folder) {
    this.folder = folder;
  }

  @Override
  public synchronized Verdict begin(long done, List<Metrics> past) {
    close();
    writer = TensorBoardWriter.open(folder, done);
    return Verdict.GO_ON;
  }

  @Override
  public synchronized Verdict after(long done, long updates, Metrics figures) {
    if (writer != null) {
      writer.scalars(done, figures.values());
    }
    return Verdict.GO_ON;
  }

  /** A picture at an update. */
  synchronized void image(String tag, long update, BufferedImage picture) {
    if (writer != null) {
      writer.image(tag, update, Pictures.png(picture));
    }
  }

  @Override
  public synchronized void close() {
    if (writer != null) {
      writer.close();
      writer = null;
    }
  }
}
