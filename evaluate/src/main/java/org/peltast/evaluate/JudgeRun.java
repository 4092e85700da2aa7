package org.peltast.evaluate;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.peltast.data.CaptionedImages;
import org.peltast.data.Pictures;
import org.peltast.models.TextEncoder;
import org.peltast.tensor.Device;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * From captioned pictures to a judge with its reference statistics: {@code peltast train judge}.
 */
public final class JudgeRun {
  private static final int BATCH = 256;

  private JudgeRun() {}

  /**
   * How long and with what a judge is trained.
   *
   * @param updates of the whole run
   * @param batch pictures in an update
   * @param seed of initial weights, order, captions and augmentation
   * @param settings of the optimiser
   */
  public record Recipe(int updates, int batch, long seed, JudgeTraining.Settings settings) {
    /** What the shipped judge was trained with. */
    public static Recipe defaults() {
      return new Recipe(700, 128, 0, JudgeTraining.Settings.defaults());
    }

    /** Checks the ranges; the batch is checked against the pictures later. */
    public Recipe {
      if (updates < 1) {
        throw new EvaluationException(
            "A judge needs one update or more, but updates is " + updates + ".");
      }
    }
  }

  /** Hears of each update. */
  @FunctionalInterface
  public interface Listener {
    /** After an update, counted from 0. */
    void updated(int update, JudgeTraining.Losses losses);
  }

  /**
   * Trains a judge. Same pictures, encoder, recipe and machine, same weights.
   *
   * @param pictures of the training split, of 64 × 64 pixels
   * @return the judge, which the caller closes
   */
  public static Judge train(
      CaptionedImages pictures,
      TextEncoder encoder,
      Recipe recipe,
      Device device,
      Listener listener) {
    TreeSet<String> families = new TreeSet<>();
    for (int i = 0; i < pictures.size(); i++) {
      families.add(pictures.item(i).family());
    }
    JudgeConfig config =
        JudgeConfig.emojiClip(encoder.id(), encoder.width(), List.copyOf(families));
    JudgeBatches batches =
        new JudgeBatches(pictures, encoder, config, recipe.batch(), recipe.seed());
    Judge judge = Judge.create(config, device, Rng.of(recipe.seed()).fork("weights"));
    try (JudgeTraining training = new JudgeTraining(judge, recipe.settings())) {
      for (int update = 0; update < recipe.updates(); update++) {
        try (Scope scope = Scope.open()) {
          listener.updated(update, training.update(update, recipe.updates(), batches.at(update)));
        }
      }
      return judge;
    } catch (RuntimeException e) {
      judge.close();
      throw e;
    }
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
    Pictures.toFloats(pictures, indices, pixels);
    return Tensor.of(pixels, indices.length, 3, pictures.height(), pictures.width());
  }

  /** What pictures are captioned and drawn as: the plainest caption of each. */
  public static List<Prompt> prompts(CaptionedImages pictures, int... indices) {
    return IntStream.of(indices)
        .mapToObj(i -> new Prompt(pictures.captions(i).get(0), pictures.item(i).family()))
        .toList();
  }
}
