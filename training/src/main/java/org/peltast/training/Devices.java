package org.peltast.training;

import java.util.Locale;
import org.peltast.runs.RunException;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;

/**
 * The devices that recipes name: {@code auto}, {@code cpu}, {@code cuda} for any GPU, or {@code
 * cuda:N} for that one.
 */
public final class Devices {
  private Devices() {}

  /**
   * The device of that name; {@code auto} is a GPU if libtorch sees one.
   *
   * @throws RunException if it is a GPU, and there is none
   */
  public static Device of(String name) {
    return of(name, 0);
  }

  /**
   * The device of that name for one of several processes: GPUs are dealt out to those of a machine
   * in turn, unless the name says which.
   *
   * @param localRank this process's number among those on the same machine
   * @throws RunException if it is a GPU, and there is none
   */
  public static Device of(String name, int localRank) {
    return of(name, Engine.gpus(), localRank);
  }

  /** What {@code auto} stands for here: {@code cuda}, whichever GPU that is, or {@code cpu}. */
  static String auto() {
    return Engine.gpus() > 0 ? "cuda" : "cpu";
  }

  static Device of(String name, int gpus, int localRank) {
    if (name.equals("auto") && gpus == 0) {
      return Device.CPU;
    }
    Device device = name.equals("auto") ? Device.cuda(0) : Device.parse(name);
    if (device.kind() == Device.Kind.CUDA && gpus == 0) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "device is %s, but libtorch sees no GPU here; set device=cpu or device=auto, and see `peltast doctor`.",
              name));
    }
    boolean any = name.equals("auto") || name.equals("cuda");
    return any ? Device.cuda(localRank % gpus) : device;
  }
}
