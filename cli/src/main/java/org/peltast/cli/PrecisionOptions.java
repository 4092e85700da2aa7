package org.peltast.cli;

import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Precision;
import picocli.CommandLine.Option;

/** How a benchmark computes on the CPU. */
final class PrecisionOptions {
  @Option(
      names = "--precision",
      paramLabel = "NAME",
      description = "auto, float32 or bf16 (default: ${DEFAULT-VALUE}, which measures)")
  private String precision = "auto";

  @Option(names = "--threads", description = "threads of one operation (default: libtorch's)")
  private @Nullable Integer threads;

  PrecisionOptions() {}

  /** Opens the libraries of tensors, sets the threads and decides the precision. */
  Precision begin() {
    NativeLibraries.openTensors();
    if (threads != null) {
      Engine.threads(threads);
    }
    return Precision.parse(precision, Device.CPU);
  }
}
