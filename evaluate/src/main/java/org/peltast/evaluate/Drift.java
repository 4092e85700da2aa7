package org.peltast.evaluate;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;

/**
 * How far a generator's pictures have drifted from its teacher's, symptom by symptom.
 *
 * <p>Each symptom is a ratio to the teacher's figure or, for a channel's mean and brightness, a
 * shift in the teacher's standard deviations. As a {@linkplain #size size} it is 0 for no drift and
 * 1 at a doubling, a halving or a shift by one deviation, so that the largest size is a measure of
 * the whole.
 *
 * @param values by symptom
 */
public record Drift(Map<Symptom, Double> values) {
  /** What can go wrong, and what most often makes it. */
  public enum Symptom {
    /** The largest shift of a channel's mean, in that channel's deviations. */
    CHANNEL_MEAN(
        "channelMean",
        Math::abs,
        "a channel's mean has moved by %.2f standard deviations",
        "the fake model lags behind the generator: raise method.fake.updates or its learning rate,"
            + " or give the normaliser a floor",
        "the fake model lags behind the generator: raise method.fake.updates or its learning rate,"
            + " or give the normaliser a floor"),
    /** The most changed channel's standard deviation, as a ratio. */
    CHANNEL_DEVIATION(
        "channelDeviation",
        Drift::doublings,
        "a channel's standard deviation is %.2f times the teacher's",
        "CFG augmentation outruns its regulariser: raise method.dm.weight, or lower method.alpha",
        "the regulariser outweighs the engine, or training has just begun: lower"
            + " method.dm.weight"),
    /** The shift of the pictures' mean, in the teacher's contrast. */
    BRIGHTNESS(
        "brightness",
        Math::abs,
        "brightness has moved by %+.2f of the teacher's contrast",
        "low frequencies are watched too little: let the regulariser's τ span [0, 1]"
            + " (method.renoising: decoupled-hybrid)",
        "low frequencies are watched too little: let the regulariser's τ span [0, 1]"
            + " (method.renoising: decoupled-hybrid)"),
    /** A ratio. */
    CONTRAST(
        "contrast",
        Drift::doublings,
        "contrast is %.2f times the teacher's",
        "CFG augmentation outruns its regulariser: raise method.dm.weight, or lower method.alpha",
        "pictures wash out: the engine is too weak (raise method.alpha), or moments are all that is"
            + " held (use dm beside meanVariance)"),
    /** A ratio. */
    SATURATION(
        "saturation",
        Drift::doublings,
        "saturation is %.2f times the teacher's",
        "α is baked in too deeply: lower method.alpha or student.learningRate, raise"
            + " method.dm.weight, set guard.variance, or stop earlier",
        "colours fade: the engine is too weak, so raise method.alpha or method.ca.weight"),
    /** A ratio. */
    COLOUR_CAST(
        "colourCast",
        Drift::doublings,
        "the colour cast is %.2f times the teacher's",
        "the fake model lags behind the generator, most often because its learning rate is too"
            + " low: raise method.fake.role.learningRate or method.fake.updates",
        "pictures turn grey: the engine is too weak, so raise method.alpha"),
    /** A ratio. */
    DIVERSITY(
        "diversity",
        Drift::doublings,
        "the pictures of one prompt differ %.2f times as much as the teacher's",
        "noise is left in the pictures: train longer, or with more steps",
        "modes collapse: lower method.alpha or method.gan.weight, or stop earlier");

    private final String key;
    private final DoubleUnaryOperator size;
    private final String finding;
    private final String causeOfMore;
    private final String causeOfLess;

    Symptom(
        String key,
        DoubleUnaryOperator size,
        String finding,
        String causeOfMore,
        String causeOfLess) {
      this.key = key;
      this.size = size;
      this.finding = finding;
      this.causeOfMore = causeOfMore;
      this.causeOfLess = causeOfLess;
    }

    /** Its name in logs. */
    public String key() {
      return key;
    }

    private boolean isRatio() {
      return this != CHANNEL_MEAN && this != BRIGHTNESS;
    }
  }

