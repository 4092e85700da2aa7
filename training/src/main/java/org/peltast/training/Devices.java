package org.peltast.training;

import java.util.Locale;
import org.peltast.runs.RunException;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;

/** The devices that recipes name: {@code auto}, {@code cpu}, {@code cuda} or {@code cuda:N}. */
public final class Devices {
  private Devices() {}

  /**
   * The device of that name; {@code auto} is a GPU if libtorch sees one.
   *
   * @throws RunException if it is a GPU, and there is none
   */
  public static Device of(String name) {
    return of(name, Engine.hasCuda());
  }

  static Device of(String name, boolean gpu) {
    if (name.equals("auto")) {
      return gpu ? Device.cuda(0) : Device.CPU;
    }
    Device device = Device.parse(name);
    if (device.kind() == Device.Kind.CUDA && !gpu) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "device is %s, but libtorch sees no GPU here; set device=cpu or device=auto, and see `peltast doctor`.",
              name));
    }
    return device;
  }
}
