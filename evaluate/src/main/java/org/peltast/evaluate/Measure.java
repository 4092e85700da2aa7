package org.peltast.evaluate;

import java.util.Arrays;
import java.util.Optional;

/**
 * What is measured on a set of pictures, in the order of tables; the definitions are in {@code
 * docs/evaluation.md}.
 */
public enum Measure {
  FRECHET_BIAS_FREE("frechetBiasFree", "Fréchet distance, bias-free", Good.LOW, 1),
  FRECHET("frechet", "Fréchet distance, raw", Good.LOW, 1),
  KID("kid", "KID, × 1000", Good.LOW, 1000),
  ALIGNMENT("alignment", "alignment", Good.HIGH, 1),
  RETRIEVAL("retrievalAt10", "retrieval@10, %", Good.HIGH, 100),
  FAMILY_ACCURACY("familyAccuracy", "family accuracy, %", Good.HIGH, 100),
  DIVERSITY("diversity", "diversity", Good.NEITHER, 1),
  VENDI("vendi", "Vendi score", Good.NEITHER, 1),
  MEAN("mean", "mean", Good.NEITHER, 1),
  VARIANCE("variance", "variance", Good.NEITHER, 1),
  SATURATION("saturation", "saturation", Good.NEITHER, 1),
  COLOUR_CAST("colourCast", "colour cast", Good.NEITHER, 1);

  /** Which way is good; what is read against another set's figure is good neither way. */
  public enum Good {
    LOW,
    HIGH,
    NEITHER
  }

  private final String key;
  private final String title;
  private final Good good;
  private final double unit;

  Measure(String key, String title, Good good, double unit) {
    this.key = key;
    this.title = title;
    this.good = good;
    this.unit = unit;
  }

  /** Its name in {@code metrics.json}. */
  public String key() {
    return key;
  }

  /** Its name in tables, with the unit. */
  public String title() {
    return title;
  }

  /** Which way is good. */
  public Good good() {
    return good;
  }

  /** What a figure is multiplied by in tables. */
  public double unit() {
    return unit;
  }

  /** The measure of that {@link #key}. */
  public static Optional<Measure> ofKey(String key) {
    return Arrays.stream(values()).filter(m -> m.key.equals(key)).findFirst();
  }
}
