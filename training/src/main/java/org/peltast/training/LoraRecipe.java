package org.peltast.training;

import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.peltast.models.LoraSettings;

/**
 * Whether student and fake are low-rank adapters over the teacher's weights, which all three share,
 * in place of networks of their own.
 *
 * @param rank of each adapted layer; 0 trains all weights
 * @param alpha what the rank divides, so that the change of a layer is {@code (alpha / rank) · B
 *     A}; null for the rank
 * @param targets the layers, by the ends of their names in diffusers, as {@code attention.to_q};
 *     empty for those that are usual in the model's family
 */
public record LoraRecipe(int rank, @Nullable Double alpha, List<String> targets) {
  private static final int LARGEST = 65_536;

  /** All weights are trained. */
  static LoraRecipe off() {
    return new LoraRecipe(0, null, List.of());
  }

  /** Checks the ranges. */
  public LoraRecipe {
    targets = List.copyOf(targets);
    if (rank < 0 || rank > LARGEST) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "rank must be from 1 to %d, or 0 to train all weights, but is %d",
              LARGEST,
              rank));
    }
    if (alpha != null && !(alpha > 0 && alpha <= 1e6)) {
      throw new IllegalArgumentException(
          "alpha must be more than 0 and at most 1000000, but is " + alpha);
    }
    if (targets.stream().anyMatch(String::isBlank)) {
      throw new IllegalArgumentException("targets must be ends of layers' names, not empty ones");
    }
  }

  /** Whether adapters are trained at all. */
  boolean isOn() {
    return rank > 0;
  }

  LoraSettings settings() {
    return new LoraSettings(rank, alpha == null ? rank : alpha, targets);
  }
}
