package org.peltast.tensor;

import java.util.Objects;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The weight of a linear layer, [out, in], as products of {@link Matrices} take it: its values,
 * which change from time to time, and copies of them in the order that products read fastest, made
 * when they are first wanted and made anew when the values have changed.
 *
 * <p>Several threads may multiply by one weight at a time, but not while its values change.
 */
public final class WeightMatrix {
  private final Tensor values;
  private final IntSupplier version;
  private @Nullable Packed forth; // [in, out], for answers
  private @Nullable Packed back; // [out, in], for gradients

  /**
   * A weight whose values stay where they are.
   *
   * @param values [out, in], float32 or bfloat16, contiguous on the CPU; open while products are
   *     computed
   * @param version another number whenever the values have changed
   * @throws TensorException if products do not take such values
   */
  public WeightMatrix(Tensor values, IntSupplier version) {
    Matrices.of(values);
    this.values = values;
    this.version = Objects.requireNonNull(version, "version");
  }

  /** The values where they are, [out, in], or transposed, [in, out]. */
  Matrices plain(boolean transposed) {
    Matrices plain = Matrices.of(values);
    return transposed ? plain.transposed() : plain;
  }

  /**
   * The values in the order that products read fastest.
   *
   * @param dtype of the products
   * @param transposed as [in, out]
   */
  synchronized Packed packed(DType dtype, boolean transposed) {
    Packed kept = transposed ? forth : back;
    if (kept == null || kept.dtype() != dtype) {
      kept = new Packed(plain(transposed).layout(), dtype);
      if (transposed) {
        forth = kept;
      } else {
        back = kept;
      }
    }
    return kept.of(values, version.getAsInt());
  }

  /** The bytes of the copies that there are. */
  public synchronized long packedBytes() {
    long bytes = 0;
    for (Packed kept : new Packed[] {forth, back}) {
      bytes += kept == null ? 0 : kept.layout().count() * kept.dtype().bytes();
    }
    return bytes;
  }

  /**
   * Makes the copies anew, as many as there are, if the values have changed: whoever does so side
   * by side for many weights spares the threads that multiply from waiting for each other.
   */
  public synchronized void repack() {
    for (Packed kept : new Packed[] {forth, back}) {
      if (kept != null) {
        kept.of(values, version.getAsInt());
      }
    }
  }
}
