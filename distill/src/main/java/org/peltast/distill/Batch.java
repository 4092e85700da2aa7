package org.peltast.distill;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.tensor.Range;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * What one update is made from, in the scope of that update, or a part of it.
 *
 * <p>Every random number of an update belongs to one item: it comes from a stream forked by the
 * item's place in the whole batch. So a batch computed in parts gives the same update as computed
 * at once.
 *
 * @param condition the captions' features
 * @param empty the empty caption's features, as many as captions
 * @param clean latents of the captions' images [B, C, h, w] float32, for methods that learn from
 *     data; null otherwise
 * @param latent the shape of one image's latents, (C, h, w)
 * @param first the place of the first item in the whole batch
 */
public record Batch(
    Condition condition, Condition empty, @Nullable Tensor clean, List<Integer> latent, int first) {
  /** Checks that the parts fit. */
  public Batch {
    latent = List.copyOf(latent);
    if (empty.batch() != condition.batch()
        || latent.size() != 3
        || first < 0
        || (clean != null
            && !clean.hasShape(condition.batch(), latent.get(0), latent.get(1), latent.get(2)))) {
      throw new IllegalArgumentException(
          "a batch needs as many empty captions and images as captions, and latents of shape "
              + latent);
    }
  }

  /** The number of captions. */
  public int size() {
    return condition.batch();
  }

  /** The same batch, whose tensors belong to {@code kept} as far as they belonged to a scope. */
  Batch keptBy(Scope kept, Scope until) {
    until.release(condition.features(), kept);
    until.release(empty.features(), kept);
    if (clean != null) {
      until.release(clean, kept);
    }
    return this;
  }

  /** The same batch in consecutive parts of nearly equal size, at most as many as it has items. */
  List<Batch> parts(int count) {
    List<Range> ranges = Range.deal(size(), count);
    return ranges.size() == 1 ? List.of(this) : ranges.stream().map(this::part).toList();
  }

  private Batch part(Range r) {
    return new Batch(
        condition.narrow(r.from(), r.count()),
        empty.narrow(r.from(), r.count()),
        clean == null ? null : clean.narrow(0, r.from(), r.count()),
        latent,
        first + r.from());
  }

  /** Standard normal noise like the latents, [B, C, h, w] float32. */
  Tensor noise(Rng rng) {
    List<Tensor> items = new ArrayList<>();
    for (int i = 0; i < size(); i++) {
      items.add(rng.fork(first + i).normal(latent.get(0), latent.get(1), latent.get(2)));
    }
    return Tensor.stack(items, 0).to(condition.features().device());
  }

  /** One random number for each item, [B] float32. */
  Tensor numbers(Rng rng, java.util.function.ToDoubleFunction<Rng> draw) {
    float[] values = new float[size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) draw.applyAsDouble(rng.fork(first + i));
    }
    return Tensor.of(values, values.length).to(condition.features().device());
  }
}
