package org.peltast.models.zimage;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.peltast.models.Backbone;
import org.peltast.models.GoldenFile;
import org.peltast.models.ModelFamily;
import org.peltast.tensor.Device;
import org.peltast.tensor.Tensor;

/** How golden files of diffusers' {@code ZImageTransformer2DModel} and pipeline are computed. */
final class ZImageReference implements ModelFamily.Reference {
  private static final String LATENTS = "latents";
  private static final String TIME = "timestep";
  private static final String CAPTIONS = "caption_features";

  @Override
  public List<String> leaves() {
    return List.of(LATENTS, TIME, CAPTIONS);
  }

  @Override
  public Tensor forward(Backbone network, GoldenFile golden, Map<String, Tensor> leaves) {
    return network.forward(
        leaf(leaves, LATENTS),
        leaf(leaves, TIME),
        network.read(golden.condition(leaf(leaves, CAPTIONS), "caption_mask")));
  }

  private static Tensor leaf(Map<String, Tensor> leaves, String name) {
    return Objects.requireNonNull(leaves.get(name), name);
  }

  @Override
  public Map<String, Tensor> sample(Path folder, GoldenFile golden, Device device) {
    return ZImagePipeline.sample(folder, golden, device);
  }
}
