package org.peltast.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.peltast.testing.Seeded;

class BatchesTest {
  @Seeded(tries = 300)
  void eachEpochSeesEachPictureOnce(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int size = random.nextInt(1, 301);
    int batch = random.nextInt(1, 71);
    Batches batches = new Batches(size, batch, random.nextLong());
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

  @Seeded(tries = 300)
  void aStepNeedsNoReplay(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int size = random.nextInt(1, 301);
    int batch = random.nextInt(1, 71);
    long order = random.nextLong();
    long step = random.nextLong(random.nextBoolean() ? 10 : 100_001);
    Batches walked = new Batches(size, batch, order);
    for (long s = Math.max(0, step - 20); s < step; s++) {
      walked.indices(s);
    }
    Batches resumed = new Batches(size, batch, order);
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
