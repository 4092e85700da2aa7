package org.peltast.evaluate;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * How different the pictures of one prompt are from each other: the mean Euclidean distance of
 * their features over all pairs of pictures of one prompt, averaged over prompts, in units of √(2
 * Tr Σ) of the real pictures. (For two independent real pictures E‖a − b‖² = 2 Tr Σ, so that 1
 * stands for "as different as any two real pictures" and 0 for "always the same picture".) Few-step
 * generators lose it first.
 */
final class Diversity {
  private Diversity() {}

  /**
   * One mean distance for each prompt that has two pictures or more, in order of first appearance;
   * none if the real pictures are all alike, for there is then no unit to measure in.
   *
   * @param features of the judge's image tower [n, d]
   * @param prompts n
   */
  static double[] perPrompt(
      FeatureTable features, List<String> prompts, GaussianStatistics reference) {
    if (features.rows() != prompts.size()) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "Diversity needs one prompt a picture, but there are %d pictures and %d prompts.",
              features.rows(),
              prompts.size()));
    }
    Map<String, List<Integer>> groups = new LinkedHashMap<>();
    for (int i = 0; i < prompts.size(); i++) {
      groups.computeIfAbsent(prompts.get(i), p -> new ArrayList<>()).add(i);
    }
    if (!reference.isSpread()) {
      return new double[0];
    }
    double unit = Math.sqrt(2 * reference.trace());
    return groups.values().stream()
        .filter(g -> g.size() > 1)
        .mapToDouble(g -> meanDistance(features, g) / unit)
        .toArray();
  }

  private static double meanDistance(FeatureTable features, List<Integer> group) {
    double sum = 0;
    for (int a = 1; a < group.size(); a++) {
      for (int b = 0; b < a; b++) {
        sum += features.distance(group.get(a), group.get(b));
      }
    }
    return sum / (group.size() * (group.size() - 1) / 2.0);
  }
}
