package org.peltast.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.peltast.distill.Trainer;
import org.peltast.models.Backbone;
import org.peltast.models.ModelFamilies;
import org.peltast.models.ModelFamily;
import org.peltast.models.NetworkRecipe;
import org.peltast.runs.ByteSize;
import org.peltast.runs.RunException;
import org.peltast.tensor.Device;
import org.peltast.tensor.MemoryException;
import org.peltast.tensor.Precision;
import org.peltast.tensor.TensorException;
import org.peltast.testing.Seeded;

/** A budget is kept by cutting the batch, as little as it takes; the end of memory is explained. */
class UpdateMemoryTest {
  private static final UpdateMemory MEMORY = new UpdateMemory(500 << 20, 20 << 20);

  private static RunRecipe run(int batch, String memory) {
    return new RunRecipe(
        10, batch, 1, Duration.ofMinutes(1), 2, 0, memory == null ? null : ByteSize.parse(memory));
  }

  @Seeded(tries = 200)
  void cutsAsLittleAsItTakes(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int batch = random.nextInt(1, 501);
    int mebibytes = random.nextInt(1300, 4001);
    int parts = MEMORY.parts(run(batch, mebibytes + "MiB"), 1);
    assertThat(parts).isBetween(1, batch);
    assertThat(MEMORY.needed(largest(batch, parts)) >> 20).isLessThanOrEqualTo(mebibytes);
    if (parts > 1) {
      assertThat(MEMORY.needed(largest(batch, parts - 1)) >> 20).isGreaterThanOrEqualTo(mebibytes);
    }
  }

  private static int largest(int batch, int parts) {
    return (batch + parts - 1) / parts;
  }

  @Test
  void withoutABudgetTheRecipesPartsStand() {
    assertThat(MEMORY.parts(run(64, null), 3)).isEqualTo(3);
    assertThat(MEMORY.parts(run(64, "64GiB"), 3)).isEqualTo(3);
  }

  @Test
  void aBudgetThatNoItemFitsIsRefusedWithWhatIsNeeded() {
    assertThatThrownBy(() -> MEMORY.parts(run(64, "1g"), 1))
        .isInstanceOf(RunException.class)
        .hasMessageContaining("a memory of 1GiB is too little")
        .hasMessageContaining("a single item of the batch 20.0 MiB; allow at least 1.19 GiB");
  }

  /** Three networks of the shipped teacher's shape; the wider and deeper one takes more. */
  @Test
  void countsNetworksAndItems() {
    UpdateMemory small = of(64, 2);
    UpdateMemory large = of(128, 4);
    assertThat(large.item()).isGreaterThan(2 * small.item());
    assertThat(large.networks()).isGreaterThan(2 * small.networks());
  }

  private static UpdateMemory of(int dim, int layers) {
    NetworkRecipe shape =
        ModelFamilies.standard().scaled(new ModelFamily.Scale(dim, layers, 2, 8, 32));
    try (Backbone network = shape.create(32, 384, Device.CPU, Precision.FLOAT32)) {
      return UpdateMemory.of(network, 2, 2, UpdateMemory.item(network, 8, 8, 32, 3));
    }
  }

  @Test
  void theEndOfMemorySaysWhatWasAskedWhoHoldsItAndWhatHelps() {
    assertThatThrownBy(
            () ->
                MEMORY.watch(
                    run(64, "2g"),
                    () -> {
                      throw new MemoryException("linear asked for 3.0 GiB, which is refused");
                    }))
        .isInstanceOf(RunException.class)
        .hasCauseInstanceOf(MemoryException.class)
        .hasMessageContaining("linear asked for 3.0 GiB")
        .hasMessageContaining("networks and optimisers are 500.0 MiB, the Java heap ")
        .hasMessageContaining("64 items about 20.0 MiB")
        .hasMessageContaining("lower run.batch")
        .hasMessageContaining("--memory (run.memory, now 2GiB)");
    assertThatThrownBy(
            () ->
                MEMORY.watch(
                    run(64, null),
                    () -> {
                      throw new OutOfMemoryError("Java heap space");
                    }))
        .isInstanceOf(RunException.class)
        .hasMessageContaining("the Java heap's limit of ")
        .hasMessageContaining("Java heap space");
  }

  @Test
  void otherFailuresPassThrough() {
    assertThat(MEMORY.watch(run(1, null), () -> Trainer.End.FINISHED))
        .isEqualTo(Trainer.End.FINISHED);
    assertThatThrownBy(
            () ->
                MEMORY.watch(
                    run(1, null),
                    () -> {
                      throw new TensorException("shapes differ");
                    }))
        .isExactlyInstanceOf(TensorException.class);
  }
}
