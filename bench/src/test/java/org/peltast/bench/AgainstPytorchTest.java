package org.peltast.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.tensor.Engine;

/** Turns with a peer that answers like PyTorch's script, and with peers that do not. */
@DisabledOnOs(OS.WINDOWS)
class AgainstPytorchTest {
  private static final String TWO_SECONDS =
      """
      echo '{"variant": "any"}'
      while read word && [ "$word" = go ]; do echo '{"seconds": 2.0}'; done
      echo '{"peakRssMb": 123}'
      """;

  @TempDir Path folder;

  private AgainstPytorch comparison(String script, String... variants) throws IOException {
    Path peer = Files.writeString(folder.resolve("peer.sh"), script);
    return new AgainstPytorch("sh", peer, List.of(variants), UpdateShape.standard(), 1, 3);
  }

  @Test
  void everyVariantGetsItsRoundsAndTheRatioIsTheirMedian() throws IOException {
    int threads = Engine.threads();
    try (AgainstPytorch peers = comparison(TWO_SECONDS, "one", "two")) {
      peers.begin();
      assertThat(peers.updates()).isEqualTo(6);
      for (double seconds : new double[] {1, 9, 1.5, 4, 4, 4, 7}) { // one more than is wanted
        peers.turn(seconds);
      }
      assertThat(peers.ratios())
          .extracting(AgainstPytorch.Ratio::variant)
          .containsExactly("one", "two");
      assertThat(peers.ratios().get(0).ratio()).isCloseTo(0.75, within(1e-12));
      assertThat(peers.ratios().get(1).ratio()).isCloseTo(2, within(1e-12));
      assertThat(peers.ratios().get(1).pytorchSeconds()).isEqualTo(2);
      assertThat(peers.ratios().get(1).peakRssMb()).isEqualTo(123);
    }
    assertThat(Engine.threads()).isEqualTo(threads);
  }

  @Test
  void whatIsMissingIsOneSentence() throws IOException {
    try (AgainstPytorch peers = comparison("echo '{\"missing\": \"diffusers\"}'; exit 3", "one")) {
      assertThatThrownBy(peers::begin)
          .isInstanceOf(BenchException.class)
          .hasMessageContaining("has no package diffusers; install it with `sh -m pip install");
    }
    try (AgainstPytorch peers =
        new AgainstPytorch(
            "no-such-python",
            Files.createFile(folder.resolve("empty")),
            List.of("one"),
            UpdateShape.standard(),
            1,
            1)) {
      assertThatThrownBy(peers::begin)
          .isInstanceOf(BenchException.class)
          .hasMessageContaining("name a Python that has torch and diffusers with --python");
    }
  }

  @Test
  void aPeerThatDiesSaysWhy() throws IOException {
    try (AgainstPytorch peers =
        comparison("echo '{}'; read word; echo 'RuntimeError: no luck' >&2; exit 1", "one")) {
      peers.begin();
      assertThatThrownBy(() -> peers.turn(1))
          .isInstanceOf(BenchException.class)
          .hasMessage("the PyTorch variant one ended before its turn: RuntimeError: no luck.");
    }
  }
}
