package org.peltast.models.zimage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.peltast.models.ModelException;
import org.peltast.models.files.JsonConfig;

/** Z-Image's config.json, as published and as refused. */
class ZImageFilesTest {
  /** As the published models' config.json has it, with what newer diffusers adds. */
  private static final String PUBLISHED =
      """
      {
        "_class_name": "ZImageTransformer2DModel",
        "_diffusers_version": "0.37.0.dev0",
        "_name_or_path": "Tongyi-MAI/Z-Image",
        "all_f_patch_size": [1],
        "all_patch_size": [2],
        "axes_dims": [32, 48, 48],
        "axes_lens": [1536, 512, 512],
        "cap_feat_dim": 2560,
        "dim": 3840,
        "in_channels": 16,
        "n_heads": 30,
        "n_kv_heads": 30,
        "n_layers": 30,
        "n_refiner_layers": 2,
        "norm_eps": 1e-05,
        "qk_norm": true,
        "rope_theta": 256.0,
        "siglip_feat_dim": null,
        "t_scale": 1000.0
      }
      """;

  @TempDir Path temporary;

  private ZImageConfig read(String json) throws IOException {
    return ZImageFiles.config(
        JsonConfig.read(Files.writeString(temporary.resolve("config.json"), json)));
  }

  @Test
  void thePublishedConfigurationIsReadAndDescribesItsTensors() throws IOException {
    ZImageConfig c = read(PUBLISHED);
    assertThat(c.headDim()).isEqualTo(128);
    assertThat(c.feedForwardDim()).isEqualTo(10240);
    assertThat(c.modulationDim()).isEqualTo(256);
    long block = 4L * 3840 * 3840 + 3L * 3840 * 10240 + 4 * 3840 + 2 * 128;
    long modulation = 257L * 4 * 3840;
    long embedders = 65L * 3840 + 2560 + 2561L * 3840 + 257 * 1024 + 1025 * 256 + 2 * 3840;
    long last = 257L * 3840 + 3841L * 64;
    assertThat(34 * block + 32 * modulation + embedders + last)
        .isBetween(6_145_000_000L, 6_155_000_000L); // "6.15 B"
    assertThat(read(ZImageFiles.json(c).toString())).isEqualTo(c);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"learned_sink\": true|the key learned_sink is not one that is read here",
        "\"siglip_feat_dim\": 1152|siglip_feat_dim is set, so this is the Omni variant",
        "\"all_f_patch_size\": [2]|all_f_patch_size must be 1, but is [2]",
        "\"axes_dims\": [32, 48, 46]|axes_dims [32, 48, 46] must add up",
      })
  void whatIsNotComputedIsRefusedByName(String key, String sentence) {
    assertThatThrownBy(() -> read("{" + key + "}"))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("config.json: ")
        .hasMessageContaining(sentence);
  }
}
