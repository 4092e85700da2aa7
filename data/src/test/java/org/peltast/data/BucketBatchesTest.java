package org.peltast.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class BucketBatchesTest {
  @Property(tries = 100)
  void anEpochSeesEveryPictureAndHardlyAnyTwice(
      @ForAll @Size(min = 1, max = 5) List<@IntRange(min = 1, max = 60) Integer> sizes,
      @ForAll @IntRange(min = 1, max = 16) int batch,
      @ForAll long seed) {
    BucketBatches batches = new BucketBatches(sizes, batch, seed);
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
    assertThat(new BucketBatches(sizes, batch, seed).at(steps + 3L).indices())
        .isEqualTo(batches.at(steps + 3L).indices());
  }
}
