package org.peltast.distill;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.tensor.Range;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * What one update is computed from, in the scope of that update, or a part of it.
 *
 * <p>Every random number of an update belongs to one item: it comes from a stream forked by the
 * item's place in the whole batch. So a batch computed in parts gives the same update as computed
 * at once.
 *
 * @param condition the captions' features
 * @param empty the empty caption's features, as many as captions
 * @param clean latents of the captions' images [B, C, h, w] float32, for methods that learn from
 *     data; null otherwise
 * @param labels what else is known of each item, [B, …] by name
 * @param latent the shape of one image's latents, (C, h, w)
 * @param first the place of the first item in the whole batch
 */
public record Batch(
    Condition condition,
    Condition empty,
    @Nullable Tensor clean,
    Map<String, Tensor> labels,
    List<Integer> latent,
    int first) {
  /** Checks that the parts fit. */
  public Batch {
    latent = List.copyOf(latent);
    labels = Map.copyOf(labels);
    int size = condition.batch();
    if (empty.batch() != size
        || latent.size() != 3
        || first < 0
        || (clean != null && !clean.hasShape(size, latent.get(0), latent.get(1), latent.get(2)))
        || labels.values().stream().anyMatch(l -> l.rank() < 1 || l.size(0) != size)) {
      throw new IllegalArgumentException(
          "a batch needs as many empty captions, images and labels as captions, and latents of"
              + " shape "
              + latent);
    }
  }

  /** A batch without labels. */
  public Batch(
      Condition condition,
      Condition empty,
      @Nullable Tensor clean,
      List<Integer> latent,
      int first) {
    this(condition, empty, clean, Map.of(), latent, first);
  }

  /** The number of captions. */
  public int size() {
    return condition.batch();
  }

  /**
   * The latents of the captions' images [B, C, h, w].
   *
   * @throws IllegalArgumentException if the data has captions alone
   */
  public Tensor images() {
    if (clean == null) {
      throw new IllegalArgumentException(
          "this training learns from captioned images, but the data has captions alone");
    }
    return clean;
  }

  /** The same batch, whose tensors belong to {@code kept} as far as they belonged to a scope. */
  Batch keptBy(Scope kept, Scope until) {
    condition.release(until, kept);
    empty.release(until, kept);
    if (clean != null) {
      until.release(clean, kept);
    }
    labels.values().forEach(label -> until.release(label, kept));
    return this;
  }

  /** The same batch in consecutive parts of nearly equal size, at most as many as it has items. */
  List<Batch> parts(int count) {
    List<Range> ranges = Range.deal(size(), count);
    return ranges.size() == 1 ? List.of(this) : ranges.stream().map(this::narrow).toList();
  }

  /** Some of the items. */
  public Batch narrow(Range r) {
    if (r.from() == 0 && r.count() == size()) {
      return this;
    }
    Map<String, Tensor> some = new LinkedHashMap<>();
    labels.forEach((name, label) -> some.put(name, label.narrow(0, r.from(), r.count())));
    return new Batch(
        condition.narrow(r.from(), r.count()),
        empty.narrow(r.from(), r.count()),
        clean == null ? null : clean.narrow(0, r.from(), r.count()),
        some,
        latent,
        first + r.from());
  }

  /** Standard normal noise like the latents, [B, C, h, w] float32. */
  public Tensor noise(Rng rng) {
    List<Tensor> items = new ArrayList<>();
    for (int i = 0; i < size(); i++) {
      items.add(rng.fork(first + i).normal(latent.get(0), latent.get(1), latent.get(2)));
    }
    return Tensor.stack(items, 0).to(condition.features().device());
  }

  /** One random number for each item, [B] float32. */
  public Tensor numbers(Rng rng, ToDoubleFunction<Rng> draw) {
    float[] values = new float[size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) draw.applyAsDouble(rng.fork(first + i));
    }
    return Tensor.of(values, values.length).to(condition.features().device());
  }
}
