package org.peltast.models.lumina2;

import java.util.List;
import java.util.Set;
import org.peltast.models.ModelException;
import org.peltast.models.files.Component;
import org.peltast.models.files.JsonConfig;
import org.peltast.models.files.SingleFileKeys;
import org.peltast.models.files.Weights;
import org.peltast.models.nextdit.RotaryPositions;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.nn.Parameters;
import tools.jackson.databind.node.ObjectNode;

/** A Lumina 2 transformer's folder, as diffusers' {@code Lumina2Transformer2DModel} has it. */
final class Lumina2Files {
  static final String CLASS = "Lumina2Transformer2DModel";

  private static final Set<String> KEYS =
      Set.of(
          "sample_size",
          "patch_size",
          "in_channels",
          "out_channels",
          "hidden_size",
          "num_layers",
          "num_refiner_layers",
          "num_attention_heads",
          "num_kv_heads",
          "multiple_of",
          "ffn_dim_multiplier",
          "norm_eps",
          "scaling_factor",
          "axes_dim_rope",
          "axes_lens",
          "cap_feat_dim");

  private Lumina2Files() {}

  /** The network's shape; a key that is absent has diffusers' default. */
  static Lumina2Config config(JsonConfig json) {
    json.requireKnown(KEYS);
    int channels = json.integer("in_channels", 16);
    if (json.integer("out_channels", channels) != channels) {
      throw new ModelException(
          json.file()
              + ": out_channels must be as in_channels, "
              + channels
              + ", but is "
              + json.integer("out_channels", channels));
    }
    int heads = json.integer("num_attention_heads", 24);
    boolean ungrouped = json.keys().contains("num_kv_heads") && !json.has("num_kv_heads");
    try {
      return new Lumina2Config(
          json.integer("patch_size", 2),
          channels,
          json.integer("hidden_size", 2304),
          json.integer("num_layers", 26),
          json.integer("num_refiner_layers", 2),
          heads,
          json.integer("num_kv_heads", ungrouped ? heads : 8),
          json.integer("multiple_of", 256),
          json.has("ffn_dim_multiplier") ? json.number("ffn_dim_multiplier", null) : null,
          json.number("norm_eps", 1e-5),
          json.integer("cap_feat_dim", 1024),
          json.integers("axes_dim_rope", List.of(32, 32, 32)),
          json.integers("axes_lens", List.of(300, 512, 512)),
          json.integer("sample_size", 128),
          json.number("scaling_factor", 1.0));
    } catch (ModelException e) {
      throw json.told(e);
    }
  }

  static ObjectNode json(Lumina2Config c) {
    ObjectNode json = JsonConfig.JSON.createObjectNode();
    json.put("_class_name", CLASS);
    c.axesDims().forEach(json.putArray("axes_dim_rope")::add);
    c.axesLens().forEach(json.putArray("axes_lens")::add);
    json.put("cap_feat_dim", c.captionDim());
    json.put("ffn_dim_multiplier", c.hiddenFactor());
    json.put("hidden_size", c.dim());
    json.put("in_channels", c.inChannels());
    json.put("multiple_of", c.multipleOf());
    json.put("norm_eps", c.normEps());
    json.put("num_attention_heads", c.heads());
    json.put("num_kv_heads", c.groups());
    json.put("num_layers", c.layers());
    json.put("num_refiner_layers", c.refinerLayers());
    json.putNull("out_channels");
    json.put("patch_size", c.patch());
    json.put("sample_size", c.sampleSize());
    json.put("scaling_factor", c.scalingFactor());
    return json;
  }

  /** The network of a component. */
  static Lumina2Transformer load(Component component, Device device, Precision precision) {
    JsonConfig json = JsonConfig.read(component.config());
    json.requireClass(CLASS);
    Lumina2Config config = config(json);
    double blocks = (double) config.layers() + 2.0 * config.refinerLayers();
    double dim = config.dim();
    Weights.requirePlausible(
        json,
        component,
        device,
        blocks * (2 * dim * dim + 3 * dim * config.feedForwardDim()) + dim * config.captionDim());
    RotaryPositions.requireLengths(json, config.axesLens());
    Parameters parameters = Parameters.on(device, precision, component.kept());
    try {
      Lumina2Transformer network = new Lumina2Transformer(config, parameters);
      Weights.load(
          component,
          parameters,
          SingleFileKeys.dialects(Lumina2Keys.of(parameters.names()), Lumina2Keys.UNUSED));
      return network;
    } catch (RuntimeException e) {
      parameters.close();
      throw e;
    }
  }
}
