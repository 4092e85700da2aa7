package org.peltast.models;

import java.util.Locale;
import org.peltast.models.files.JsonConfig;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A workflow in the form that ComfyUI's API takes, which draws a model as it is meant to be drawn:
 * its steps, its static shift, its sampler, no guidance where it was distilled.
 */
final class ComfyWorkflow {
  private static final String PROMPT = "a lighthouse in a storm";

  /** What ComfyUI calls the published text encoders and the autoencoder of flow models. */
  private static final String AUTOENCODER = "ae.safetensors";

  private final DrawingNote note;
  private final ObjectNode nodes = JsonConfig.JSON.createObjectNode();

  private ComfyWorkflow(DrawingNote note) {
    this.note = note;
  }

  /**
   * A workflow.
   *
   * @param file the single file's name
   * @param alone whether the file holds the network alone, as those of flow models do
   */
  static ObjectNode of(DrawingNote note, String file, boolean alone) {
    ComfyWorkflow w = new ComfyWorkflow(note);
    if (alone) {
      w.flow(file);
    } else {
      w.checkpoint(file);
    }
    return w.nodes;
  }

  private void flow(String file) {
    boolean lumina = note.family().equals("lumina2");
    ObjectNode network = node("network", "UNETLoader");
    network.put("unet_name", file);
    network.put("weight_dtype", "default");
    ObjectNode clip = node("text_encoder", "CLIPLoader");
    clip.put("clip_name", lumina ? "gemma_2_2b_fp16.safetensors" : "qwen_3_4b.safetensors");
    clip.put("type", "lumina2");
    node("autoencoder", "VAELoader").put("vae_name", AUTOENCODER);
    String model = "network";
    if (note.shift() != null) {
      ObjectNode shift = node("shift", "ModelSamplingAuraFlow");
      link(shift, "model", "network", 0);
      shift.put("shift", note.shift());
      model = "shift";
    }
    for (String which : new String[] {"prompt", "negative"}) {
      boolean framed = lumina && which.equals("prompt");
      ObjectNode text = node(which, framed ? "CLIPTextEncodeLumina2" : "CLIPTextEncode");
      link(text, "clip", "text_encoder", 0);
      if (framed) {
        text.put("system_prompt", "superior");
      }
      text.put(framed ? "user_prompt" : "text", which.equals("prompt") ? PROMPT : "");
    }
    sample(model, "EmptySD3LatentImage", "autoencoder", 0);
  }

  private void checkpoint(String file) {
    node("checkpoint", "CheckpointLoaderSimple").put("ckpt_name", file);
    for (String which : new String[] {"prompt", "negative"}) {
      ObjectNode text = node(which, "CLIPTextEncode");
      link(text, "clip", "checkpoint", 1);
      text.put("text", which.equals("prompt") ? PROMPT : "");
    }
    sample("checkpoint", "EmptyLatentImage", "checkpoint", 2);
  }

  private void sample(String model, String latents, String codec, int codecOutput) {
    ObjectNode size = node("size", latents);
    size.put("width", note.width());
    size.put("height", note.height());
    size.put("batch_size", 1);
    ObjectNode sampler = node("sampler", "KSampler");
    link(sampler, "model", model, 0);
    link(sampler, "positive", "prompt", 0);
    link(sampler, "negative", "negative", 0);
    link(sampler, "latent_image", "size", 0);
    sampler.put("seed", 1);
    sampler.put("steps", note.steps());
    sampler.put("cfg", note.guidance());
    sampler.put("sampler_name", note.comfySampler());
    sampler.put("scheduler", note.comfyScheduler());
    sampler.put("denoise", 1.0);
    ObjectNode decoded = node("picture", "VAEDecode");
    link(decoded, "samples", "sampler", 0);
    link(decoded, "vae", codec, codecOutput);
    ObjectNode saved = node("save", "SaveImage");
    link(saved, "images", "picture", 0);
    saved.put("filename_prefix", String.format(Locale.ROOT, "peltast-%s", note.family()));
  }

  private ObjectNode node(String id, String type) {
    ObjectNode node = nodes.putObject(id);
    node.put("class_type", type);
    return node.putObject("inputs");
  }

  private static void link(ObjectNode inputs, String name, String from, int output) {
    ArrayNode link = inputs.putArray(name);
    link.add(from);
    link.add(output);
  }
}
