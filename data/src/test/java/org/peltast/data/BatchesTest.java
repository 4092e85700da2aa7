package org.peltast.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

class BatchesTest {
  @Property(tries = 200)
  void eachEpochSeesEachPictureOnce(
      @ForAll @IntRange(min = 1, max = 300) int size,
      @ForAll @IntRange(min = 1, max = 70) int batch,
      @ForAll long seed) {
    Batches batches = new Batches(size, batch, seed);
    int epochs = 3;
    int steps = (epochs * size + batch - 1) / batch;
    int[] stream =
        IntStream.range(0, steps).flatMap(s -> Arrays.stream(batches.indices(s))).toArray();
    for (int epoch = 0; epoch < epochs; epoch++) {
      int[] seen = Arrays.copyOfRange(stream, epoch * size, (epoch + 1) * size);
      Arrays.sort(seen);
      assertThat(seen).isEqualTo(IntStream.range(0, size).toArray());
    }
  }

  @Property(tries = 200)
  void aStepNeedsNoReplay(
      @ForAll @IntRange(min = 1, max = 300) int size,
      @ForAll @IntRange(min = 1, max = 70) int batch,
      @ForAll long seed,
      @ForAll @LongRange(min = 0, max = 100_000) long step) {
    Batches walked = new Batches(size, batch, seed);
    for (long s = Math.max(0, step - 20); s < step; s++) {
      walked.indices(s);
    }
    Batches resumed = new Batches(size, batch, seed);
    assertThat(resumed.indices(step)).isEqualTo(walked.indices(step));
    assertThat(resumed.captionDraw(step, batch - 1)).isEqualTo(walked.captionDraw(step, batch - 1));
  }

  @Test
  void seedsAndEpochsDiffer() {
    int[] first = new Batches(100, 100, 1).indices(0);
    assertThat(new Batches(100, 100, 2).indices(0)).isNotEqualTo(first);
    assertThat(new Batches(100, 100, 1).indices(1)).isNotEqualTo(first);
    assertThat(first).isNotEqualTo(IntStream.range(0, 100).toArray());
  }

  @Test
  void everyPictureComesFirstAboutAsOften() {
    int[] first = new int[8];
    for (int seed = 0; seed < 8000; seed++) {
      first[new Batches(8, 1, seed).indices(0)[0]]++;
    }
    // Binomial with mean 1000 and deviation 30.
    assertThat(Arrays.stream(first).boxed()).allSatisfy(n -> assertThat(n).isBetween(850, 1150));
  }

  /** A run folder's meaning must not change with a release: these numbers are for ever. */
  @Test
  void theOrderIsFixed() {
    assertThat(new Batches(10, 10, 42).indices(0)).containsExactly(2, 3, 6, 5, 0, 4, 7, 1, 8, 9);
  }

  @Test
  void emptyCollectionsAreRefused() {
    assertThatThrownBy(() -> new Batches(0, 4, 1)).isInstanceOf(DataException.class);
    assertThatThrownBy(() -> new Batches(4, 0, 1)).isInstanceOf(DataException.class);
  }
}
