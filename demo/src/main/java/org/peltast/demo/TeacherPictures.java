package org.peltast.demo;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.peltast.compare.Candidate;
import org.peltast.compare.Trial;
import org.peltast.evaluate.Judge;
import org.peltast.evaluate.Prompt;
import org.peltast.models.GenerationSettings;
import org.peltast.models.TextToImage;
import org.peltast.runs.Progress;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * The pictures of a slow teacher for the held-out prompts: decoded from latents that are shipped,
 * after some of them were drawn again and compared; drawn, where none are shipped that fit.
 */
final class TeacherPictures {
  /** Below the folder of weights. */
  static final Path SHIPPED = Path.of("drawn", "teacher.safetensors");

  /** So many are drawn again. */
  private static final int AGAIN = 24;

  /** In 255ths: what bfloat16 or another processor's order of sums does to 50 steps. */
  private static final double TOLERANCE = 4;

  /** Steps that show a pace where there is nothing to compare. */
  private static final int FEW_STEPS = 4;

  /**
   * What this machine does.
   *
   * @param evaluation seconds of the network for one picture
   * @param picture seconds of decoding and judging one
   */
  record Pace(double evaluation, double picture) {}

  /**
   * Pictures drawn again, against the shipped ones.
   *
   * @param seed of their noise
   * @param pictures how many
   * @param mean absolute difference of a colour value, in 255ths
   * @param largest difference of a picture's mean, in 255ths
   */
  record Redrawn(long seed, int pictures, double mean, double largest) {
    boolean agrees() {
      return mean <= TOLERANCE;
    }
  }

  private final TextToImage teacher;
  private final String checksum;
  private final long seed;
  private final @Nullable DrawnLatents shipped;
  private final Path own;
  private @Nullable Redrawn redrawn;

  /**
   * A teacher's pictures.
   *
   * @param checksum of the teacher's folder
   * @param seed of the noise where they are drawn
   * @param shipped latents that may be this teacher's, which belong to the caller's scope
   * @param own the file that those go to which it draws
   */
  TeacherPictures(
      TextToImage teacher, String checksum, long seed, @Nullable DrawnLatents shipped, Path own) {
    this.teacher = teacher;
    this.checksum = checksum;
    this.seed = seed;
    this.shipped = shipped;
    this.own = own;
  }

  /** Whether the shipped ones are of this teacher, its settings and these captions. */
  boolean areShipped(List<String> captions) {
    return shipped != null && shipped.answers(checksum, teacher.defaults(), captions);
  }

  /** How those that were drawn again compare; null if none were. */
  @Nullable Redrawn redrawn() {
    return redrawn;
  }

  /** Draws a few, compares them with the shipped ones, and says how long that takes. */
  Pace pace(List<String> captions, Judge judge) {
    List<String> few = captions.subList(0, Math.min(AGAIN, captions.size()));
    GenerationSettings full = teacher.defaults();
    try (Scope scope = Scope.open()) {
      draw(few, full.withSteps(1)).pictures(teacher); // compilers and memory
      boolean known = areShipped(few);
      GenerationSettings settings = known ? full : full.withSteps(FEW_STEPS);
      long begin = System.nanoTime();
      DrawnLatents drawn = draw(few, settings);
      double drawing = Demo.since(begin);
      begin = System.nanoTime();
      judge.see(drawn.pictures(teacher));
      double judging = Demo.since(begin);
      if (known && shipped != null) {
        redrawn = compare(shipped.first(few.size()), drawn);
      }
      return new Pace(drawing / few.size() / settings.evaluations(), judging / few.size());
    }
  }

  private DrawnLatents draw(List<String> captions, GenerationSettings settings) {
    long noise = shipped == null ? seed : shipped.seed();
    return DrawnLatents.draw(checksum, teacher, settings, captions, noise, Progress.NONE);
  }

  /**
   * Measures the teacher. What it draws is kept as a file that may be shipped.
   *
   * @param notices hears if the shipped pictures are not what it draws here
   */
  Candidate measure(Trial trial, Consumer<String> notices, Progress progress) {
    List<String> captions = trial.prompts().stream().map(Prompt::caption).toList();
    GenerationSettings full = teacher.defaults();
    return Candidate.of(
        "teacher", teacher, full, drawn(captions, notices, progress), trial, progress);
  }

  private Tensor drawn(List<String> captions, Consumer<String> notices, Progress progress) {
    DrawnLatents kept = shipped;
    if (kept != null && areShipped(captions)) {
      DrawnLatents asked = kept.first(captions.size());
      Redrawn compared = redrawn == null ? again(asked) : redrawn; // a resumed run has none yet
      redrawn = compared;
      if (compared.agrees()) {
        return asked.pictures(teacher);
      }
      notices.accept(
          String.format(
              Locale.ROOT,
              "The teacher's shipped pictures differ from those that it draws here by %.1f of 255"
                  + " on average, so all are drawn.",
              compared.mean()));
      redrawn = null;
    }
    DrawnLatents all =
        DrawnLatents.draw(checksum, teacher, teacher.defaults(), captions, seed, progress);
    all.write(own);
    return all.pictures(teacher);
  }

  private Redrawn again(DrawnLatents asked) {
    DrawnLatents few = asked.first(Math.min(AGAIN, asked.captions().size()));
    try (Scope scope = Scope.open()) {
      return compare(few, draw(few.captions(), teacher.defaults()));
    }
  }

  private Redrawn compare(DrawnLatents then, DrawnLatents now) {
    try (Scope scope = Scope.open()) {
      float[] differences =
          now.pictures(teacher)
              .sub(then.pictures(teacher))
              .abs()
              .mean(false, 1, 2, 3)
              .mul(255)
              .toFloats();
      double sum = 0;
      double largest = 0;
      for (float difference : differences) {
        sum += difference;
        largest = Math.max(largest, difference);
      }
      return new Redrawn(then.seed(), differences.length, sum / differences.length, largest);
    }
  }
}
