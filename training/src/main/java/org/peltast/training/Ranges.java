package org.peltast.training;

import org.peltast.diffusion.DiffusionException;
import org.peltast.diffusion.Guidance;
import org.peltast.models.ModelException;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.TensorException;

/**
 * Lets the modules that will use a recipe's values judge them while it is read, before a folder is
 * made or a weight loaded: their complaint then names file and key.
 */
final class Ranges {
  private Ranges() {}

  /**
   * Builds what the values are for.
   *
   * @throws IllegalArgumentException with that module's message, if it refuses them
   */
  static void check(Runnable use) {
    try {
      use.run();
    } catch (DiffusionException | ModelException | TensorException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  /** Judges the name of a device; whether there is one is asked where it is used. */
  static void device(String name) {
    check(() -> Devices.of(name, 1, 0));
  }

  /** Judges the name of a precision; {@code auto} is measured later. */
  static void precision(String name) {
    if (!name.equals("auto")) {
      check(() -> Precision.parse(name, Device.CPU));
    }
  }

  /** Judges a guidance scale. */
  static void alpha(double alpha) {
    check(() -> new Guidance(alpha));
  }

  /** Judges a term's weight: beyond it float32 would overflow long before anything is learnt. */
  static void weight(double weight) {
    if (!(weight >= 0 && weight <= 1e6)) {
      throw new IllegalArgumentException("weight must be from 0 to 1000000, but is " + weight);
    }
  }
}
