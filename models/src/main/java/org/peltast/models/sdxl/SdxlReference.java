package org.peltast.models.sdxl;

import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.peltast.models.Backbone;
import org.peltast.models.GoldenFile;
import org.peltast.models.ModelFamily;
import org.peltast.tensor.Device;
import org.peltast.tensor.Tensor;

/** How golden files of diffusers' {@code UNet2DConditionModel} and SDXL's pipeline are computed. */
final class SdxlReference implements ModelFamily.Reference {
  private static final String SAMPLE = "sample";
  private static final String TIME = "timestep";
  private static final String CAPTIONS = "encoder_hidden_states";

  @Override
  public List<String> leaves() {
    return List.of(SAMPLE, TIME, CAPTIONS, SdxlUNet.POOLED, SdxlUNet.SIZES);
  }

  @Override
  public Tensor forward(Backbone network, GoldenFile golden, Map<String, Tensor> leaves) {
    Tensor captions = leaf(leaves, CAPTIONS);
    SdxlText text =
        new SdxlText(
            captions,
            Collections.nCopies((int) captions.size(0), (int) captions.size(1)),
            leaf(leaves, SdxlUNet.POOLED),
            leaf(leaves, SdxlUNet.SIZES));
    return ((SdxlUNet) network).atTimesteps(leaf(leaves, SAMPLE), leaf(leaves, TIME), text);
  }

  private static Tensor leaf(Map<String, Tensor> leaves, String name) {
    return Objects.requireNonNull(leaves.get(name), name);
  }

  @Override
  public Map<String, Tensor> sample(Path folder, GoldenFile golden, Device device) {
    return SdxlPipeline.sample(folder, golden, device);
  }

  @Override
  public Map<String, Tensor> encode(Path folder, GoldenFile golden) {
    return SdxlPipeline.encode(folder, golden);
  }
}
