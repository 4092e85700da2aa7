package org.peltast.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.peltast.testing.Seeded;

class BucketBatchesTest {
  @Seeded(tries = 200)
  void anEpochSeesEveryPictureAndHardlyAnyTwice(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<Integer> sizes = random.ints(random.nextInt(1, 6), 1, 61).boxed().toList();
    int batch = random.nextInt(1, 17);
    long order = random.nextLong();
    BucketBatches batches = new BucketBatches(sizes, batch, order);
    int steps = sizes.stream().mapToInt(n -> (n + batch - 1) / batch).sum();
    Map<List<Integer>, Integer> seen = new HashMap<>();
    for (int step = 0; step < steps; step++) {
      BucketBatches.Batch one = batches.at(step);
      assertThat(one.indices()).hasSize(batch);
      for (int index : one.indices()) {
        assertThat(index).isBetween(0, sizes.get(one.group()) - 1);
        seen.merge(List.of(one.group(), index), 1, Integer::sum);
      }
    }
    assertThat(seen).hasSize(sizes.stream().mapToInt(Integer::intValue).sum());
    // A step needs no replay.
    assertThat(new BucketBatches(sizes, batch, order).at(steps + 3L).indices())
        .isEqualTo(batches.at(steps + 3L).indices());
  }
}
