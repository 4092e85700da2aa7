package org.peltast.models.sdxl;

import java.util.Collections;
import java.util.List;
import java.util.Locale;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.diffusion.Prediction;
import org.peltast.diffusion.TimeShift;
import org.peltast.diffusion.VariancePreserving;
import org.peltast.models.ModelFamily;
import org.peltast.models.NetworkRecipe;
import org.peltast.models.codec.Codecs;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.nn.Parameters;

/**
 * The configuration of a UNet in SDXL's structure that is trained from nothing.
 *
 * @param codec {@code taef2} or {@code pixels}
 * @param widths channels of each level
 * @param layers residual blocks of a level
 * @param depths transformer blocks behind each residual block, by level; 0 for none
 * @param heads of attention, by level
 * @param groups of the group norms, a divisor of every width
 * @param pooled width of the text encoder's pooled feature; 0 if it has none
 */
public record SdxlRecipe(
    String codec,
    List<Integer> widths,
    int layers,
    List<Integer> depths,
    List<Integer> heads,
    int groups,
    int pooled)
    implements NetworkRecipe {
  private static final int WIDEST = 1 << 16;
  private static final int MOST = 1000;
  private static final int SIZE_SINUSOIDS = 32;

  /** Checks the ranges; {@link #check} sees that the parts fit. */
  public SdxlRecipe {
    Codecs.requireBuiltIn(codec);
    widths = List.copyOf(widths);
    depths = List.copyOf(depths);
    heads = List.copyOf(heads);
    if (widths.isEmpty() || depths.size() != widths.size() || heads.size() != widths.size()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "widths, depths and heads have one number a level each, but are %s, %s and %s",
              widths,
              depths,
              heads));
    }
    if (widths.stream().anyMatch(w -> w < 1 || w > WIDEST)
        || depths.stream().anyMatch(d -> d < 0 || d > MOST)
        || heads.stream().anyMatch(h -> h < 1 || h > MOST)
        || layers < 1
        || layers > MOST
        || groups < 1
        || pooled < 0
        || pooled > WIDEST) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "widths must be from 1 to %d, layers and heads from 1 and depths from 0 to %d, groups from 1, pooled from 0 to %d",
              WIDEST,
              MOST,
              WIDEST));
    }
  }

  /** A network of nine million weights for latents of 16 × 16. */
  public static SdxlRecipe defaults() {
    return new SdxlRecipe(
        "taef2", List.of(64, 96, 128), 2, List.of(0, 1, 2), List.of(2, 3, 4), 16, 0);
  }

  /** Two levels, of which the lower one attends. */
  static SdxlRecipe scaled(ModelFamily.Scale scale) {
    int lower = 2 * scale.width();
    return new SdxlRecipe(
        defaults().codec(),
        List.of(scale.width(), lower),
        1,
        List.of(0, scale.layers()),
        List.of(scale.heads(), scale.heads()),
        Math.min(16, scale.width()),
        0);
  }

  UNetConfig config(int channels, int captionWidth) {
    int n = widths.size();
    List<Boolean> attends = depths.stream().map(d -> d > 0).toList();
    return new UNetConfig(
        List.of(),
        channels,
        widths,
        Collections.nCopies(n, layers),
        attends,
        UNetConfig.reversed(attends),
        depths.stream().map(d -> Collections.nCopies(layers, Math.max(1, d))).toList(),
        UNetConfig.reversed(depths).stream()
            .map(d -> Collections.nCopies(layers + 1, Math.max(1, d)))
            .toList(),
        heads,
        Collections.nCopies(n, captionWidth),
        true,
        groups,
        1e-5,
        true,
        0,
        4 * widths.get(0),
        SIZE_SINUSOIDS,
        UNetConfig.SIZE_IDS * SIZE_SINUSOIDS + pooled,
        1,
        3,
        3,
        false);
  }

  @Override
  public NoiseSchedule schedule() {
    return new NoiseSchedule(VariancePreserving.SDXL, Prediction.EPSILON, TimeShift.NONE);
  }

  @Override
  public void check() {
    config(1, 1);
  }

  @Override
  public SdxlUNet create(int channels, int captionWidth, Device device, Precision precision) {
    UNetConfig config = config(channels, captionWidth);
    return new SdxlUNet(config, schedule(), SdxlFamily.FACTOR, Parameters.on(device, precision));
  }
}
