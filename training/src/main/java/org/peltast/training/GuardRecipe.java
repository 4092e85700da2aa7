package org.peltast.training;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.peltast.distill.ExplosionGuard;
import org.peltast.distill.Observer;
import org.peltast.distill.TermWeights;
import org.peltast.distill.VarianceGuard;
import org.peltast.distill.dmd.DistributionMatching;

/**
 * What watches over a distillation.
 *
 * @param explosion end the run when the loss, the images' variance or the fake's loss leaps by this
 *     factor; 0 lets it run on
 * @param variance raise the weight of dm by a tenth when the images' variance or saturation exceeds
 *     that of the reference (real pictures, or else the teacher's samples) by this factor, and
 *     lower it again below the half of the excess; 0 leaves the weight alone
 * @param varianceEvery the updates that the latter averages over, and waits between raises
 * @param varianceCap what the weight is multiplied by at the most
 * @param drift a watch over the student's pictures beside the teacher's
 */
public record GuardRecipe(
    double explosion, double variance, int varianceEvery, double varianceCap, DriftRecipe drift) {
  /**
   * A watch over drift.
   *
   * @param every so many updates the student draws a few pictures, which are compared with the
   *     teacher's of the same prompts and noise; 0 draws none
   * @param limit of a symptom, above which its likely cause is told: 0.58 is half as much again, 1
   *     is twice as much
   * @param prompts to draw
   * @param samples of each, at least 2 for diversity
   * @param keepBest whether the student of the smallest drift is kept in the run's folder {@code
   *     best}
   * @param patience the run ends after so many looks in a row without a smaller drift; 0 never
   */
  public record DriftRecipe(
      int every, double limit, int prompts, int samples, boolean keepBest, int patience) {
    /** None, with numbers for whoever switches it on. */
    public static DriftRecipe off() {
      return new DriftRecipe(0, 0.58, 16, 2, false, 0);
    }

    /** Checks the ranges. */
    public DriftRecipe {
      if (every < 0 || prompts < 1 || prompts > 1000 || samples < 1 || samples > 100) {
        throw new IllegalArgumentException(
            "every must not be negative, prompts be from 1 to 1000 and samples from 1 to 100");
      }
      if (!(limit > 0) || patience < 0) {
        throw new IllegalArgumentException("limit must be above 0 and patience not negative");
      }
      if (every == 0 && (keepBest || patience > 0)) {
        throw new IllegalArgumentException(
            "keepBest and patience go by the drift: set every to the updates between looks");
      }
    }
  }

  /** Against explosions alone. */
  public static GuardRecipe defaults() {
    return new GuardRecipe(20, 0, 20, 4, DriftRecipe.off());
  }

  /** Checks the ranges. */
  public GuardRecipe {
    if ((explosion != 0 && !(explosion > 1)) || (variance != 0 && !(variance > 1))) {
      throw new IllegalArgumentException("explosion and variance must be 0 or above 1");
    }
    if (varianceEvery < 1) {
      throw new IllegalArgumentException("varianceEvery must be at least 1");
    }
    if (!(varianceCap > 1)) {
      throw new IllegalArgumentException("varianceCap must be above 1, but is " + varianceCap);
    }
  }

  /** None at all: to watch a run fall apart. */
  static GuardRecipe off() {
    return new GuardRecipe(0, 0, 20, 4, DriftRecipe.off());
  }

  /**
   * Those that watch.
   *
   * @param reference measures variance and saturation of the reference, if anybody asks
   */
  List<Observer> observers(TermWeights weights, Supplier<Map<String, Double>> reference) {
    List<Observer> all = new ArrayList<>();
    if (explosion != 0) {
      all.add(ExplosionGuard.of(explosion));
    }
    if (variance != 0) {
      VarianceGuard.Settings settings =
          new VarianceGuard.Settings(variance, 1 + (variance - 1) / 2, varianceEvery, varianceCap);
      all.add(new VarianceGuard(settings, reference.get(), weights, DistributionMatching.NAME));
    }
    return all;
  }
}
