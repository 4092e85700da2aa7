package org.peltast.evaluate;

import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Four numbers of one picture x [3, h, w] in [0, 1] that show the usual ailments of distillation
 * (washed out, over-saturated, tinted, contrast running away). With m_c the mean of channel c:
 *
 * <ul>
 *   <li><b>mean</b> = ⅓ Σ_c m_c
 *   <li><b>variance</b> = the mean over channels and pixels of (x − mean)²
 *   <li><b>saturation</b> = the mean over pixels of (max_c x − min_c x)
 *   <li><b>colour cast</b> = √(⅓ Σ_c (m_c − mean)²)
 * </ul>
 *
 * They have no good or bad direction: they are read against the real pictures'.
 *
 * @param mean of all pixels and channels
 * @param variance about it
 * @param saturation as above
 * @param colourCast as above
 */
public record ColourStatistics(double mean, double variance, double saturation, double colourCast) {

  /**
   * The statistics of each picture.
   *
   * @param images [n, 3, h, w] in [0, 1]
   */
  public static List<ColourStatistics> of(Tensor images) {
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      Tensor x = images.to(DType.FLOAT64);
      Tensor channels = x.mean(false, 2, 3); // [n, 3]
      Tensor mean = channels.mean(true, 1); // [n, 1]
      Tensor deviation = x.sub(mean.unsqueeze(2).unsqueeze(3));
      double[] means = mean.toDoubles();
      double[] variances = deviation.square().mean(false, 1, 2, 3).toDoubles();
      double[] saturations = saturations(x).toDoubles();
      double[] casts = casts(x).toDoubles();
      return IntStream.range(0, means.length)
          .mapToObj(i -> new ColourStatistics(means[i], variances[i], saturations[i], casts[i]))
          .toList();
    }
  }

  /** The saturation of each picture, [n] where the pictures [n, 3, h, w] are. */
  public static Tensor saturations(Tensor images) {
    Tensor chroma = images.max(false, 1).add(images.neg().max(false, 1)); // [n, h, w]
    return chroma.mean(false, 1, 2);
  }

  /** The colour cast of each picture, [n] where the pictures [n, 3, h, w] are. */
  public static Tensor casts(Tensor images) {
    Tensor channels = images.mean(false, 2, 3); // [n, 3]
    return channels.sub(channels.mean(true, 1)).square().mean(false, 1).sqrt();
  }

  /** One of the numbers of each picture. */
  static double[] column(
      List<ColourStatistics> pictures, ToDoubleFunction<ColourStatistics> which) {
    return pictures.stream().mapToDouble(which).toArray();
  }
}
