package org.peltast.models.codec;

import java.util.ArrayList;
import java.util.List;
import org.peltast.models.ModelException;
import org.peltast.tensor.DType;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Each latent channel's mean and standard deviation over a data set, by which networks see it:
 * {@code (z − mean)/std}.
 *
 * @param mean one number a channel
 * @param std one positive number a channel
 */
public record Normalisation(List<Double> mean, List<Double> std) {
  /** Checks that there are as many of both, finite, the deviations positive. */
  public Normalisation {
    mean = List.copyOf(mean);
    std = List.copyOf(std);
    if (mean.isEmpty() || mean.size() != std.size()) {
      throw new ModelException(
          "a normalisation needs one mean and one deviation a channel, got "
              + mean.size()
              + " and "
              + std.size());
    }
    if (!mean.stream().allMatch(Double::isFinite)
        || !std.stream().allMatch(s -> s > 0 && Double.isFinite(s))) {
      throw new ModelException(
          "a normalisation needs finite means and positive deviations, got "
              + mean
              + " and "
              + std);
    }
  }

  /** One that changes nothing. */
  public static Normalisation identity(int channels) {
    return uniform(channels, 0, 1);
  }

  /** The same mean and deviation for all channels. */
  public static Normalisation uniform(int channels, double mean, double std) {
    return new Normalisation(
        java.util.Collections.nCopies(channels, mean),
        java.util.Collections.nCopies(channels, std));
  }

  /** The number of channels. */
  public int channels() {
    return mean.size();
  }

  /** Whether it changes nothing. */
  public boolean isIdentity() {
    return mean.stream().allMatch(m -> m == 0) && std.stream().allMatch(s -> s == 1);
  }

  /** {@code (z − mean)/std} of [B, C, h, w]. */
  public Tensor normalise(Tensor z) {
    return z.sub(broadcast(mean, z)).div(broadcast(std, z));
  }

  /** {@code y·std + mean} of [B, C, h, w]. */
  public Tensor denormalise(Tensor y) {
    return y.mul(broadcast(std, y)).add(broadcast(mean, y));
  }

  private Tensor broadcast(List<Double> values, Tensor like) {
    if (like.rank() != 4 || like.size(1) != values.size()) {
      throw new ModelException(
          "a normalisation of " + values.size() + " channels does not fit the latents " + like);
    }
    double[] v = values.stream().mapToDouble(Double::doubleValue).toArray();
    return Tensor.of(v, 1, v.length, 1, 1).to(like.dtype()).to(like.device());
  }

  /** Measures a data set, batch after batch, in double precision. */
  public static final class Measure {
    /** Below it, a deviation is the rounding of float32 latents of the order of 1. */
    private static final double NEVER_VARIED = 1e-6;

    private final double[] sums;
    private final double[] squares;
    private long count;

    /** Begins with nothing seen. */
    public Measure(int channels) {
      sums = new double[channels];
      squares = new double[channels];
    }

    /** Adds latents [B, C, h, w]. */
    public Measure add(Tensor latents) {
      if (latents.rank() != 4 || latents.size(1) != sums.length) {
        throw new ModelException(
            "latents of " + sums.length + " channels were to be measured, got " + latents);
      }
      try (Scope s = Scope.open()) {
        Tensor z = latents.detach().to(DType.FLOAT64);
        double[] sum = z.sum(false, 0, 2, 3).toDoubles();
        double[] square = z.square().sum(false, 0, 2, 3).toDoubles();
        for (int c = 0; c < sums.length; c++) {
          sums[c] += sum[c];
          squares[c] += square[c];
        }
      }
      count += latents.count() / sums.length;
      return this;
    }

    /**
     * What was measured. A channel that never varied, as of pictures of one colour, leaves nothing
     * to scale by: its deviation is taken as 1.
     *
     * @throws ModelException if nothing was added
     */
    public Normalisation result() {
      if (count == 0) {
        throw new ModelException("no latents were measured, so there is no normalisation");
      }
      List<Double> mean = new ArrayList<>();
      List<Double> std = new ArrayList<>();
      for (int c = 0; c < sums.length; c++) {
        double m = sums[c] / count;
        mean.add(m);
        double deviation = Math.sqrt(Math.max(0, squares[c] / count - m * m));
        std.add(deviation > NEVER_VARIED ? deviation : 1);
      }
      return new Normalisation(mean, std);
    }
  }
}
