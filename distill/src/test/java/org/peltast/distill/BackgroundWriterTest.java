package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.diffusion.Condition;
import org.peltast.runs.RunException;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.Range;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/** What is done beside the updates: files after them, batches before them. */
@ExtendWith(OneThread.class)
class BackgroundWriterTest {
  @Test
  void workIsDoneInOrderAndNoneAfterAFailure() {
    List<Integer> done = Collections.synchronizedList(new ArrayList<>());
    BackgroundWriter writer = new BackgroundWriter("test");
    for (int i = 0; i < 50; i++) {
      int number = i;
      writer.add(() -> done.add(number));
    }
    writer.await();
    assertThat(done).hasSize(50).isSorted();
    writer.add(
        () -> {
          throw new RunException("the disk is full");
        });
    writer.add(() -> done.add(50));
    for (int i = 0; i < 2; i++) {
      assertThatThrownBy(writer::await)
          .isInstanceOf(RunException.class)
          .hasMessage("the disk is full");
    }
    writer.close();
    assertThat(done).hasSize(50);
  }

  private static Trainer trainer(
      RunFolder folder, ClosedForm network, Role role, int updates, Observer observer) {
    return new Trainer(
        new Trainer.Settings(updates, Duration.ZERO, 9, 1),
        new FlowMatching(Toys.denoiser(network), role, FlowMatching.Settings.defaults()),
        BatchSource.of(2, u -> Toys.points(Mixture.CLASSES, Tensor.ones(2, 2, 1, 1), 0, 1)),
        folder,
        List.of(observer),
        () -> false);
  }

  /** Files are being written while the next update is computed, but not while weights change. */
  @Test
  void anUpdateIsComputedWhileFilesAreWrittenAndWaitsBeforeItChangesWeights(@TempDir Path temp) {
    CountDownLatch computing = new CountDownLatch(2);
    List<String> seen = Collections.synchronizedList(new ArrayList<>());
    ClosedForm network =
        new ClosedForm(
            (x, t, captions) -> {
              computing.countDown();
              return x.mul(0.5);
            });
    Role role = Toys.gradientOf("teacher", network);
    Observer slow =
        new Observer() {
          private long number;

          @Override
          public Verdict after(long done, long updates, Metrics metrics) {
            number = done;
            return Verdict.GO_ON;
          }

          @Override
          public Optional<Runnable> background() {
            return number == 1 ? Optional.of(this::write) : Optional.empty();
          }

          private void write() {
            long steps = role.steps();
            try {
              seen.add("computed meanwhile: " + computing.await(20, TimeUnit.SECONDS));
              Thread.sleep(100); // enough for a step that did not wait
            } catch (InterruptedException e) {
              Thread.currentThread().interrupt();
            }
            seen.add("steps meanwhile: " + (role.steps() - steps));
          }
        };
    try (RunFolder folder = RunFolder.open(temp.resolve("run"), notice -> {})) {
      trainer(folder, network, role, 2, slow).run(0);
      assertThat(folder.checkpoints().numbers()).containsExactly(1L, 2L);
    }
    assertThat(seen).containsExactly("computed meanwhile: true", "steps meanwhile: 0");
  }

  /** What an observer leaves to be written is there before a checkpoint that stands on it. */
  @Test
  void whatObserversLeaveIsWrittenBeforeTheCheckpoint(@TempDir Path temp) {
    List<List<Long>> checkpoints = Collections.synchronizedList(new ArrayList<>());
    ClosedForm network = new ClosedForm((x, t, captions) -> x.mul(0.5));
    try (RunFolder folder = RunFolder.open(temp.resolve("run"), notice -> {})) {
      Observer looks =
          new Observer() {
            @Override
            public Verdict after(long done, long updates, Metrics metrics) {
              return Verdict.GO_ON;
            }

            @Override
            public Optional<Runnable> background() {
              return Optional.of(() -> checkpoints.add(folder.checkpoints().numbers()));
            }
          };
      trainer(folder, network, Toys.gradientOf("teacher", network), 3, looks).run(0);
    }
    assertThat(checkpoints).containsExactly(List.of(), List.of(1L), List.of(1L, 2L));
  }

  private static Batch batch(long update) {
    Tensor features =
        Tensor.full(
            update, org.peltast.tensor.DType.FLOAT32, org.peltast.tensor.Device.CPU, 2, 1, 3);
    Condition condition = new Condition(features, List.of(1, 1));
    return new Batch(condition, condition, null, List.of(1, 1, 1), 0);
  }

  @Test
  void batchesAreMadeOneBatchPrefetcherAndNoneBeyondTheEnd() {
    List<Long> made = Collections.synchronizedList(new ArrayList<>());
    try (BatchPrefetcher prefetcher =
        new BatchPrefetcher(
            BatchSource.of(
                2,
                update -> {
                  made.add(update);
                  return batch(update);
                }),
            List.of(new Range(0, 2)))) {
      Tensor last = null;
      for (long u = 3; u < 6; u++) {
        try (BatchPrefetcher.Ready ready = prefetcher.take(u, 6)) {
          last = ready.batches().get(0).condition().features();
          assertThat(last.toFloats()).containsOnly(u);
        }
        assertThat(last.isOpen()).isFalse();
      }
      assertThat(made).containsExactly(3L, 4L, 5L);
      try (BatchPrefetcher.Ready other = prefetcher.take(0, 6)) { // whatever was expected
        assertThat(other.batches().get(0).condition().features().toFloats()).containsOnly(0);
      }
    }
  }

  @Test
  void tensorsThatAreNotTheBatchsOwnStayOpen() {
    try (Scope scope = Scope.open()) {
      Batch kept = batch(7);
      try (BatchPrefetcher prefetcher =
          new BatchPrefetcher(BatchSource.of(2, update -> kept), List.of(new Range(0, 2)))) {
        prefetcher.take(0, 9).close();
      }
      assertThat(kept.condition().features().toFloats()).containsOnly(7);
    }
  }

  @Test
  void whatABatchFailsWithIsToldWhenItIsAskedFor() {
    try (BatchPrefetcher prefetcher =
        new BatchPrefetcher(
            BatchSource.of(
                2,
                update -> {
                  if (update == 1) {
                    throw new IllegalArgumentException("picture 9 cannot be read");
                  }
                  return batch(update);
                }),
            List.of(new Range(0, 2)))) {
      prefetcher.take(0, 9).close();
      assertThatThrownBy(() -> prefetcher.take(1, 9))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("picture 9 cannot be read");
    }
  }
}
