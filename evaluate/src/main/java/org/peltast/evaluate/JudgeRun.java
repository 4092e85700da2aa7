package org.peltast.evaluate;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.peltast.data.CaptionedImages;
import org.peltast.data.PixelBatches;
import org.peltast.distill.BatchSource;
import org.peltast.distill.Method;
import org.peltast.distill.Trainer;
import org.peltast.models.text.MiniLmEncoder;
import org.peltast.models.text.TextEncoder;
import org.peltast.tensor.Device;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * A judge's training as {@code peltast train judge} runs it: an untrained judge with the method,
 * the batches and the settings that a {@link Trainer} needs, and the features of what it has
 * become.
 */
public final class JudgeRun implements AutoCloseable {
  private static final int BATCH = 256;

  private final Recipe recipe;
  private final JudgeBatches batches;
  private final Judge judge;
  private final JudgeTraining training;

  private JudgeRun(Recipe recipe, JudgeBatches batches, Judge judge) {
    this.recipe = recipe;
    this.batches = batches;
    this.judge = judge;
    this.training = new JudgeTraining(judge, recipe.settings());
  }

  /**
   * How long and with what a judge is trained.
   *
   * @param updates of the whole run
   * @param batch pictures in an update
   * @param seed of initial weights, order, captions and augmentation
   * @param device {@code auto} (a GPU if there is one), {@code cpu}, {@code cuda} or {@code cuda:N}
   * @param text what the text tower reads
   * @param validation whether the emoji corpus's validation pairs are kept from training, so that
   *     judges can be compared on them
   * @param settings of the optimiser
   */
  public record Recipe(
      int updates,
      int batch,
      long seed,
      String device,
      Text text,
      boolean validation,
      JudgeTraining.Settings settings) {
    /** A judge that reads captions by itself and has not seen the validation pairs. */
    public static Recipe defaults() {
      return new Recipe(700, 128, 0, "auto", Text.NGRAMS, true, JudgeTraining.Settings.defaults());
    }

    /** Checks the ranges; the batch is checked against the pictures later. */
    public Recipe {
      if (updates < 1) {
        throw new EvaluationException(
            "A judge needs one update or more, but updates is " + updates + ".");
      }
      if (!device.matches("auto|cpu|cuda(:\\d{1,3})?")) {
        throw new EvaluationException(
            "device is '" + device + "'; it must be auto, cpu, cuda or cuda:N.");
      }
    }
  }

  /** What a judge's text tower reads. */
  public enum Text {
    /** {@link HashedNGrams}: words and character n-grams, apart from every generator. */
    NGRAMS,
    /** MiniLM's features, which the generators here read too: what these miss, both miss. */
    MINILM;

    /** Opens it; the caller closes it. */
    public TextEncoder open() {
      return this == NGRAMS ? new HashedNGrams() : new MiniLmEncoder();
    }
  }

  /**
   * Begins with an untrained judge. Same pictures, encoder, recipe and machine, same weights.
   *
   * @param pictures of the training split, of 64 × 64 pixels
   * @param encoder used, not closed
   */
  public static JudgeRun begin(
      CaptionedImages pictures, TextEncoder encoder, Recipe recipe, Device device) {
    TreeSet<String> families = new TreeSet<>();
    for (int i = 0; i < pictures.size(); i++) {
      families.add(pictures.item(i).family());
    }
    List<String> sorted = List.copyOf(families);
    return begin(
        encoder instanceof HashedNGrams
            ? JudgeConfig.emojiClipOwnText(sorted)
            : JudgeConfig.emojiClip(encoder.id(), encoder.width(), sorted),
        pictures,
        encoder,
        recipe,
        device);
  }

  /** Begins with an untrained judge of any shape; the pictures must be of its size. */
  public static JudgeRun begin(
      JudgeConfig config,
      CaptionedImages pictures,
      TextEncoder encoder,
      Recipe recipe,
      Device device) {
    JudgeBatches batches =
        new JudgeBatches(pictures, encoder, config, recipe.batch(), recipe.seed(), device);
    Judge judge = Judge.create(config, device, Rng.of(recipe.seed()).fork("weights"));
    return new JudgeRun(recipe, batches, judge);
  }

  /** How the judge is trained; closed with this. */
  public Method method() {
    return training;
  }

  /** What it is trained on: a function of the recipe's seed and a number. */
  public BatchSource batches() {
    return batches;
  }

  /**
   * How long it is trained.
   *
   * @param checkpointEvery the longest time that a kill may cost
   * @param keepLast checkpoints kept
   */
  public Trainer.Settings settings(Duration checkpointEvery, int keepLast) {
    return new Trainer.Settings(recipe.updates(), checkpointEvery, keepLast, recipe.seed());
  }

  /** The judge as it is now; it belongs to this. */
  public Judge judge() {
    return judge;
  }

  @Override
  public void close() {
    training.close();
    judge.close();
  }

  /** The judge's features of all pictures of a collection, in order. */
  public static FeatureTable features(Judge judge, CaptionedImages pictures) {
    try (Scope scope = Scope.open()) {
      List<double[]> rows = new ArrayList<>();
      for (int from = 0; from < pictures.size(); from += BATCH) {
        int[] part = IntStream.range(from, Math.min(from + BATCH, pictures.size())).toArray();
        try (Scope one = Scope.open()) {
          FeatureTable seen = judge.see(images(pictures, part)).features();
          for (int i = 0; i < part.length; i++) {
            int row = i;
            rows.add(IntStream.range(0, seen.width()).mapToDouble(j -> seen.at(row, j)).toArray());
          }
        }
      }
      return FeatureTable.of(rows.toArray(double[][]::new));
    }
  }

  /** Some pictures [n, 3, h, w] float32 in [0, 1]. */
  public static Tensor images(CaptionedImages pictures, int... indices) {
    float[] pixels = new float[indices.length * pictures.bytesPerImage()];
    PixelBatches.toFloats(pictures, indices, pixels);
    return Tensor.of(pixels, indices.length, 3, pictures.height(), pictures.width());
  }

  /** What pictures are captioned and drawn as: the plainest caption of each. */
  public static List<Prompt> prompts(CaptionedImages pictures, int... indices) {
    return IntStream.of(indices)
        .mapToObj(i -> new Prompt(pictures.captions(i).get(0), pictures.item(i).family()))
        .toList();
  }
}
