package org.peltast.examples;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.Renoise;
import org.peltast.diffusion.Sampler;
import org.peltast.diffusion.StepGrid;
import org.peltast.distill.Batch;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/** Data in the plane: a mixture of six round Gaussians, two for each of three classes. */
final class Plane {
  static final int CLASSES = 3;
  static final int MODES = 2 * CLASSES;
  private static final double RADIUS = 3;
  private static final double APART = 1.2; // half the distance between the modes of a class
  private static final double DEVIATION = 0.4;

  private Plane() {}

  /** The place of a mode, of class {@code mode / 2}. */
  static double[] mode(int mode) {
    int ofClass = mode / 2;
    double angle = 2 * Math.PI * ofClass / CLASSES;
    double side = mode % 2 == 0 ? APART : -APART;
    return new double[] {
      RADIUS * Math.cos(angle) - side * Math.sin(angle),
      RADIUS * Math.sin(angle) + side * Math.cos(angle)
    };
  }

  /** Points of the classes in turn with their captions; random numbers belong to items. */
  static Batch batch(int size, Rng rng) {
    float[] points = new float[2 * size];
    float[] captions = new float[CLASSES * size];
    for (int i = 0; i < size; i++) {
      Rng own = rng.fork(i);
      double[] mode = mode(2 * (i % CLASSES) + own.below(2));
      points[2 * i] = (float) (mode[0] + DEVIATION * own.normal());
      points[2 * i + 1] = (float) (mode[1] + DEVIATION * own.normal());
      captions[CLASSES * i + i % CLASSES] = 1;
    }
    return new Batch(
        condition(captions, size),
        condition(new float[CLASSES * size], size),
        Tensor.of(points, size, 2, 1, 1),
        List.of(2, 1, 1),
        0);
  }

  private static Condition condition(float[] captions, int size) {
    return new Condition(Tensor.of(captions, size, 1, CLASSES), Collections.nCopies(size, 1));
  }

  /**
   * What samples say of one mode.
   *
   * @param share of the samples that are nearer to it than to any other
   * @param off the distance of their centre from it; infinite if there are none
   */
  record Mode(double share, double off) {
    @Override
    public String toString() {
      return String.format(Locale.ROOT, "%.0f %% (off by %.2f)", 100 * share, off);
    }
  }

  /** What 600 samples in so many steps say of each mode. */
  static List<Mode> modes(Denoiser generator, StepGrid steps) {
    try (Scope scope = Scope.open()) {
      Batch batch = batch(600, Rng.of(4));
      Network.Text text = generator.network().read(batch.condition());
      Sampler.NoiseSource noise = k -> batch.noise(Rng.of(5).fork(k));
      return modes(
          new Renoise()
              .sample(generator, steps, Guidance.NONE, noise.at(-1), text, null, noise, null)
              .toFloats());
    }
  }

  private static List<Mode> modes(float[] points) {
    int n = points.length / 2;
    double[][] sums = new double[MODES][3]; // how many, and their x and y
    for (int i = 0; i < n; i++) {
      double[] sum = sums[nearest(points[2 * i], points[2 * i + 1])];
      sum[0]++;
      sum[1] += points[2 * i];
      sum[2] += points[2 * i + 1];
    }
    List<Mode> modes = new ArrayList<>();
    for (int k = 0; k < MODES; k++) {
      double[] sum = sums[k];
      double off =
          sum[0] == 0 ? Double.POSITIVE_INFINITY : distance(sum[1] / sum[0], sum[2] / sum[0], k);
      modes.add(new Mode(sum[0] / n, off));
    }
    return modes;
  }

  private static int nearest(double x, double y) {
    int nearest = 0;
    for (int k = 1; k < MODES; k++) {
      if (distance(x, y, k) < distance(x, y, nearest)) {
        nearest = k;
      }
    }
    return nearest;
  }

  private static double distance(double x, double y, int mode) {
    return Math.hypot(x - mode(mode)[0], y - mode(mode)[1]);
  }
}
