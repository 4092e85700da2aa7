package org.peltast.models.zimage;

import java.util.List;
import java.util.Set;
import org.peltast.models.ModelException;
import org.peltast.models.files.Component;
import org.peltast.models.files.JsonConfig;
import org.peltast.models.files.Weights;
import org.peltast.models.nextdit.RotaryPositions;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.nn.Parameters;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A Z-Image transformer's folder, as diffusers' {@code ZImageTransformer2DModel} has it. */
final class ZImageFiles {
  static final String CLASS = "ZImageTransformer2DModel";

  private static final Set<String> KEYS =
      Set.of(
          "all_f_patch_size",
          "all_patch_size",
          "axes_dims",
          "axes_lens",
          "cap_feat_dim",
          "dim",
          "in_channels",
          "n_heads",
          "n_kv_heads",
          "n_layers",
          "n_refiner_layers",
          "norm_eps",
          "qk_norm",
          "rope_theta",
          "siglip_feat_dim",
          "t_scale");

  private ZImageFiles() {}

  /** The network's shape; a key that is absent has diffusers' default. */
  static ZImageConfig config(JsonConfig json) {
    json.requireKnown(KEYS);
    if (json.has("siglip_feat_dim")) {
      throw new ModelException(
          json.file()
              + ": siglip_feat_dim is set, so this is the Omni variant that also reads images;"
              + " only the text-to-image Z-Image is supported");
    }
    List<Integer> frames = json.integers("all_f_patch_size", List.of(1));
    if (frames.stream().anyMatch(f -> f != 1)) {
      throw new ModelException(
          json.file() + ": all_f_patch_size must be 1, but is " + frames + "; videos are not read");
    }
    // n_kv_heads is in every file, and diffusers' network takes no notice of it.
    try {
      return new ZImageConfig(
          json.integers("all_patch_size", List.of(2)),
          json.integer("in_channels", 16),
          json.integer("dim", 3840),
          json.integer("n_layers", 30),
          json.integer("n_refiner_layers", 2),
          json.integer("n_heads", 30),
          json.number("norm_eps", 1e-5),
          json.bool("qk_norm", true),
          json.integer("cap_feat_dim", 2560),
          json.number("rope_theta", 256.0),
          json.number("t_scale", 1000.0),
          json.integers("axes_dims", List.of(32, 48, 48)),
          json.integers("axes_lens", List.of(1024, 512, 512)));
    } catch (ModelException e) {
      throw json.told(e);
    }
  }

  static ObjectNode json(ZImageConfig c) {
    ObjectNode json = JsonConfig.JSON.createObjectNode();
    json.put("_class_name", CLASS);
    ArrayNode frames = json.putArray("all_f_patch_size");
    ArrayNode patches = json.putArray("all_patch_size");
    for (int p : c.patchSizes()) {
      frames.add(1);
      patches.add(p);
    }
    c.axesDims().forEach(json.putArray("axes_dims")::add);
    c.axesLens().forEach(json.putArray("axes_lens")::add);
    json.put("cap_feat_dim", c.captionDim());
    json.put("dim", c.dim());
    json.put("in_channels", c.inChannels());
    json.put("n_heads", c.heads());
    json.put("n_kv_heads", c.heads());
    json.put("n_layers", c.layers());
    json.put("n_refiner_layers", c.refinerLayers());
    json.put("norm_eps", c.normEps());
    json.put("qk_norm", c.qkNorm());
    json.put("rope_theta", c.ropeTheta());
    json.putNull("siglip_feat_dim");
    json.put("t_scale", c.timeScale());
    return json;
  }

  /**
   * The network of a component.
   *
   * @param patch the patch size to use, or 0 for the configuration's first
   */
  static ZImageTransformer load(
      Component component, int patch, Device device, Precision precision) {
    JsonConfig json = JsonConfig.read(component.config());
    json.requireClass(CLASS);
    ZImageConfig config = config(json);
    double blocks = (double) config.layers() + 2.0 * config.refinerLayers();
    double dim = config.dim();
    Weights.requirePlausible(
        json,
        component,
        device,
        blocks * (4 * dim * dim + 3 * dim * config.feedForwardDim()) + dim * config.captionDim());
    RotaryPositions.requireLengths(json, config.axesLens());
    Parameters parameters = Parameters.on(device, precision, component.kept());
    int used = patch == 0 ? config.patchSizes().get(0) : patch;
    try {
      ZImageTransformer network = new ZImageTransformer(config, parameters, used);
      Weights.load(component, parameters, ZImageKeys.dialects(used));
      return network;
    } catch (RuntimeException e) {
      parameters.close();
      throw e;
    }
  }
}
