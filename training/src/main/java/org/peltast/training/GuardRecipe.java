package org.peltast.training;

import java.util.ArrayList;
import java.util.List;
import org.peltast.distill.DecoupledDmd;
import org.peltast.distill.ExplosionGuard;
import org.peltast.distill.Observer;
import org.peltast.distill.VarianceGuard;

/**
 * What watches over a distillation.
 *
 * @param explosion end the run when the loss, the images' variance or the fake's loss leaps by this
 *     factor; 0 lets it run on
 * @param variance raise the regulariser's weight by a tenth when the images' variance or saturation
 *     exceeds the teacher's by this factor; 0 leaves the weight alone
 * @param varianceEvery the updates that the latter averages over, and waits between raises
 */
public record GuardRecipe(double explosion, double variance, int varianceEvery) {
  /** Against explosions alone. */
  public static GuardRecipe defaults() {
    return new GuardRecipe(20, 0, 20);
  }

  /** Checks the ranges. */
  public GuardRecipe {
    if ((explosion != 0 && !(explosion > 1)) || (variance != 0 && !(variance > 1))) {
      throw new IllegalArgumentException("explosion and variance must be 0 or above 1");
    }
    if (varianceEvery < 1) {
      throw new IllegalArgumentException("varianceEvery must be at least 1");
    }
  }

  /** None at all: to watch a run fall apart. */
  static GuardRecipe off() {
    return new GuardRecipe(0, 0, 20);
  }

  List<Observer> observers(DecoupledDmd method) {
    List<Observer> all = new ArrayList<>();
    if (explosion != 0) {
      all.add(ExplosionGuard.of(explosion));
    }
    if (variance != 0) {
      all.add(new VarianceGuard(variance, varianceEvery, method));
    }
    return all;
  }
}
