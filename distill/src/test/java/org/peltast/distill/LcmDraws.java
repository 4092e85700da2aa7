package org.peltast.distill;

import java.nio.file.Path;
import java.util.Map;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;

/** Writes the draws that {@link LcmTest}'s golden files are made with: give it a folder. */
final class LcmDraws {
  private LcmDraws() {}

  public static void main(String[] args) {
    try (Scope scope = Scope.open()) {
      Batch batch = Toys.points(3, Tensor.zeros(4, 2, 1, 1), 0, 1, 2, 0);
      Rng stream = Rng.of(4).fork("student").fork(0);
      TensorFiles.write(
          Path.of(args[0], "draws.safetensors"),
          Map.of(
              "step", batch.numbers(stream.fork("step"), r -> 1.0 + r.below(50)),
              "alpha", batch.numbers(stream.fork("guidance"), r -> r.uniform(4, 16)),
              "noise", batch.noise(stream.fork("noise"))),
          Map.of());
    }
  }
}
