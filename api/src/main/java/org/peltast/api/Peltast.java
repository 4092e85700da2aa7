package org.peltast.api;

import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;
import org.peltast.models.ModelFolder;
import org.peltast.models.ModelSource;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Precision;
import org.peltast.training.Devices;

/** The entrance for Java programs: opens models. */
public final class Peltast {
  private static final System.Logger LOG = System.getLogger("org.peltast");
  private static final AtomicBoolean TOLD = new AtomicBoolean();

  private Peltast() {}

  /**
   * Opens a model folder on the best device that there is, in the precision that is fastest there.
   *
   * <p>The first call opens the native libraries, which is best done before other threads start. A
   * JVM flag that the engine wants and this process lacks ({@link Engine#missingFlags}) is logged
   * once, as a warning of the {@link System.Logger} {@code org.peltast}.
   *
   * @throws org.peltast.models.ModelException if there is no model, or it is not one that runs here
   */
  public static Teacher open(Path folder) {
    return open(folder, "auto", "auto");
  }

  /**
   * Opens a model folder.
   *
   * @param device {@code auto}, {@code cpu}, {@code cuda} or {@code cuda:N}
   * @param precision of products: {@code auto}, {@code float32} or {@code bf16}
   * @throws org.peltast.models.ModelException if there is no model, or it is not one that runs here
   * @throws org.peltast.runs.RunException if the device is a GPU, and there is none
   * @throws org.peltast.tensor.TensorException if the names are none of these
   */
  public static Teacher open(Path folder, String device, String precision) {
    return open(ModelSource.of(folder), device, precision);
  }

  /**
   * Opens a model from chosen files of its folder: a variant of its checkpoints, or a single file
   * with the network's weights; see {@link #open(Path, String, String)}.
   *
   * @throws org.peltast.models.ModelException also if there is no such variant or file
   */
  public static Teacher open(ModelSource source, String device, String precision) {
    Engine.open();
    if (!TOLD.getAndSet(true)) {
      Engine.missingFlags().forEach(sentence -> LOG.log(System.Logger.Level.WARNING, sentence));
    }
    Device place = Devices.of(device);
    return new Teacher(
        source,
        device,
        precision,
        ModelFolder.open(source, place, Precision.parse(precision, place)));
  }
}
