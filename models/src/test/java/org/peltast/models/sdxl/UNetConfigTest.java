package org.peltast.models.sdxl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.models.ModelException;
import org.peltast.models.files.JsonConfig;

class UNetConfigTest {
  @TempDir private Path folder;

  /** As objects are made for each layer, a number with too many digits would fill memory. */
  @Test
  void mistypedCountsAreRefused() throws IOException {
    assertThat(read("2", "1").layers()).containsExactly(2);
    assertThatThrownBy(() -> read("100000000", "1"))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("layers_per_block must be numbers from 1 to 1000, got [100000000]");
    assertThatThrownBy(() -> read("2147483647", "1")).isInstanceOf(ModelException.class);
    assertThatThrownBy(() -> read("2", "[1000000]"))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("transformer_layers_per_block must be numbers from 1 to 1000");
  }

  private UNetConfig read(String layers, String depths) throws IOException {
    Path file = folder.resolve("config.json");
    Files.writeString(
        file,
        """
        {
          "_class_name": "UNet2DConditionModel",
          "addition_embed_type": "text_time",
          "addition_time_embed_dim": 8,
          "projection_class_embeddings_input_dim": 64,
          "down_block_types": ["CrossAttnDownBlock2D"],
          "up_block_types": ["CrossAttnUpBlock2D"],
          "block_out_channels": [32],
          "layers_per_block": %s,
          "transformer_layers_per_block": %s
        }
        """
            .formatted(layers, depths));
    return UNetConfig.read(JsonConfig.read(file));
  }
}
