package org.peltast.cli.training;

import java.util.List;
import org.peltast.models.zimage.ZImageConfig;

/**
 * The shape of a network trained from nothing: a configuration of the Z-Image transformer.
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
public record ModelRecipe(
    String codec,
    int patch,
    int dim,
    int layers,
    int refinerLayers,
    int heads,
    List<Integer> axesDims,
    List<Integer> axesLens,
    double shift) {
  ZImageConfig config(int latentChannels, int captionWidth) {
    return new ZImageConfig(
        List.of(patch),
        latentChannels,
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
}
