package org.peltast.distill;

import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;

/**
 * A mixture of six equal round Gaussians in the plane, two for each of three classes, whose every
 * diffused density, score and posterior mean is known. The classes lie at 120° on a circle; the two
 * modes of a class stand side by side, square to its radius.
 */
final class Mixture {
  static final int CLASSES = 3;
  static final double RADIUS = 3;
  static final double APART = 1.2; // half the distance between the modes of a class
  static final double DEVIATION = 0.4;

  private Mixture() {}

  /** The place of a mode: of class {@code mode / 2}. */
  static double[] mode(int mode) {
    double angle = 2 * Math.PI * (mode / 2) / CLASSES;
    double side = mode % 2 == 0 ? APART : -APART;
    return new double[] {
      RADIUS * Math.cos(angle) - side * Math.sin(angle),
      RADIUS * Math.sin(angle) + side * Math.cos(angle)
    };
  }

  /** log p_t(x | class) of the diffused mixture, up to a constant of (t, class); −1 is no class. */
  static double logDensity(double[] x, double t, int ofClass) {
    double variance = t * t * DEVIATION * DEVIATION + (1 - t) * (1 - t);
    double[] exponents = new double[2 * CLASSES];
    double largest = Double.NEGATIVE_INFINITY;
    for (int k = 0; k < 2 * CLASSES; k++) {
      double dx = x[0] - t * mode(k)[0];
      double dy = x[1] - t * mode(k)[1];
      boolean member = ofClass < 0 || k / 2 == ofClass;
      exponents[k] = member ? -(dx * dx + dy * dy) / (2 * variance) : Double.NEGATIVE_INFINITY;
      largest = Math.max(largest, exponents[k]);
    }
    double sum = 0;
    for (double e : exponents) {
      sum += Math.exp(e - largest);
    }
    return largest + Math.log(sum);
  }

  /** The score by central differences of the density: what equations 1 to 8 are written in. */
  static double[] score(double[] x, double t, int ofClass) {
    double h = 1e-5;
    double[] score = new double[2];
    for (int i = 0; i < 2; i++) {
      double[] up = x.clone();
      double[] down = x.clone();
      up[i] += h;
      down[i] -= h;
      score[i] = (logDensity(up, t, ofClass) - logDensity(down, t, ofClass)) / (2 * h);
    }
    return score;
  }

  /** A perfect teacher: the posterior mean of x₀ at (x_t, t) under one-hot or empty captions. */
  static ClosedForm teacher() {
    return new ClosedForm(Mixture::posteriorMean);
  }

  private static Tensor posteriorMean(Tensor xt, Tensor t, Tensor captions) {
    long b = xt.size(0);
    int modes = 2 * CLASSES;
    float[] places = new float[modes * 2];
    float[] members = new float[modes * CLASSES];
    for (int k = 0; k < modes; k++) {
      places[2 * k] = (float) mode(k)[0];
      places[2 * k + 1] = (float) mode(k)[1];
      members[k * CLASSES + k / 2] = 1;
    }
    Tensor means = Tensor.of(places, 1, modes, 2);
    Tensor time = t.reshape(b, 1, 1);
    Tensor variance = time.mul(DEVIATION).square().add(time.neg().add(1).square()); // (B, 1, 1)
    Tensor off = xt.reshape(b, 1, 2).sub(means.mul(time)); // (B, modes, 2)
    Tensor none = captions.sum(true, 1).neg().add(1); // (B, 1): 1 without a class
    Tensor member = captions.linear(Tensor.of(members, modes, CLASSES), null).add(none); // 0 or 1
    Tensor logits =
        off.square().sum(false, 2).div(variance.squeeze(2).mul(-2)).add(member.sub(1).mul(1e9));
    Tensor shrink = time.mul(DEVIATION * DEVIATION).div(variance); // (B, 1, 1)
    Tensor each = means.add(off.mul(shrink)); // E[x₀ | x_t, mode]
    return logits.softmax(1).unsqueeze(2).mul(each).sum(false, 1).reshape(b, 2, 1, 1);
  }

  /** Data of the given classes, [B, 2, 1, 1]. */
  static Tensor sample(int[] classes, Rng rng) {
    float[] points = new float[2 * classes.length];
    for (int i = 0; i < classes.length; i++) {
      double[] mode = mode(2 * classes[i] + rng.below(2));
      points[2 * i] = (float) (mode[0] + DEVIATION * rng.normal());
      points[2 * i + 1] = (float) (mode[1] + DEVIATION * rng.normal());
    }
    return Tensor.of(points, classes.length, 2, 1, 1);
  }
}
