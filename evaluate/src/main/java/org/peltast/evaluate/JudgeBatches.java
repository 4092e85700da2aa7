package org.peltast.evaluate;

import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import org.peltast.data.CaptionedImages;
import org.peltast.models.TextEncoder;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;

/**
 * Batches for the judge as a pure function of (seed, update): each epoch goes through all pictures
 * once in an order of its own, and a picture's caption and {@link Augmentation} are drawn anew.
 */
public final class JudgeBatches {
  private final CaptionedImages pictures;
  private final TextEncoder encoder;
  private final JudgeConfig config;
  private final int size;
  private final Rng rng;
  private final Augmentation augmentation;
  private final int[] family;
  private final Map<String, float[]> pooled = new HashMap<>();
  private long epoch = -1;
  private int[] order = {};

  /**
   * Batches of pictures.
   *
   * @param size pictures in a batch, at most as many as there are
   * @throws EvaluationException if there are too few pictures, or one of a family that the
   *     configuration does not know
   */
  public JudgeBatches(
      CaptionedImages pictures, TextEncoder encoder, JudgeConfig config, int size, long seed) {
    this(pictures, encoder, config, size, seed, Augmentation.SLIGHT);
  }

  JudgeBatches(
      CaptionedImages pictures,
      TextEncoder encoder,
      JudgeConfig config,
      int size,
      long seed,
      Augmentation augmentation) {
    if (size < 2 || size > pictures.size()) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "A judge learns from contrasts: its batch of %d must have two pictures or more, and at most the %d there are.",
              size,
              pictures.size()));
    }
    if (pictures.height() != config.imageSize() || pictures.width() != config.imageSize()) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "The judge needs pictures of %d × %d, but those of %s are %d × %d.",
              config.imageSize(),
              config.imageSize(),
              pictures.name(),
              pictures.height(),
              pictures.width()));
    }
    this.pictures = pictures;
    this.encoder = encoder;
    this.config = config;
    this.size = size;
    this.rng = Rng.of(seed).fork("judge");
    this.augmentation = augmentation;
    this.family = new int[pictures.size()];
    for (int i = 0; i < family.length; i++) {
      family[i] = config.families().indexOf(pictures.item(i).family());
      if (family[i] < 0) {
        throw new EvaluationException(
            "The judge's families %s lack %s."
                .formatted(config.families(), pictures.item(i).family()));
      }
    }
  }

  /** Whole batches in an epoch; the few pictures left over come in other epochs. */
  public int perEpoch() {
    return pictures.size() / size;
  }

  /** The batch of an update, counted from 0; its tensors belong to the caller's scope. */
  public JudgeBatch at(long update) {
    int[] chosen = chosen(update);
    int s = config.imageSize();
    int picture = 3 * s * s;
    float[] pixels = new float[size * picture];
    String[] captions = new String[size];
    long[] families = new long[size];
    Rng own = rng.fork("batch").fork(update);
    IntStream.range(0, size)
        .parallel()
        .forEach(
            i -> {
              Rng one = own.fork(i);
              byte[] rgb = new byte[picture];
              pictures.pixels(chosen[i], rgb, 0);
              augmentation.apply(rgb, s, one, pixels, i * picture);
              List<String> all = pictures.captions(chosen[i]);
              captions[i] = all.get(one.below(all.size()));
              families[i] = family[chosen[i]];
            });
    return new JudgeBatch(
        Tensor.of(pixels, size, 3, s, s),
        text(List.of(captions)),
        Tensor.of(families, size),
        same(chosen));
  }

  private synchronized int[] chosen(long update) {
    long wanted = update / perEpoch();
    if (wanted != epoch) {
      order = rng.fork("order").fork(wanted).permutation(pictures.size());
      epoch = wanted;
    }
    int from = (int) (update % perEpoch()) * size;
    return java.util.Arrays.copyOfRange(order, from, from + size);
  }

  private synchronized Tensor text(List<String> captions) {
    List<String> missing =
        captions.stream().filter(c -> !pooled.containsKey(c)).distinct().toList();
    int width = config.textWidth();
    if (!missing.isEmpty()) {
      var features = encoder.encode(missing);
      for (int i = 0; i < missing.size(); i++) {
        pooled.put(missing.get(i), features.get(i).mean());
      }
    }
    float[] values = new float[captions.size() * width];
    for (int i = 0; i < captions.size(); i++) {
      float[] row = pooled.get(captions.get(i));
      if (row == null || row.length != width) {
        throw new EvaluationException(
            String.format(
                Locale.ROOT,
                "The judge reads text features of width %d, but %s gives %d.",
                width,
                encoder.id(),
                encoder.width()));
      }
      System.arraycopy(row, 0, values, i * width, width);
    }
    return Tensor.of(values, captions.size(), width);
  }

  private Tensor same(int[] chosen) {
    float[] same = new float[size * size];
    for (int i = 0; i < size; i++) {
      for (int j = 0; j < size; j++) {
        boolean equal =
            i != j
                && family[chosen[i]] == family[chosen[j]]
                && pictures.item(chosen[i]).concept().equals(pictures.item(chosen[j]).concept());
        same[i * size + j] = equal ? 1 : 0;
      }
    }
    return Tensor.of(same, size, size);
  }
}
