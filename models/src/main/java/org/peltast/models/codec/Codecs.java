package org.peltast.models.codec;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.peltast.models.ModelException;
import org.peltast.models.files.Component;
import org.peltast.models.files.JsonConfig;
import org.peltast.tensor.Device;
import tools.jackson.databind.node.ObjectNode;

/** Codecs by name, and in model folders: what {@code vae/} holds. */
public final class Codecs {
  /** The names of {@link #builtIn}. */
  public static final List<String> BUILT_IN_NAMES = List.of("taef2", "pixels");

  static final String TAEF2 = "Taef2Codec";
  static final String PIXELS = "PixelCodec";

  /** The classes of codecs that a folder may hold. */
  public static final List<String> CLASSES = List.of(TAEF2, PIXELS, AutoencoderKl.CLASS);

  /** The value of {@code weights} that stands for those that come with the project. */
  private static final String BUILT_IN = "built-in";

  /** The keys of the project's own codecs. */
  private static final Set<String> OWN_KEYS =
      Set.of("latent_channels", "downscale_factor", "latents_mean", "latents_std", "weights");

  private Codecs() {}

  /**
   * A codec that comes with the project, not normalised.
   *
   * @throws IllegalArgumentException if there is none of that name
   */
  public static Codec builtIn(String name, Device device) {
    requireBuiltIn(name);
    return name.equals("taef2") ? Taef2Codec.builtIn(device) : new PixelCodec();
  }

  /**
   * Refuses a name that {@link #builtIn} does not know.
   *
   * @throws IllegalArgumentException naming those it does
   */
  public static void requireBuiltIn(String name) {
    if (!BUILT_IN_NAMES.contains(name)) {
      throw new IllegalArgumentException(
          "unknown codec '" + name + "'; use " + String.join(" or ", BUILT_IN_NAMES));
    }
  }

  /** Reads a codec from a folder with its plain checkpoint; see the other method. */
  public static NormalisedCodec load(Path folder, Device device) {
    return load(Component.of(folder), device);
  }

  /**
   * Reads a codec with its normalisation.
   *
   * <p>TAEF2's folder either holds its two files of weights, or says {@code "weights": "built-in"}:
   * the same five megabytes need not lie in every model.
   */
  public static NormalisedCodec load(Component vae, Device device) {
    JsonConfig json = JsonConfig.read(vae.config());
    String name = json.string("_class_name");
    Codec codec = load(vae, json, name, device);
    try {
      Normalisation n =
          codec instanceof AutoencoderKl
              ? AutoencoderKl.normalisation(json)
              : json.has("latents_mean") || json.has("latents_std")
                  ? new Normalisation(
                      json.numbers("latents_mean", null), json.numbers("latents_std", null))
                  : Normalisation.identity(codec.channels());
      return new NormalisedCodec(codec, n);
    } catch (ModelException e) {
      codec.close();
      String message = String.valueOf(e.getMessage());
      throw message.startsWith(json.file().toString())
          ? e
          : new ModelException(json.file() + ": " + message, e);
    }
  }

  private static Codec load(Component vae, JsonConfig json, String name, Device device) {
    if (!name.equals(AutoencoderKl.CLASS)) {
      json.requireKnown(OWN_KEYS);
    }
    return switch (name) {
      case PIXELS -> new PixelCodec();
      case TAEF2 -> taef2(vae.folder(), json, device);
      case AutoencoderKl.CLASS -> AutoencoderKl.load(vae, json, device);
      default ->
          throw new ModelException(
              json.file()
                  + ": _class_name is "
                  + name
                  + "; the codecs supported are "
                  + String.join(" and ", CLASSES));
    };
  }

  private static Codec taef2(Path folder, JsonConfig json, Device device) {
    String weights = json.string("weights", "");
    if (weights.equals(BUILT_IN)) {
      return Taef2Codec.builtIn(device);
    }
    if (!weights.isEmpty()) {
      throw new ModelException(
          json.file() + ": weights must be " + BUILT_IN + " or left out, but is " + weights);
    }
    return Taef2Codec.load(folder, device);
  }

  /** The name under which {@code model_index.json} knows a codec. */
  public static String className(Codec codec) {
    Codec raw = codec instanceof NormalisedCodec n ? n.codec() : codec;
    if (raw instanceof Taef2Codec) {
      return TAEF2;
    }
    if (raw instanceof PixelCodec) {
      return PIXELS;
    }
    if (raw instanceof AutoencoderKl) {
      return AutoencoderKl.CLASS;
    }
    throw new ModelException(
        "a model folder cannot hold the codec "
            + raw.id()
            + ", only "
            + String.join(", ", CLASSES));
  }

  /** The library that {@code model_index.json} says the codec's class is from. */
  public static String library(Codec codec) {
    return className(codec).equals(AutoencoderKl.CLASS) ? "diffusers" : "peltast";
  }

  /** Writes {@code config.json}, and weights that are not those of the project, into a folder. */
  public static void write(Path folder, Codec codec) throws IOException {
    Codec raw = codec instanceof NormalisedCodec n ? n.codec() : codec;
    if (raw instanceof AutoencoderKl kl) { // scaling and weights as they were read
      kl.write(folder);
      return;
    }
    ObjectNode json = JsonConfig.JSON.createObjectNode();
    json.put("_class_name", className(codec));
    json.put("latent_channels", codec.channels());
    json.put("downscale_factor", codec.factor());
    if (codec instanceof NormalisedCodec n && !n.normalisation().isIdentity()) {
      n.normalisation().mean().forEach(json.putArray("latents_mean")::add);
      n.normalisation().std().forEach(json.putArray("latents_std")::add);
    }
    if (raw instanceof Taef2Codec taef2) {
      List<Path> files = taef2.files();
      if (files.isEmpty()) {
        json.put("weights", BUILT_IN);
      }
      for (Path file : files) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
    }
    JsonConfig.write(folder.resolve("config.json"), json);
  }
}
