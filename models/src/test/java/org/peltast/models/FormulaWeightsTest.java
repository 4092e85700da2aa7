package org.peltast.models;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The formula gives the bits that {@code oracles/golden.py} gives. */
class FormulaWeightsTest {
  @Test
  void repeatsTheOraclesBits() {
    assertThat(FormulaWeights.values("x_pad_token", 6, 0.0, 1.0))
        .containsExactly(
            0x1.c340dp-1f,
            0x1.c83d2p-2f,
            -0x1.b89204p-1f,
            0x1.790fdp-2f,
            -0x1.1f0c7p-1f,
            -0x1.0db468p-1f);
    assertThat(FormulaWeights.values("layers.0.attention.norm_q.weight", 3, 1.0, 0.375))
        .containsExactly(1.32539963722229f, 1.014378547668457f, 0.9551616311073303f);
    assertThat(FormulaWeights.values("cap_embedder.1.weight", 640, 0.0, 0.387298)[639])
        .isEqualTo(-0.1464192420244217f);
  }
}
