package org.peltast.report;

import java.util.ArrayList;
import java.util.List;

/** Where an axis is marked. */
public final class Ticks {
  private Ticks() {}

  /** Round places from low to high, about as many as wanted. */
  public static List<Double> round(double low, double high, int wanted) {
    double raw = (high - low) / wanted;
    double power = Math.pow(10, Math.floor(Math.log10(raw)));
    double step =
        power * (raw / power < 1.5 ? 1 : raw / power < 3.5 ? 2 : raw / power < 7.5 ? 5 : 10);
    List<Double> ticks = new ArrayList<>();
    for (long i = (long) Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
      ticks.add(i * step);
    }
    return ticks;
  }

  /** Whole powers of ten on an axis that is logarithmic: exponents, about as many as wanted. */
  public static List<Double> decades(double low, double high, int wanted) {
    List<Double> ticks = new ArrayList<>();
    int stride = Math.max(1, (int) Math.round((high - low) / wanted));
    for (int d = (int) Math.ceil(low); d <= high; d += stride) {
      ticks.add((double) d);
    }
    return ticks;
  }
}
