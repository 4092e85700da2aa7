package org.peltast.diffusion;

import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * A batch of conditions for a network: token features, and whatever else the network is conditioned
 * on, one vector an item under a name.
 *
 * <p>Token features are what cross-attention or a joint sequence sees; several text encoders'
 * features are one tensor here, concatenated along D by the text encoder of the family. Vectors are
 * everything without a token axis: SDXL's {@code text_embeds} [B, 1280] (the second encoder's
 * pooled feature) and, where pictures' original sizes and crops are known, {@code time_ids} [B, 6].
 * Names are those of the network's own arguments in diffusers. Only the network that reads a
 * condition knows them; batching, sharding, dropping captions and guidance carry them along.
 *
 * @param features [B, L, D] float32, zero beyond each caption's own tokens
 * @param lengths the number of tokens of each caption, each in [1, L]
 * @param vectors by name, each [B, …] float32 on the features' device; the map is sorted by name
 */
public record Condition(Tensor features, List<Integer> lengths, Map<String, Tensor> vectors) {
  /** Checks that the parts fit. */
  public Condition {
    if (features.rank() != 3 || features.size(0) != lengths.size()) {
      throw new DiffusionException(
          "a condition needs features [B, L, D] and B lengths, got "
              + features
              + " and "
              + lengths.size());
    }
    for (int n : lengths) {
      if (n < 1 || n > features.size(1)) {
        throw new DiffusionException(
            "a caption of " + n + " tokens does not fit features " + features);
      }
    }
    for (Map.Entry<String, Tensor> e : vectors.entrySet()) {
      if (e.getValue().rank() < 2 || e.getValue().size(0) != lengths.size()) {
        throw new DiffusionException(
            String.format(
                Locale.ROOT,
                "the vectors %s of %d captions cannot be %s",
                e.getKey(),
                lengths.size(),
                e.getValue()));
      }
    }
    lengths = List.copyOf(lengths);
    vectors = Collections.unmodifiableMap(new TreeMap<>(vectors));
  }

  /** Token features alone. */
  public Condition(Tensor features, List<Integer> lengths) {
    this(features, lengths, Map.of());
  }

  /**
   * The vectors of a name, [B, …].
   *
   * @throws DiffusionException naming those there are, if there are none of that name
   */
  public Tensor vector(String name) {
    Tensor v = vectors.get(name);
    if (v == null) {
      throw new DiffusionException(
          "the network needs the vectors " + name + ", the condition has " + vectors.keySet());
    }
    return v;
  }

  /** The captions [from, from + count). */
  public Condition narrow(int from, int count) {
    return new Condition(
        features.narrow(0, from, count),
        lengths.subList(from, from + count),
        each(v -> v.narrow(0, from, count)));
  }

  /**
   * These captions where chosen, the other's elsewhere.
   *
   * @param mine one for each caption
   * @param other as many captions of the same width, with vectors of the same names
   */
  public Condition where(boolean[] mine, Condition other) {
    if (mine.length != batch() || other.batch() != batch()) {
      throw new DiffusionException(
          String.format(
              Locale.ROOT,
              "captions are mixed with as many others, got %d, %d and %d choices",
              batch(),
              other.batch(),
              mine.length));
    }
    if (!vectors.keySet().equals(other.vectors.keySet())) {
      throw new DiffusionException(
          String.format(
              Locale.ROOT,
              "captions with the vectors %s cannot be mixed with captions with %s",
              vectors.keySet(),
              other.vectors.keySet()));
    }
    float[] keep = new float[mine.length];
    Integer[] chosen = new Integer[mine.length];
    for (int i = 0; i < mine.length; i++) {
      keep[i] = mine[i] ? 1 : 0;
      chosen[i] = (mine[i] ? this : other).lengths.get(i);
    }
    BiFunction<Tensor, Tensor, Tensor> mix =
        (a, b) -> {
          long[] shape = new long[a.rank()];
          Arrays.fill(shape, 1);
          shape[0] = mine.length;
          Tensor kept = Tensor.of(keep, shape).to(a.device());
          return a.mul(kept).add(b.mul(kept.neg().add(1)));
        };
    long rows = Math.max(features.size(1), other.features.size(1));
    Map<String, Tensor> mixed = new LinkedHashMap<>();
    vectors.forEach((name, v) -> mixed.put(name, mix.apply(v, other.vector(name))));
    return new Condition(
        mix.apply(features.extend(1, rows), other.features.extend(1, rows)),
        Arrays.asList(chosen),
        mixed);
  }

  /** Hands the tensors that belong to one scope over to another; those of no scope stay. */
  public void release(Scope from, Scope to) {
    from.release(features, to);
    vectors.values().forEach(v -> from.release(v, to));
  }

  /** The number of captions. */
  public int batch() {
    return lengths.size();
  }

  private Map<String, Tensor> each(UnaryOperator<Tensor> change) {
    Map<String, Tensor> out = new LinkedHashMap<>();
    vectors.forEach((name, v) -> out.put(name, change.apply(v)));
    return out;
  }
}
