package org.peltast.evaluate;

import java.util.ArrayList;
import java.util.List;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * The radial power spectrum of images: how much of their mean square lies at which spatial
 * frequency, whatever its direction.
 *
 * <p>Frequencies are given as shares of the Nyquist frequency (half a cycle a pixel); corners of
 * the spectrum go up to √2. The powers sum up to the images' mean square (Parseval).
 *
 * @param power averaged over images and channels, by ring: ring 0 is the mean's, ring k of K those
 *     frequencies that round to k/K, and the last ring the corners too
 * @param centroid the mean frequency, weighted by power, of all but ring 0; NaN if there is none
 */
public record RadialSpectrum(List<Double> power, double centroid) {
  /** Copies the list. */
  public RadialSpectrum {
    power = List.copyOf(power);
  }

  /**
   * The spectrum of images.
   *
   * @param images [n, C, H, W] floating, H and W at least 2
   */
  public static RadialSpectrum of(Tensor images) {
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      Transform transform = new Transform(images);
      double[] power = transform.power().toDoubles(); // [H · W]
      int h = transform.height;
      int w = transform.width;
      int rings = Math.min(h, w) / 2;
      double[] sums = new double[rings + 1];
      double weighted = 0;
      double total = 0;
      for (int u = 0; u < h; u++) {
        for (int v = 0; v < w; v++) {
          double frequency = frequency(u, h, v, w);
          double p = power[u * w + v];
          sums[(int) Math.min(rings, Math.round(frequency * rings))] += p;
          if (u + v > 0) {
            weighted += frequency * p;
            total += p;
          }
        }
      }
      List<Double> list = new ArrayList<>();
      for (double s : sums) {
        list.add(s);
      }
      return new RadialSpectrum(list, weighted / total);
    }
  }

  /**
   * What of images lies above a frequency.
   *
   * @param images [n, C, H, W] floating
   * @param from the lowest frequency that stays, as a share of Nyquist's
   * @return [n, C, H, W] float64
   */
  public static Tensor above(Tensor images, double from) {
    return Scope.compute(
        () -> {
          try (Autograd off = Autograd.off()) {
            Transform t = new Transform(images);
            double[] kept = new double[t.height * t.width];
            for (int u = 0; u < t.height; u++) {
              for (int v = 0; v < t.width; v++) {
                kept[u * t.width + v] = frequency(u, t.height, v, t.width) >= from ? 1 : 0;
              }
            }
            return t.inverse(Tensor.of(kept, t.height, t.width).to(images.device()));
          }
        });
  }

  /** The share of the power, the mean's left out, above a frequency. */
  public static double shareAbove(Tensor images, double from) {
    try (Scope scope = Scope.open()) {
      Tensor x = images.to(DType.FLOAT64);
      double high = above(x, from).square().mean().item();
      return high / x.sub(x.mean(true, 2, 3)).square().mean().item();
    }
  }

  private static double frequency(int u, int h, int v, int w) {
    double vertical = 2.0 * Math.min(u, h - u) / h;
    double horizontal = 2.0 * Math.min(v, w - v) / w;
    return Math.hypot(vertical, horizontal);
  }

  /** The discrete Fourier transform as products with cosines and sines: any size, no library. */
  private static final class Transform {
    private final int height;
    private final int width;
    private final Tensor cosH;
    private final Tensor sinH;
    private final Tensor cosW;
    private final Tensor sinW;
    private final Tensor real; // [n, C, H, W]
    private final Tensor imaginary;

    Transform(Tensor images) {
      if (images.rank() != 4 || images.size(2) < 2 || images.size(3) < 2) {
        throw new EvaluationException(
            "A spectrum is of images [n, C, H, W] of 2 × 2 or more, not of " + images + ".");
      }
      height = (int) images.size(2);
      width = (int) images.size(3);
      cosH = waves(height, true).to(images.device());
      sinH = waves(height, false).to(images.device());
      cosW = waves(width, true).to(images.device());
      sinW = waves(width, false).to(images.device());
      Tensor x = images.to(DType.FLOAT64);
      Tensor byCos = cosH.matmul(x);
      Tensor bySin = sinH.matmul(x);
      real = byCos.matmul(cosW).sub(bySin.matmul(sinW));
      imaginary = bySin.matmul(cosW).add(byCos.matmul(sinW)).neg();
    }

    private static Tensor waves(int n, boolean cosine) {
      double[] values = new double[n * n];
      for (int a = 0; a < n; a++) {
        for (int b = 0; b < n; b++) {
          double angle = 2 * Math.PI * ((long) a * b % n) / n;
          values[a * n + b] = cosine ? StrictMath.cos(angle) : StrictMath.sin(angle);
        }
      }
      return Tensor.of(values, n, n);
    }

    Tensor power() {
      double n = (double) height * width;
      return real.square().add(imaginary.square()).mean(false, 0, 1).div(n * n).flatten(0, -1);
    }

    Tensor inverse(Tensor kept) {
      Tensor re = real.mul(kept);
      Tensor im = imaginary.mul(kept);
      Tensor even = cosH.matmul(re).sub(sinH.matmul(im));
      Tensor odd = sinH.matmul(re).add(cosH.matmul(im));
      return even.matmul(cosW).sub(odd.matmul(sinW)).div((double) height * width);
    }
  }
}
