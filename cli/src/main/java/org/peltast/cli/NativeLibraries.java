package org.peltast.cli;

import java.io.IOException;
import org.peltast.models.text.MiniLmEncoder;
import org.peltast.pictures.PictureLibraries;
import org.peltast.tensor.Engine;

/**
 * Opens the native libraries that runs use, all of them, on the one thread that there is as a
 * command begins: tensors, the text encoder, and Java's own for fonts and pictures.
 *
 * <p>A library that is opened while threads are at work takes the dynamic linker's locks beside
 * whoever walks over the libraries at that moment. In the wrong order the two wait for each other,
 * and then everyone who asks the linker for anything waits for them.
 */
final class NativeLibraries {
  private NativeLibraries() {}

  /**
   * Opens those of tensors alone: benchmarks use no others, and measure what their process holds.
   */
  static void openTensors() {
    Engine.open();
  }

  /** Opens them; what cannot be opened is left to be told by whoever needs it. */
  static void open() {
    openTensors();
    MiniLmEncoder.openLibraries();
    try {
      PictureLibraries.open();
    } catch (IOException | RuntimeException | LinkageError | InternalError e) {
      return; // as on a system without fonts: runs that draw nothing do not need them
    }
  }
}
