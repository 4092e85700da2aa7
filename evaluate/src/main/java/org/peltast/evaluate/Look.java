package org.peltast.evaluate;

import java.util.ArrayList;
import java.util.List;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * What a set of pictures and their latents looks like, in numbers that show drift: no judge and no
 * caption is needed. Sets compare if they are of the same prompts in the same order.
 *
 * @param channelMeans of the latents, one for each channel
 * @param channelDeviations the standard deviation of each channel over pictures and places
 * @param brightness the mean of all pixels, in [0, 1]
 * @param contrast the mean over pictures of the pixels' standard deviation
 * @param saturation the mean over pixels of (max − min) over red, green and blue
 * @param colourCast the mean over pictures of the spread of red's, green's and blue's means
 * @param diversity the root mean square difference of the latents of two pictures of one prompt;
 *     NaN if there is one picture of each
 */
public record Look(
    List<Double> channelMeans,
    List<Double> channelDeviations,
    double brightness,
    double contrast,
    double saturation,
    double colourCast,
    double diversity) {
  /** Copies the lists. */
  public Look {
    channelMeans = List.copyOf(channelMeans);
    channelDeviations = List.copyOf(channelDeviations);
  }

  /**
   * Looks at a set.
   *
   * @param latents [n, C, h, w] floating
   * @param pictures [n, 3, H, W] in [0, 1] (clamped to it), decoded from them
   * @param each pictures of each prompt, one prompt after another; n is a multiple of it
   */
  public static Look of(Tensor latents, Tensor pictures, int each) {
    long n = latents.size(0);
    if (each < 1 || n == 0 || n % each != 0 || pictures.size(0) != n) {
      throw new EvaluationException(
          "A look needs latents and pictures of the same images, so many of each prompt.");
    }
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      Tensor z = latents.to(DType.FLOAT64);
      Tensor x = pictures.to(DType.FLOAT64).clamp(0, 1);
      return new Look(
          list(z.mean(false, 0, 2, 3)),
          list(z.variance(false, 0, 2, 3).sqrt()),
          x.mean().item(),
          x.variance(false, 1, 2, 3).sqrt().mean().item(),
          ColourStatistics.saturations(x).mean().item(),
          ColourStatistics.casts(x).mean().item(),
          diversity(z, each));
    }
  }

  private static double diversity(Tensor z, int each) {
    double sum = 0;
    int pairs = 0;
    for (int first = 0; first < z.size(0); first += each) {
      for (int a = 1; a < each; a++) {
        for (int b = 0; b < a; b++) {
          Tensor difference = z.select(0, first + a).sub(z.select(0, first + b));
          sum += Math.sqrt(difference.square().mean().item());
          pairs++;
        }
      }
    }
    return pairs == 0 ? Double.NaN : sum / pairs;
  }

  private static List<Double> list(Tensor values) {
    List<Double> all = new ArrayList<>();
    for (double v : values.toDoubles()) {
      all.add(v);
    }
    return all;
  }
}
