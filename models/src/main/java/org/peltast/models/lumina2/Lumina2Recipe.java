package org.peltast.models.lumina2;

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
 * The configuration of a Lumina 2 transformer that is trained from nothing.
 *
 * @param codec {@code taef2} or {@code pixels}
 * @param patch the edge of a token's patch of latents
 * @param dim width of a token
 * @param layers blocks over the joint sequence
 * @param refinerLayers blocks over image and caption apart
 * @param heads attention heads of queries
 * @param keyValueHeads attention heads of keys and values
 * @param axesDims a head's channels for caption place, row and column
 * @param axesLens positions on each axis
 * @param shift of the timesteps
 */
public record Lumina2Recipe(
    String codec,
    int patch,
    int dim,
    int layers,
    int refinerLayers,
    int heads,
    int keyValueHeads,
    List<Integer> axesDims,
    List<Integer> axesLens,
    double shift)
    implements NetworkRecipe {
  private static final int HIDDEN_MULTIPLE = 32;

  /** Checks the ranges that memory and float32 set; {@link #check} sees that the parts fit. */
  public Lumina2Recipe {
    Codecs.requireBuiltIn(codec);
    TrainableRanges.require(patch, dim, layers, refinerLayers, axesLens, shift);
  }

  /** One that learns the built-in corpus at 64 px. */
  public static Lumina2Recipe defaults() {
    return new Lumina2Recipe(
        "taef2", 1, 192, 6, 1, 4, 2, List.of(16, 16, 16), List.of(160, 64, 64), 1);
  }

  /**
   * Two refiner blocks on either side; patches are single latents; keys shared where they may be.
   */
  static Lumina2Recipe scaled(ModelFamily.Scale scale) {
    int head = scale.width() / scale.heads();
    int other = Math.max(2, head * 3 / 8 / 2 * 2); // rows and columns; the rest is the caption's
    int first = head - 2 * other;
    int shared = scale.heads() % 3 == 0 ? 3 : scale.heads() % 2 == 0 ? 2 : 1;
    return new Lumina2Recipe(
        defaults().codec(),
        1,
        scale.width(),
        scale.layers(),
        2,
        scale.heads(),
        scale.heads() / shared,
        List.of(first, other, other),
        List.of(scale.captionTokens() + 64, scale.latentEdge(), scale.latentEdge()),
        1);
  }

  private Lumina2Config config(int channels, int captionWidth) {
    return new Lumina2Config(
        patch,
        channels,
        dim,
        layers,
        refinerLayers,
        heads,
        keyValueHeads,
        HIDDEN_MULTIPLE,
        null,
        1e-5,
        captionWidth,
        axesDims,
        axesLens,
        axesLens.get(1) * patch,
        1);
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
  public Lumina2Transformer create(
      int channels, int captionWidth, Device device, Precision precision) {
    return new Lumina2Transformer(config(channels, captionWidth), Parameters.on(device, precision));
  }
}
