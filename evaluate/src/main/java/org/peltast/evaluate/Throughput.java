package org.peltast.evaluate;

import java.util.Arrays;
import java.util.Locale;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * How fast pictures are made, denoising apart from decoding: few steps save the one and leave the
 * other as it is.
 *
 * @param denoiseMillis milliseconds of denoising for one picture
 * @param decodeMillis milliseconds of decoding for one picture
 */
public record Throughput(double denoiseMillis, double decodeMillis) {

  /** Pictures a second, denoised and decoded. */
  public double imagesPerSecond() {
    return 1000 / millis();
  }

  /** Milliseconds for one picture, denoised and decoded. */
  public double millis() {
    return denoiseMillis + decodeMillis;
  }

  /** Turns latents into pictures. */
  @FunctionalInterface
  public interface Decoder {
    /** The pictures of the latents. */
    Tensor decode(Tensor latents);
  }

  /**
   * Runs both several times and takes the median of each, after warm-up runs that do not count: the
   * first calls of a process compile and allocate.
   *
   * @param denoise makes a batch of latents; called in a scope of its own
   * @param decode makes pictures of them
   * @param images in the batch, at least 1
   * @param warmUps 0 or more
   * @param repeats at least 1
   */
  public static Throughput measure(
      Supplier<Tensor> denoise, Decoder decode, int images, int warmUps, int repeats) {
    return measure(denoise, decode, images, warmUps, repeats, System::nanoTime);
  }

  static Throughput measure(
      Supplier<Tensor> denoise,
      Decoder decode,
      int images,
      int warmUps,
      int repeats,
      LongSupplier nanos) {
    if (images < 1 || warmUps < 0 || repeats < 1) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "Throughput needs one image, no negative warm-up and one repeat at least; got %d, %d, %d.",
              images,
              warmUps,
              repeats));
    }
    double[] denoised = new double[repeats];
    double[] decoded = new double[repeats];
    for (int r = -warmUps; r < repeats; r++) {
      try (Scope scope = Scope.open()) {
        long start = nanos.getAsLong();
        Tensor latents = finished(denoise.get());
        long middle = nanos.getAsLong();
        finished(decode.decode(latents));
        long end = nanos.getAsLong();
        if (r >= 0) {
          denoised[r] = (middle - start) / 1e6 / images;
          decoded[r] = (end - middle) / 1e6 / images;
        }
      }
    }
    return new Throughput(median(denoised), median(decoded));
  }

  /** A GPU answers before it has computed; one element read back makes it finish. */
  private static Tensor finished(Tensor t) {
    try (Scope scope = Scope.open()) {
      double element = t.detach().reshape(-1).narrow(0, 0, 1).toDoubles()[0];
      if (Double.isNaN(element)) {
        throw new EvaluationException("The generator made NaN, so its speed means nothing.");
      }
    }
    return t;
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return Bootstrap.quantile(sorted, 0.5);
  }
}
