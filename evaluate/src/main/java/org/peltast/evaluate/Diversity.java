package org.peltast.evaluate;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * How different the pictures of one prompt are from each other, by two measures. Few-step
 * generators lose it first.
 *
 * <ul>
 *   <li>The mean Euclidean distance of their features over all pairs of pictures of one prompt,
 *       averaged over prompts, in units of √(2 Tr Σ) of the real pictures. (For two independent
 *       real pictures E‖a − b‖² = 2 Tr Σ, so that 1 stands for "as different as any two real
 *       pictures" and 0 for "always the same picture".)
 *   <li>The Vendi score of the pictures of one prompt (Friedman and Dieng, 2023), averaged over
 *       prompts: exp(− Σ λᵢ ln λᵢ) of the eigenvalues of K/m, with K the cosines of the m pictures'
 *       embeddings. It is the effective number of different pictures, from 1 to m; compare it at
 *       equal m alone.
 * </ul>
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
    if (!reference.isSpread()) {
      return new double[0];
    }
    double unit = Math.sqrt(2 * reference.trace());
    return groups(prompts).stream().mapToDouble(g -> meanDistance(features, g) / unit).toArray();
  }

  /**
   * The Vendi score of each prompt that has two pictures or more, in order of first appearance.
   *
   * @param embeddings unit vectors [n, e]
   * @param prompts n
   */
  static double[] vendi(FeatureTable embeddings, List<String> prompts) {
    return groups(prompts).stream().mapToDouble(g -> effectiveNumber(embeddings, g)).toArray();
  }

  private static double effectiveNumber(FeatureTable embeddings, List<Integer> group) {
    int m = group.size();
    double[] kernel = new double[m * m];
    for (int a = 0; a < m; a++) {
      for (int b = 0; b < m; b++) {
        kernel[a * m + b] = embeddings.dot(group.get(a), embeddings, group.get(b)) / m;
      }
    }
    double entropy = 0;
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      for (double eigenvalue : Tensor.of(kernel, m, m).symmetricEigenvalues().toDoubles()) {
        if (eigenvalue > 0) {
          entropy -= eigenvalue * Math.log(eigenvalue);
        }
      }
    }
    return Math.exp(entropy);
  }

  private static List<List<Integer>> groups(List<String> prompts) {
    Map<String, List<Integer>> groups = new LinkedHashMap<>();
    for (int i = 0; i < prompts.size(); i++) {
      groups.computeIfAbsent(prompts.get(i), p -> new ArrayList<>()).add(i);
    }
    return groups.values().stream().filter(g -> g.size() > 1).toList();
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
