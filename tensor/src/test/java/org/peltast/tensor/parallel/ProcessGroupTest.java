package org.peltast.tensor.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.AdamW;
import org.peltast.tensor.nn.Ema;
import org.peltast.tensor.nn.Gradients;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.Parameters;

@Tag("slow") // dozens of JVMs
class ProcessGroupTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void operationsAgreeOnAllRanks(int size) throws Exception {
    new Ranks(folder, size, "operations").succeed();
  }

  /** Also when a worker contributes more or less than in the update before. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void gradientsAreReducedToTheirOwnersInTheOrderOfRanks(int size) throws Exception {
    new Ranks(folder, size, "reduce").succeed();
  }

  /** Checkpoints hold the same bytes, whoever wrote them and whoever resumed. */
  @Test
  void shardedTrainingIsThatOfOneProcess() throws Exception {
    train(1, "-", "one", 0, 6);
    Ranks two = train(2, "-", "two", 0, 6);
    assertThat(folder.resolve("two")).hasSameBinaryContentAs(folder.resolve("one"));
    train(3, "-", "three", 0, 6);
    assertThat(folder.resolve("three")).hasSameBinaryContentAs(folder.resolve("one"));
    train(2, "-", "by-2", 0, 2);
    train(1, "by-2", "by-1", 2, 2);
    train(3, "by-1", "by-3", 4, 2);
    assertThat(folder.resolve("by-3")).hasSameBinaryContentAs(folder.resolve("one"));
    // All that two ranks send for an update: the gradients and the weights, each once.
    long sent = 0;
    long weights = 0;
    for (int rank = 0; rank < 2; rank++) {
      Matcher m = Pattern.compile("BYTES (\\d+) OF (\\d+)").matcher(two.said(rank));
      assertThat(m.find()).isTrue();
      sent += Long.parseLong(m.group(1));
      weights = Long.parseLong(m.group(2));
    }
    assertThat(sent).isBetween(2 * weights, (long) (1.1 * 2 * weights));
  }

  private Ranks train(int size, String from, String to, int first, int updates) throws Exception {
    Path output = Files.createDirectories(folder.resolve("of-" + to));
    Ranks ranks =
        new Ranks(
            output,
            size,
            "train",
            from.equals("-") ? "-" : folder.resolve(from).toString(),
            folder.resolve(to).toString(),
            Integer.toString(first),
            Integer.toString(updates));
    ranks.succeed();
    return ranks;
  }

  @ParameterizedTest
  @CsvSource({"sum, 0", "sum, 1", "sum, 2", "decide, 0", "decide, 1", "decide, 2"})
  void aRankThatIsKilledEndsAll(String operation, int victim) throws Exception {
    Ranks ranks = new Ranks(folder, 3, "endless", operation);
    for (int rank = 0; rank < 3; rank++) {
      ranks.awaitSaid(rank, "WORKING");
    }
    ranks.signal(victim, "-KILL");
    for (int rank = 0; rank < 3; rank++) {
      int exit = ranks.exit(rank);
      if (rank != victim) {
        assertThat(exit).as(ranks.said(rank)).isEqualTo(3);
        assertThat(ranks.said(rank))
            .contains("SENTENCE rank " + victim + " ended without a word (");
      }
    }
  }

  @Test
  void aRankThatFailsTellsTheOthersWhy() throws Exception {
    Ranks ranks = new Ranks(folder, 3, "endless", "throw");
    for (int rank = 0; rank < 2; rank++) {
      assertThat(ranks.exit(rank)).as(ranks.said(rank)).isEqualTo(3);
      assertThat(ranks.said(rank)).contains("SENTENCE rank 2 failed: the loss is not finite\n");
    }
    assertThat(ranks.exit(2)).isEqualTo(4);
  }

  /** One that is stopped does not even close its connections. */
  @Test
  void aRankThatHangsEndsAll() throws Exception {
    Ranks ranks = new Ranks(folder, 2, "endless", "sum");
    ranks.awaitSaid(0, "WORKING");
    ranks.signal(1, "-STOP");
    assertThat(ranks.exit(0)).as(ranks.said(0)).isEqualTo(3);
    assertThat(ranks.said(0)).contains("SENTENCE rank 1 has not answered for 20 seconds");
    ranks.endAll();
  }

  /** A process in which no operation is called any more is ended when another rank has failed. */
  @Test
  void aRankThatNoExceptionReachesIsEnded() throws Exception {
    Ranks ranks = new Ranks(folder, 3, "endless", "stuck");
    ranks.awaitSaid(2, "STUCK");
    ranks.signal(1, "-KILL");
    assertThat(ranks.exit(2)).as(ranks.said(2)).isEqualTo(1);
    assertThat(ranks.said(2)).contains("peltast: rank 1 ended without a word");
    assertThat(ranks.exit(0)).isEqualTo(3);
  }

  @Test
  void nobodyWaitsForARankThatLeft() throws Exception {
    Ranks ranks = new Ranks(folder, 3, "leave");
    for (int rank = 0; rank < 2; rank++) {
      assertThat(ranks.exit(rank)).as(ranks.said(rank)).isEqualTo(3);
      assertThat(ranks.said(rank))
          .containsPattern("SENTENCE (rank 2|the connection to rank [02]) ");
    }
    assertThat(ranks.exit(2)).isZero();
  }

  @Test
  void ranksThatDoDifferentThingsAreFoundOut() throws Exception {
    Ranks ranks = new Ranks(folder, 2, "mismatch");
    for (int rank = 0; rank < 2; rank++) {
      assertThat(ranks.exit(rank)).as(ranks.said(rank)).isEqualTo(3);
      assertThat(ranks.said(rank))
          .contains("SENTENCE rank 1 is at 'that' while rank 0 is at 'this'");
    }
  }

  @Test
  void whatIsWrongInTheEnvironmentIsNamed() {
    Map<String, String> right = new HashMap<>();
    right.put("RANK", "1");
    right.put("WORLD_SIZE", "2");
    right.put("MASTER_ADDR", "127.0.0.1");
    right.put("MASTER_PORT", "29500");
    assertThat(Membership.of(right).rank()).isEqualTo(1);
    for (String name : List.copyOf(right.keySet())) {
      Map<String, String> wrong = new HashMap<>(right);
      wrong.remove(name);
      assertMistake(wrong, name + " is missing");
      if (!name.equals("MASTER_ADDR")) {
        for (String value : List.of("", "two", "-1", "99999999999", "١")) {
          wrong.put(name, value);
          assertMistake(wrong, name);
        }
      }
    }
    right.put("RANK", "2");
    assertMistake(right, "RANK must be a whole number from 0 to 1, but is '2'");
    assertThat(ProcessGroup.join(Map.of("MASTER_ADDR", "far"), Duration.ZERO))
        .isSameAs(ProcessGroup.alone());
    assertThat(ProcessGroup.join(Map.of("RANK", "0", "WORLD_SIZE", "1"), Duration.ZERO))
        .isSameAs(ProcessGroup.alone());
  }

  private static void assertMistake(Map<String, String> environment, String words) {
    assertThatThrownBy(() -> ProcessGroup.join(environment, Duration.ZERO))
        .isInstanceOfSatisfying(ParallelException.class, e -> assertThat(e.isMistake()).isTrue())
        .hasMessageContaining(words);
  }

  @Test
  void whoeverWaitsForNobodySaysSo() throws Exception {
    int port;
    try (java.net.ServerSocket free = new java.net.ServerSocket(0)) {
      port = free.getLocalPort();
    }
    for (String rank : List.of("1", "0")) {
      Map<String, String> environment =
          Map.of(
              "RANK",
              rank,
              "WORLD_SIZE",
              "2",
              "MASTER_ADDR",
              "127.0.0.1",
              "MASTER_PORT",
              Integer.toString(port));
      assertThatThrownBy(() -> ProcessGroup.join(environment, Duration.ofSeconds(2)))
          .isInstanceOf(ParallelException.class)
          .hasMessageContaining("127.0.0.1:" + port)
          .hasMessageContaining("rank 1");
    }
  }

  /** Owners are dealt so that no rank has much more than another. */
  @Test
  void weightsAreDealtEvenly() {
    try (Parameters p = Parameters.on(Device.CPU, Precision.FLOAT32)) {
      for (int i = 0; i < 12; i++) {
        new Linear(p.at("layers." + i), 32, 32, true);
      }
      for (int ranks = 2; ranks <= 4; ranks++) {
        long[] owned = new long[ranks];
        List<ShardPlan.Bucket> plan = ShardPlan.of(p.all(), ranks, 4 << 20);
        for (ShardPlan.Bucket bucket : plan) {
          for (Parameter w : bucket.parameters()) {
            owned[bucket.owner()] += w.value().count();
          }
        }
        for (long n : owned) {
          assertThat(n).isBetween(p.count() / ranks * 6 / 10, p.count() / ranks * 14 / 10);
        }
        assertThat(plan.stream().flatMap(b -> b.parameters().stream()))
            .containsExactlyInAnyOrderElementsOf(p.all());
      }
    }
  }

  /** Of one process alone it is AdamW, the clipped gradient and the average, bit for bit. */
  @Test
  void aloneNothingIsAdded() {
    try (Scope scope = Scope.open();
        Parameters p = network();
        Parameters q = network();
        AdamW adam = new AdamW(p, AdamW.Settings.defaults());
        Ema ema = new Ema(p, 0.9);
        ShardedOptimiser sharded =
            new ShardedOptimiser(ProcessGroup.alone(), q, AdamW.Settings.defaults(), 0.9)) {
      for (int update = 0; update < 3; update++) {
        loss(p, update).backward();
        Tensor norm = Gradients.norm(p);
        adam.step(0.1, new Gradients.Clip(norm, 1), ema.next());
        sharded.buckets().begin();
        loss(q, update).backward();
        Tensor same = sharded.buckets().finish();
        sharded.step(0.1, new Gradients.Clip(same, 1));
        assertThat(same.item()).isEqualTo(norm.item());
        p.clearGradients();
        q.clearGradients();
      }
      p.values()
          .forEach((n, t) -> assertThat(q.find(n).value().toFloats()).isEqualTo(t.toFloats()));
      adam.state()
          .forEach((n, t) -> assertThat(sharded.state().get(n).toFloats()).isEqualTo(t.toFloats()));
      ema.values()
          .forEach((n, t) -> assertThat(sharded.ema().get(n).toFloats()).isEqualTo(t.toFloats()));
      assertThat(sharded.state().keySet()).containsExactlyElementsOf(adam.state().keySet());
    }
  }

  private static Parameters network() {
    Parameters p = Parameters.on(Device.CPU, Precision.FLOAT32);
    p.declare("a", Parameters.Init.fanIn(5), 4, 5);
    p.declare("b", Parameters.Init.fanIn(5), 7);
    p.initialise(Rng.of(1));
    return p.trainable(true);
  }

  private static Tensor loss(Parameters p, int update) {
    Tensor sum = Tensor.scalar(0);
    for (Parameter w : p.all()) {
      sum = sum.add(w.value().sub(update).square().sum());
    }
    return sum;
  }
}
