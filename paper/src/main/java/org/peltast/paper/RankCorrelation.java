package org.peltast.paper;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Spearman's rank correlation of a series with its own order: 1 if it rises throughout, −1 if it
 * falls throughout.
 */
final class RankCorrelation {
  private RankCorrelation() {}

  /** Of the means of so many parts of equal length; NaN with fewer than three values. */
  static double trend(List<Double> series, int parts) {
    int n = Math.min(parts, series.size());
    if (n < 3) {
      return Double.NaN;
    }
    List<Double> means = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      means.add(
          series.subList(series.size() * i / n, series.size() * (i + 1) / n).stream()
              .mapToDouble(Double::doubleValue)
              .average()
              .orElse(Double.NaN));
    }
    double[] ranks = ranks(means);
    double middle = (n - 1) / 2.0;
    double covariance = 0;
    double ofRanks = 0;
    double ofOrder = 0;
    for (int i = 0; i < n; i++) {
      covariance += (i - middle) * (ranks[i] - middle);
      ofRanks += (ranks[i] - middle) * (ranks[i] - middle);
      ofOrder += (i - middle) * (i - middle);
    }
    return ofRanks == 0 ? 0 : covariance / Math.sqrt(ofRanks * ofOrder);
  }

  /** From 0; equal values share the mean of their ranks. */
  private static double[] ranks(List<Double> values) {
    List<Integer> order =
        IntStream.range(0, values.size())
            .boxed()
            .sorted(Comparator.comparingDouble(values::get))
            .toList();
    double[] ranks = new double[values.size()];
    for (int i = 0; i < order.size(); ) {
      int j = i;
      while (j < order.size() && values.get(order.get(j)).equals(values.get(order.get(i)))) {
        j++;
      }
      for (int k = i; k < j; k++) {
        ranks[order.get(k)] = (i + j - 1) / 2.0;
      }
      i = j;
    }
    return ranks;
  }
}
