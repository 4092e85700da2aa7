package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.diffusion.Condition;
import org.peltast.runs.RunException;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/** What is done beside the updates: files after them, batches before them. */
class AsideTest {
  @Test
  void workIsDoneInOrderAndNoneAfterAFailure() {
    List<Integer> done = Collections.synchronizedList(new ArrayList<>());
    Aside aside = new Aside("test");
    for (int i = 0; i < 50; i++) {
      int number = i;
      aside.add(() -> done.add(number));
    }
    aside.await();
    assertThat(done).hasSize(50).isSorted();
    aside.add(
        () -> {
          throw new RunException("the disk is full");
        });
    aside.add(() -> done.add(50));
    for (int i = 0; i < 2; i++) {
      assertThatThrownBy(aside::await)
          .isInstanceOf(RunException.class)
          .hasMessage("the disk is full");
    }
    aside.close();
    assertThat(done).hasSize(50);
  }

  /** A checkpoint is being written while the next update is computed, but before it changes. */
  @Test
  void anUpdateIsComputedWhileTheCheckpointBeforeItIsWritten(@TempDir Path temp) {
    CountDownLatch computing = new CountDownLatch(1);
    AtomicBoolean writing = new AtomicBoolean();
    List<String> seen = Collections.synchronizedList(new ArrayList<>());
    try (RunFolder folder = RunFolder.open(temp.resolve("run"), notice -> {})) {
      RunLoop loop =
          new RunLoop(new RunLoop.Settings(2, Duration.ZERO, 3), folder, List.of(), () -> false);
      loop.run(
          new RunLoop.Work() {
            @Override
            public Figures update(long done, long updates, Runnable changing) {
              if (done == 1) {
                computing.countDown(); // the first checkpoint waits for this
              }
              changing.run();
              seen.add(writing.get() ? "changed while it was written" : "changed " + done);
              return new Figures().put("loss", done);
            }

            @Override
            public void save(Path into) throws java.io.IOException {
              writing.set(true);
              try {
                seen.add("computed meanwhile: " + computing.await(20, TimeUnit.SECONDS));
              } catch (InterruptedException e) {
                throw new java.io.IOException(e);
              }
              Files.writeString(into.resolve("state"), "" + seen.size());
              writing.set(false);
            }
          },
          0);
      assertThat(seen)
          .containsExactly(
              "changed 0", "computed meanwhile: true", "changed 1", "computed meanwhile: true");
      assertThat(folder.checkpoints().numbers()).containsExactly(1L, 2L);
    }
  }

  /** What an observer leaves to be written is there before a checkpoint that stands on it. */
  @Test
  void whatObserversLeaveIsWrittenBeforeTheCheckpoint(@TempDir Path temp) {
    List<String> written = Collections.synchronizedList(new ArrayList<>());
    Observer looks =
        new Observer() {
          private long number;

          @Override
          public Verdict after(long done, long updates, Figures figures) {
            number = done;
            return Verdict.GO_ON;
          }

          @Override
          public Optional<Runnable> aside() {
            long now = number;
            return now % 2 == 0
                ? Optional.of(() -> written.add("picture " + now))
                : Optional.empty();
          }
        };
    try (RunFolder folder = RunFolder.open(temp.resolve("run"), notice -> {})) {
      new RunLoop(new RunLoop.Settings(4, Duration.ZERO, 9), folder, List.of(looks), () -> false)
          .run(
              new RunLoop.Work() {
                @Override
                public Figures update(long done, long updates, Runnable changing) {
                  changing.run();
                  return new Figures();
                }

                @Override
                public void save(Path into) {
                  written.add("checkpoint");
                }
              },
              0);
    }
    assertThat(written)
        .containsExactly(
            "checkpoint", "picture 2", "checkpoint", "checkpoint", "picture 4", "checkpoint");
  }

  private static Batch batch(long update) {
    Tensor features =
        Tensor.full(
            update, org.peltast.tensor.DType.FLOAT32, org.peltast.tensor.Device.CPU, 2, 1, 3);
    Condition condition = new Condition(features, List.of(1, 1));
    return new Batch(condition, condition, null, List.of(1, 1, 1), 0);
  }

  @Test
  void batchesAreMadeOneAheadAndNoneBeyondTheEnd() {
    List<Long> made = Collections.synchronizedList(new ArrayList<>());
    try (Ahead ahead =
        new Ahead(
            update -> {
              made.add(update);
              return batch(update);
            })) {
      Tensor last = null;
      for (long u = 3; u < 6; u++) {
        try (Ahead.Ready ready = ahead.take(u, 6)) {
          last = ready.batch().condition().features();
          assertThat(last.toFloats()).containsOnly(u);
        }
        assertThat(last.isOpen()).isFalse();
      }
      assertThat(made).containsExactly(3L, 4L, 5L);
      try (Ahead.Ready other = ahead.take(0, 6)) { // whatever was expected
        assertThat(other.batch().condition().features().toFloats()).containsOnly(0);
      }
    }
  }

  @Test
  void tensorsThatAreNotTheBatchsOwnStayOpen() {
    try (Scope scope = Scope.open()) {
      Batch kept = batch(7);
      try (Ahead ahead = new Ahead(update -> kept)) {
        ahead.take(0, 9).close();
      }
      assertThat(kept.condition().features().toFloats()).containsOnly(7);
    }
  }

  @Test
  void whatABatchFailsWithIsToldWhenItIsAskedFor() {
    try (Ahead ahead =
        new Ahead(
            update -> {
              if (update == 1) {
                throw new IllegalArgumentException("picture 9 cannot be read");
              }
              return batch(update);
            })) {
      ahead.take(0, 9).close();
      assertThatThrownBy(() -> ahead.take(1, 9))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("picture 9 cannot be read");
    }
  }
}
