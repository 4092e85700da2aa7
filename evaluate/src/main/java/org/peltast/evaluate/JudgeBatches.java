package org.peltast.evaluate;

import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import org.peltast.data.CaptionedImages;
import org.peltast.diffusion.Condition;
import org.peltast.distill.Batch;
import org.peltast.distill.BatchSource;
import org.peltast.models.text.TextEncoder;
import org.peltast.tensor.Device;
import org.peltast.tensor.Range;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;

/**
 * Batches for {@link JudgeTraining} as a pure function of (seed, number): each epoch goes through
 * all pictures once in an order of its own, and a picture's caption and {@link Augmentation} are
 * drawn anew. Empty captions are zeros, as a judge reads none.
 */
final class JudgeBatches implements BatchSource {
  private final CaptionedImages pictures;
  private final TextEncoder encoder;
  private final JudgeConfig config;
  private final int size;
  private final Device device;
  private final Rng rng;
  private final Augmentation augmentation;
  private final int[] family;
  private final int[] concept; // the number of each picture's, in the order of their appearance
  private final Map<String, float[]> pooled = new HashMap<>();
  private final boolean kept; // whether a caption's features are worth their memory
  private long epoch = -1;
  private int[] order = {};

  /**
   * Batches of pictures.
   *
   * @param size pictures in a batch, at most as many as there are
   * @param device where the batches' tensors lie
   * @throws EvaluationException if there are too few pictures, or one of a family that the
   *     configuration does not know
   */
  JudgeBatches(
      CaptionedImages pictures,
      TextEncoder encoder,
      JudgeConfig config,
      int size,
      long seed,
      Device device) {
    this(pictures, encoder, config, size, seed, device, Augmentation.SLIGHT);
  }

  JudgeBatches(
      CaptionedImages pictures,
      TextEncoder encoder,
      JudgeConfig config,
      int size,
      long seed,
      Device device,
      Augmentation augmentation) {
    if (size < 2 || size > pictures.size()) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "A judge learns from contrasts: its batch of %d must have two pictures or more, and"
                  + " at most the %d there are.",
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
    this.device = device;
    this.rng = Rng.of(seed).fork("judge");
    this.augmentation = augmentation;
    this.kept = !(encoder instanceof HashedNGrams);
    this.family = new int[pictures.size()];
    this.concept = new int[pictures.size()];
    Map<String, Integer> concepts = new HashMap<>();
    for (int i = 0; i < family.length; i++) {
      CaptionedImages.Item item = pictures.item(i);
      family[i] = config.families().indexOf(item.family());
      if (family[i] < 0) {
        throw new EvaluationException(
            String.format(
                Locale.ROOT, "The judge's families %s lack %s.", config.families(), item.family()));
      }
      int next = concepts.size();
      concept[i] = concepts.computeIfAbsent(item.concept(), c -> next);
    }
  }

  @Override
  public int size() {
    return size;
  }

  /** Whole batches in an epoch; the few pictures left over come in other epochs. */
  int perEpoch() {
    return pictures.size() / size;
  }

  @Override
  public Batch at(long draw, Range items) {
    int[] chosen = chosen(draw);
    int s = config.imageSize();
    int picture = 3 * s * s;
    int n = items.count();
    float[] pixels = new float[n * picture];
    String[] captions = new String[n];
    long[] families = new long[n];
    long[] concepts = new long[n];
    Rng own = rng.fork("batch").fork(draw);
    IntStream.range(0, n)
        .parallel()
        .forEach(
            i -> {
              int place = items.from() + i;
              int index = chosen[place];
              Rng one = own.fork(place);
              byte[] rgb = new byte[picture];
              pictures.pixels(index, rgb, 0);
              augmentation.apply(rgb, s, one, pixels, i * picture);
              List<String> all = pictures.captions(index);
              captions[i] = all.get(one.below(all.size()));
              families[i] = family[index];
              concepts[i] = concept[index];
            });
    List<Integer> lengths = Collections.nCopies(n, 1);
    Tensor text = text(List.of(captions)).to(device);
    Tensor none = Tensor.zeros(text.dtype(), device, text.shape());
    return new Batch(
        new Condition(text, lengths),
        new Condition(none, lengths),
        Tensor.of(pixels, n, 3, s, s).to(device),
        Map.of(
            JudgeTraining.FAMILY,
            Tensor.of(families, n).to(device),
            JudgeTraining.CONCEPT,
            Tensor.of(concepts, n).to(device)),
        List.of(3, s, s),
        items.from());
  }

  private synchronized int[] chosen(long draw) {
    long wanted = draw / perEpoch();
    if (wanted != epoch) {
      order = rng.fork("order").fork(wanted).permutation(pictures.size());
      epoch = wanted;
    }
    int from = (int) (draw % perEpoch()) * size;
    return Arrays.copyOfRange(order, from, from + size);
  }

  /**
   * Mean token features [n, 1, textWidth] float32 on the CPU; each caption is encoded once, unless
   * that costs less than keeping it.
   */
  private synchronized Tensor text(List<String> captions) {
    if (!kept) {
      pooled.clear();
    }
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
    return Tensor.of(values, captions.size(), 1, width);
  }
}
