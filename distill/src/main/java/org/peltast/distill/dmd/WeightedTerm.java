package org.peltast.distill.dmd;

import java.util.Locale;

/**
 * A {@link Term} with its weight and what its direction is divided by; a list of them makes a
 * generator's update.
 *
 * @param term the term
 * @param weight w ≥ 0; with 0 the term is not evaluated
 * @param normaliser of a direction; {@link Normaliser#NONE} for losses
 */
public record WeightedTerm(Term term, double weight, Normaliser normaliser) {
  /** Checks that they fit. */
  public WeightedTerm {
    if (!(weight >= 0 && weight <= 1e6)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "the weight of %s must be from 0 to 1000000, got %s",
              term.name(),
              weight));
    }
    if (!term.isDirection() && normaliser.isOn()) {
      throw new IllegalArgumentException(
          term.name() + " is a loss: it has no direction to be divided by a normaliser");
    }
  }

  /** A term that nothing divides. */
  public WeightedTerm(Term term, double weight) {
    this(term, weight, Normaliser.NONE);
  }
}
