package org.peltast.tensor.parallel;

import java.util.ArrayList;
import java.util.List;
import org.peltast.tensor.nn.Parameter;

/**
 * Which weights travel together, and which rank owns them: the same on all ranks. Buckets follow
 * the order in which a backward pass reaches weights, last declared first; each is owned by the
 * rank that owns least so far.
 */
final class ShardPlan {
  /** Buckets a rank, at least: fewer could not be dealt evenly. */
  private static final int EACH = 4;

  /** Consecutive weights with one owner. */
  record Bucket(int owner, List<Parameter> parameters) {
    Bucket {
      parameters = List.copyOf(parameters);
    }
  }

  private ShardPlan() {}

  /**
   * @param bytes a bucket takes no further weight once it has so many
   */
  static List<Bucket> of(List<Parameter> parameters, int ranks, long bytes) {
    long total = parameters.stream().mapToLong(ShardPlan::bytes).sum();
    long enough = Math.min(bytes, total / ((long) ranks * EACH));
    List<Bucket> buckets = new ArrayList<>();
    long[] owned = new long[ranks];
    List<Parameter> together = new ArrayList<>();
    long size = 0;
    for (int i = parameters.size() - 1; i >= 0; i--) {
      together.add(parameters.get(i));
      size += bytes(parameters.get(i));
      if (size >= enough || i == 0) {
        int owner = least(owned);
        owned[owner] += size;
        buckets.add(new Bucket(owner, together));
        together.clear();
        size = 0;
      }
    }
    return buckets;
  }

  private static long bytes(Parameter p) {
    return p.value().count() * Float.BYTES;
  }

  private static int least(long[] owned) {
    int least = 0;
    for (int r = 1; r < owned.length; r++) {
      if (owned[r] < owned[least]) {
        least = r;
      }
    }
    return least;
  }
}
