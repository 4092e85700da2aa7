package org.peltast.distill;

import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.RectifiedFlow;
import org.peltast.diffusion.TimeShift;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.AdamW;

/** What the tests of this module set up again and again. */
final class Toys {
  private Toys() {}

  static Denoiser denoiser(Network network) {
    return new Denoiser(network, new RectifiedFlow(), TimeShift.NONE);
  }

  /** A role whose first moment after one step is that step's unclipped gradient. */
  static Role gradientOf(String name, Network network) {
    return new Role(
        name,
        network,
        new Role.Settings(
            new LearningRate(1e-3, 0, 0), new AdamW.Settings(0, 0.999, 1e-8, 0), 1e9, 0.9));
  }

  /** The gradient of the last step of a role made by {@link #gradientOf}. */
  static float[] gradient(Role role, String weight) {
    Tensor moment = role.state().get("optimiser.exp_avg." + weight);
    if (moment == null) {
      throw new AssertionError("no weight is called " + weight + " in " + role.state().keySet());
    }
    return moment.toFloats();
  }

  /** Captions of one token each, [B, 1, D]. */
  static Condition captions(float[]... rows) {
    int d = rows[0].length;
    float[] all = new float[rows.length * d];
    for (int i = 0; i < rows.length; i++) {
      System.arraycopy(rows[i], 0, all, i * d, d);
    }
    return new Condition(Tensor.of(all, rows.length, 1, d), Collections.nCopies(rows.length, 1));
  }

  /** Captions by class, one-hot among {@code classes}; −1 is the empty caption, all zeros. */
  static Condition classes(int classes, int... of) {
    float[][] rows = new float[of.length][classes];
    for (int i = 0; i < of.length; i++) {
      if (of[i] >= 0) {
        rows[i][of[i]] = 1;
      }
    }
    return captions(rows);
  }

  /** A batch of points of the plane, as latents [B, 2, 1, 1]. */
  static Batch points(int classes, @Nullable Tensor clean, int... of) {
    int[] empty = new int[of.length];
    java.util.Arrays.fill(empty, -1);
    return new Batch(classes(classes, of), classes(classes, empty), clean, List.of(2, 1, 1), 0);
  }
}
