package org.peltast.data;

import java.util.Locale;

/**
 * Which pictures make up the batch of a step: a function of the seed and the step, so that a
 * resumed run takes up where it was without replaying anything.
 *
 * <p>Each epoch is a permutation of all the pictures, drawn from the seed and the epoch's number;
 * the epochs follow one another without a gap, and step s takes the places s·batch to (s+1)·batch −
 * 1. A batch may therefore span the end of an epoch, or several of a small set. Safe for several
 * threads.
 */
public final class Batches {
  private final int size;
  private final int batch;
  private final long seed;
  private volatile Epoch latest;

  /** One epoch's permutation, never written again once it is made. */
  private static final class Epoch {
    final long number;
    final int[] order;

    Epoch(long number, int[] order) {
      this.number = number;
      this.order = order;
    }
  }

  /**
   * Batches of a collection.
   *
   * @param size the number of pictures, at least 1
   * @param batch the number of pictures in a batch, at least 1
   */
  public Batches(int size, int batch, long seed) {
    if (size < 1) {
      throw new DataException("There are no pictures to make batches of.");
    }
    if (batch < 1) {
      throw new DataException(
          String.format(
              Locale.ROOT, "A batch must have at least 1 picture, but %d was asked for.", batch));
    }
    this.size = size;
    this.batch = batch;
    this.seed = seed;
    this.latest = epoch(0);
  }

  /**
   * The numbers of the pictures of a step.
   *
   * @param step from 0
   */
  public int[] indices(long step) {
    if (step < 0) {
      throw new IllegalArgumentException("step must be 0 or more, but is " + step + ".");
    }
    int[] indices = new int[batch];
    long place = Math.multiplyExact(step, (long) batch);
    for (int i = 0; i < batch; i++, place++) {
      indices[i] = order(place / size)[(int) (place % size)];
    }
    return indices;
  }

  /**
   * Draws the caption of a place in a batch, for {@link CaptionedImages#caption}.
   *
   * @param step from 0
   * @param position in the batch, from 0
   */
  public long captionDraw(long step, int position) {
    return mix(mix(mix(seed ^ 0x63617074696F6E73L) + step) + position);
  }

  /** How many times all the pictures have been seen before a step; a fraction while they are. */
  public double epochs(long step) {
    return (double) step * batch / size;
  }

  private int[] order(long epoch) {
    Epoch known = latest;
    if (known.number != epoch) {
      known = epoch(epoch);
      latest = known;
    }
    return known.order;
  }

  private Epoch epoch(long number) {
    int[] order = new int[size];
    long state = mix(mix(seed) + number);
    for (int i = 0; i < size; i++) {
      // Fisher and Yates's shuffle, inside out.
      state += 0x9E3779B97F4A7C15L;
      int j = (int) (((mix(state) >>> 32) * (i + 1L)) >>> 32);
      order[i] = order[j];
      order[j] = i;
    }
    return new Epoch(number, order);
  }

  /**
   * SplitMix64's output function (Steele, Lea and Flood 2014): stated here, so that it never
   * changes.
   */
  static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
