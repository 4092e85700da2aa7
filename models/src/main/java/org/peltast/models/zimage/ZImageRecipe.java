package org.peltast.models.zimage;

import java.util.List;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.diffusion.TimeShift;
import org.peltast.models.ModelFamily;
import org.peltast.models.NetworkRecipe;
import org.peltast.models.codec.Codecs;
import org.peltast.models.nextdit.TrainableRanges;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.nn.Parameters;

/**
 * The configuration of a Z-Image transformer that is trained from nothing.
 *
 * @param codec {@code taef2} or {@code pixels}
 * @param patch the edge of a token's patch of latents
 * @param dim width of a token
 * @param layers blocks over the joint sequence
 * @param refinerLayers blocks over image and caption apart
 * @param heads attention heads
 * @param axesDims a head's channels for caption place, row and column
 * @param axesLens positions on each axis
 * @param shift of the timesteps
 */
public record ZImageRecipe(
    String codec,
    int patch,
    int dim,
    int layers,
    int refinerLayers,
    int heads,
    List<Integer> axesDims,
    List<Integer> axesLens,
    double shift)
    implements NetworkRecipe {

  /** Checks the ranges that memory and float32 set; {@link #check} sees that the parts fit. */
  public ZImageRecipe {
    Codecs.requireBuiltIn(codec);
    TrainableRanges.require(patch, dim, layers, refinerLayers, axesLens, shift);
  }

  /** The shipped teacher's. */
  public static ZImageRecipe defaults() {
    return new ZImageRecipe("taef2", 1, 192, 6, 1, 4, List.of(16, 16, 16), List.of(160, 64, 64), 1);
  }

  /** Two refiner blocks on either side; patches are single latents. */
  static ZImageRecipe scaled(ModelFamily.Scale scale) {
    int head = scale.width() / scale.heads();
    int other = Math.max(2, head * 3 / 8 / 2 * 2); // rows and columns; the rest is the caption's
    int first = head - 2 * other;
    return new ZImageRecipe(
        defaults().codec(),
        1,
        scale.width(),
        scale.layers(),
        2,
        scale.heads(),
        List.of(first, other, other),
        List.of(
            2 * ZImageTransformer.filled(scale.captionTokens()) + 64,
            scale.latentEdge(),
            scale.latentEdge()),
        1);
  }

  ZImageConfig config(int channels, int captionWidth) {
    return new ZImageConfig(
        List.of(patch),
        channels,
        dim,
        layers,
        refinerLayers,
        heads,
        1e-5,
        true,
        captionWidth,
        256,
        1000,
        axesDims,
        axesLens);
  }

  @Override
  public NoiseSchedule schedule() {
    return NoiseSchedule.flow(new TimeShift(shift));
  }

  @Override
  public void check() {
    config(1, 1);
  }

  @Override
  public ZImageTransformer create(
      int channels, int captionWidth, Device device, Precision precision) {
    ZImageConfig config = config(channels, captionWidth);
    return new ZImageTransformer(config, Parameters.on(device, precision));
  }
}
