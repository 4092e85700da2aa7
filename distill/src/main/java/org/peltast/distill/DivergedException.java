package org.peltast.distill;

/** A loss or gradient stopped being a number, or exploded; weights are still those of before. */
public final class DivergedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String term;

  DivergedException(String term, double value) {
    super("the " + term + " became " + value);
    this.term = term;
  }

  DivergedException(String term, String what) {
    super(what);
    this.term = term;
  }

  /** Which loss or gradient it was. */
  public String term() {
    return term;
  }

  /** Lets a number through if it is finite. */
  static double require(String term, double value) {
    if (!Double.isFinite(value)) {
      throw new DivergedException(term, value);
    }
    return value;
  }
}
