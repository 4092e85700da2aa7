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
 */
public record GuardRecipe(
    double explosion, double variance, int varianceEvery, double varianceCap) {
  /** Against explosions alone. */
  public static GuardRecipe defaults() {
    return new GuardRecipe(20, 0, 20, 4);
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
    return new GuardRecipe(0, 0, 20, 4);
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
