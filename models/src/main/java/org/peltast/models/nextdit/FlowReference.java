package org.peltast.models.nextdit;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.EulerOde;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.diffusion.StepGrid;
import org.peltast.models.Backbone;
import org.peltast.models.GoldenFile;
import org.peltast.models.ModelFamily;
import org.peltast.models.ModelFolder;
import org.peltast.models.codec.Codec;
import org.peltast.models.codec.Codecs;
import org.peltast.models.files.Component;
import org.peltast.models.files.JsonConfig;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Device;
import org.peltast.tensor.Tensor;

/**
 * How golden files of a flow-matching transformer of captions and of its pipeline are computed:
 * Euler steps of equal length before the shift, each family with its own conventions of guidance.
 */
public abstract class FlowReference implements ModelFamily.Reference {
  private static final String LATENTS = "latents";
  private static final String TIME = "timestep";
  private static final String CAPTIONS = "caption_features";

  private final ModelFamily family;

  /** For a family's networks. */
  protected FlowReference(ModelFamily family) {
    this.family = family;
  }

  /** Guidance as the arguments of the family's pipeline say it; a file's metadata are those. */
  protected abstract Guidance guidance(GoldenFile golden);

  /** The patch size that the pipeline calls its network with; 0 for the network's own. */
  protected abstract int patch(GoldenFile golden);

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

  /** The final latents, and their picture if the golden file asks for it. */
  @Override
  public Map<String, Tensor> sample(Path folder, GoldenFile golden, Device device) {
    Guidance guidance = guidance(golden);
    NoiseSchedule schedule = ModelFolder.schedule(folder, family);
    Map<String, Tensor> answers = new LinkedHashMap<>();
    try (Autograd off = Autograd.off();
        Backbone network =
            family.open(
                Component.of(folder.resolve(family.networkComponent())),
                schedule,
                patch(golden),
                device,
                golden.precision())) {
      golden.mergeLora(network);
      Tensor start = golden.input(LATENTS);
      Denoiser denoiser =
          schedule
              .at(family.shiftLength(network.channels(), (int) start.size(2), (int) start.size(3)))
              .denoiser(network);
      Tensor latents =
          new EulerOde()
              .sample(
                  denoiser,
                  StepGrid.uniform(golden.integer("steps")),
                  guidance,
                  start,
                  read(network, golden, "prompt"),
                  guidance.isOn() ? read(network, golden, "negative_prompt") : null,
                  k -> start,
                  null);
      answers.put(LATENTS, latents);
      Tensor image = golden.outputs().containsKey("image") ? image(folder, latents, device) : null;
      if (image != null) {
        answers.put("image", image);
      }
    }
    return answers;
  }

  private static Network.Text read(Backbone network, GoldenFile golden, String which) {
    return network.read(
        golden.condition(golden.input(which + "_embeds"), which + "_attention_mask"));
  }

  private static @Nullable Tensor image(Path folder, Tensor latents, Device device) {
    Path vae = folder.resolve("vae");
    String name = JsonConfig.read(vae.resolve("config.json")).string("_class_name", "");
    if (!Codecs.CLASSES.contains(name)) {
      return null;
    }
    try (Codec codec = Codecs.load(Component.of(vae), device)) {
      return codec.decode(latents).clamp(0, 1);
    }
  }

  /** Whether Python would take an argument for false, or it is not there. */
  protected static boolean isFalse(GoldenFile golden, String key) {
    if (!golden.has(key)) {
      return true;
    }
    String text = golden.text(key).toLowerCase(Locale.ROOT);
    return List.of("none", "null", "false", "", "0", "0.0").contains(text);
  }
}
