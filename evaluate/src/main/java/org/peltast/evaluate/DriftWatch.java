package org.peltast.evaluate;

import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.peltast.distill.Metrics;
import org.peltast.distill.Observer;

/**
 * An observer that compares a generator's pictures with its teacher's every so many updates, notes
 * the {@link Drift} among the metrics, and says once of each symptom what it most likely comes
 * from. It changes nothing: weights are raised by a guard, and runs are ended by one.
 */
public final class DriftWatch implements Observer {
  /** The size of the whole drift, the largest of its symptoms; low is good. */
  public static final String METRIC = "drift";

  private final int every;
  private final double limit;
  private final Supplier<Look> teacher;
  private final Supplier<Look> student;
  private final Consumer<String> warnings;
  private final Set<Drift.Symptom> told = EnumSet.noneOf(Drift.Symptom.class);
  private @Nullable Look reference;

  /**
   * Watches.
   *
   * @param every so many updates, and after the last
   * @param limit of a symptom's size, above which it is told
   * @param teacher looks at the teacher's pictures; asked once, when first needed
   * @param student looks at the generator's, of the same prompts, as it is now
   * @param warnings hears sentences
   */
  public DriftWatch(
      int every,
      double limit,
      Supplier<Look> teacher,
      Supplier<Look> student,
      Consumer<String> warnings) {
    if (every < 1 || !(limit > 0)) {
      throw new EvaluationException(
          "A watch over drift looks every 1 or more updates, with a limit above 0.");
    }
    this.every = every;
    this.limit = limit;
    this.teacher = teacher;
    this.student = student;
    this.warnings = warnings;
  }

  @Override
  public Verdict begin(long done, List<Metrics> past) {
    told.clear(); // a resumed run may tell again what still is so
    return Verdict.GO_ON;
  }

  @Override
  public boolean seesAverages(long done, long updates) {
    return done % every == 0 || done == updates;
  }

  @Override
  public Verdict after(long done, long updates, Metrics metrics) {
    if (!seesAverages(done, updates)) {
      return Verdict.GO_ON;
    }
    Look known = reference;
    if (known == null) {
      known = teacher.get();
      reference = known;
    }
    Drift drift = Drift.between(student.get(), known);
    drift.values().forEach((symptom, value) -> metrics.put(METRIC + "." + symptom.key(), value));
    metrics.put(METRIC, drift.size());
    drift
        .warnings(limit)
        .forEach(
            (symptom, sentence) -> {
              if (told.add(symptom)) {
                warnings.accept(String.format(Locale.ROOT, "After update %d %s", done, sentence));
              }
            });
    return Verdict.GO_ON;
  }
}
