package org.peltast.runs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.testing.Seeded;

/** Sizes as people write them, and back. */
class ByteSizeTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "7B, 7",
    "48MB, 48000000",
    "1.5 GB, 1500000000",
    "2GiB, 2147483648",
    "2g, 2147483648",
    "1500m, 1572864000",
    "3K, 3072",
    "1.5g, 1610612736"
  })
  void readsWhatIsUsual(String text, long bytes) {
    assertThat(ByteSize.parse(text)).isEqualTo(new ByteSize(bytes));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "g", "2x", "-1g", "2 gigabytes", "1.3B", "99999999999999999999"})
  void refusesTheRest(String text) {
    assertThatThrownBy(() -> ByteSize.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  @Seeded(tries = 600)
  void writesWhatItReads(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    long magnitude = 1L << random.nextInt(51); // so that small sizes and whole units come too
    ByteSize size = new ByteSize(random.nextInt(4) == 0 ? magnitude : random.nextLong(magnitude));
    assertThat(ByteSize.parse(size.toString())).isEqualTo(size);
  }
}