  /** Of what is no number any more. */
  private static final double RUIN = 1e9;

  /** Below it a deviation or a cast counts as none at all. */
  private static final double TINY = 1e-6;

  /** Copies the map in the order of symptoms. */
  public Drift {
    Map<Symptom, Double> ordered = new LinkedHashMap<>();
    for (Symptom symptom : Symptom.values()) {
      Double value = values.get(symptom);
      if (value != null) {
        ordered.put(symptom, value);
      }
    }
    values = java.util.Collections.unmodifiableMap(ordered);
  }

  /** The drift of one set from another of the same prompts. */
  public static Drift between(Look student, Look teacher) {
    Map<Symptom, Double> all = new LinkedHashMap<>();
    double shift = 0;
    double ratio = 1;
    for (int c = 0; c < teacher.channelMeans().size(); c++) {
      double deviation = Math.max(TINY, teacher.channelDeviations().get(c));
      double moved = (student.channelMeans().get(c) - teacher.channelMeans().get(c)) / deviation;
      shift = Math.abs(moved) > Math.abs(shift) || Double.isNaN(moved) ? moved : shift;
      double wider = Math.max(TINY, student.channelDeviations().get(c)) / deviation;
      ratio = doublings(wider) > doublings(ratio) || Double.isNaN(wider) ? wider : ratio;
    }
    all.put(Symptom.CHANNEL_MEAN, shift);
    all.put(Symptom.CHANNEL_DEVIATION, ratio);
    all.put(
        Symptom.BRIGHTNESS,
        (student.brightness() - teacher.brightness()) / Math.max(TINY, teacher.contrast()));
    all.put(Symptom.CONTRAST, ratio(student.contrast(), teacher.contrast()));
    all.put(Symptom.SATURATION, ratio(student.saturation(), teacher.saturation()));
    all.put(Symptom.COLOUR_CAST, ratio(student.colourCast(), teacher.colourCast()));
    if (!Double.isNaN(student.diversity()) && !Double.isNaN(teacher.diversity())) {
      all.put(Symptom.DIVERSITY, ratio(student.diversity(), teacher.diversity()));
    }
    return new Drift(all);
  }

  /** A hundredth is nothing to see: it keeps ratios of what hardly is there from leaping. */
  private static double ratio(double student, double teacher) {
    double least = 0.01;
    return (student + least) / (teacher + least);
  }

  /** |log₂|, so that twice and half are alike. */
  private static double doublings(double ratio) {
    return Math.abs(Math.log(ratio) / Math.log(2));
  }

  /** How large a symptom is: 0 is none, 1 a doubling, a halving or a shift by one deviation. */
  public double size(Symptom symptom) {
    Double value = values.get(symptom);
    return value == null ? 0 : symptom.size.applyAsDouble(value);
  }

  /** The largest size; {@value #RUIN} where a figure is not finite. */
  public double size() {
    double largest = 0;
    for (Symptom symptom : values.keySet()) {
      double size = size(symptom);
      largest = Double.isFinite(size) ? Math.max(largest, size) : RUIN;
    }
    return largest;
  }

  /**
   * One sentence for each symptom above a limit, which names the likely cause, the largest first.
   *
   * @param limit of the size, as 0.58 for half as much again
   */
  public Map<Symptom, String> warnings(double limit) {
    List<Symptom> above = new ArrayList<>(values.keySet());
    above.removeIf(symptom -> size(symptom) <= limit);
    above.sort((a, b) -> Double.compare(size(b), size(a)));
    Map<Symptom, String> warnings = new LinkedHashMap<>();
    for (Symptom symptom : above) {
      double value = values.getOrDefault(symptom, Double.NaN);
      boolean more = symptom.isRatio() ? !(value < 1) : !(value < 0);
      warnings.put(
          symptom,
          String.format(Locale.ROOT, symptom.finding, value)
              + "; likely cause: "
              + (more ? symptom.causeOfMore : symptom.causeOfLess)
              + ".");
    }
    return warnings;
  }
}
