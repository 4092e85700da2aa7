package org.peltast.data;

import java.util.List;

/**
 * Batches of pictures of several sizes: like {@link Batches} a function of the seed and the step,
 * and each batch of pictures of one group, hence of one size.
 *
 * <p>Within a group the pictures come as in {@code Batches}, one permutation after another, so that
 * each is seen as often as any. An epoch takes so many batches from each group that all its
 * pictures fit in, and permutes the batches of all groups.
 */
public final class BucketBatches {
  private final Batches[] groups;
  private final int[] firstBatch;
  private final Batches order;
  private final int perEpoch;

  /** The batch of a step: pictures of one group. */
  public static final class Batch {
    private final int group;
    private final int[] indices;

    private Batch(int group, int[] indices) {
      this.group = group;
      this.indices = indices;
    }

    /** The number of the group. */
    public int group() {
      return group;
    }

    /** The numbers of the pictures in the group. */
    public int[] indices() {
      return indices.clone();
    }
  }

  /**
   * Batches of groups of pictures.
   *
   * @param sizes the number of pictures in each group, each at least 1
   * @param batch the number of pictures in a batch, at least 1
   */
  public BucketBatches(List<Integer> sizes, int batch, long seed) {
    groups = new Batches[sizes.size()];
    firstBatch = new int[sizes.size() + 1];
    for (int i = 0; i < groups.length; i++) {
      groups[i] = new Batches(sizes.get(i), batch, Batches.mix(seed + i + 1));
      firstBatch[i + 1] = firstBatch[i] + (sizes.get(i) + batch - 1) / batch;
    }
    perEpoch = firstBatch[groups.length];
    order = new Batches(perEpoch, 1, seed);
  }

  /**
   * The batch of a step.
   *
   * @param step from 0
   */
  public Batch at(long step) {
    int place = order.indices(step)[0];
    int group = 0;
    while (place >= firstBatch[group + 1]) {
      group++;
    }
    int batches = firstBatch[group + 1] - firstBatch[group];
    long epoch = step / perEpoch;
    return new Batch(group, groups[group].indices(epoch * batches + place - firstBatch[group]));
  }

  /** Draws the caption of a place in a batch, for {@link Prompts#caption}. */
  public long captionDraw(long step, int position) {
    return order.captionDraw(step, position);
  }
}
