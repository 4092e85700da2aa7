package org.peltast.models;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.peltast.models.files.ForeignTensor;
import org.peltast.models.files.JsonConfig;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import org.peltast.tensor.nn.LowRank;
import tools.jackson.databind.node.ObjectNode;

/** Writes LoRA files in the layouts that {@link Lora} tells of. */
final class LoraWriter {
  private LoraWriter() {}

  static void diffusers(Path file, Lora lora, ModelFamily family, Map<String, String> metadata) {
    String component = family.networkComponent() + ".";
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    lora.layers()
        .forEach(
            (layer, f) -> {
              tensors.put(component + layer + "." + LowRank.A, f.a());
              tensors.put(component + layer + "." + LowRank.B, f.b());
            });
    Map<String, String> texts = new LinkedHashMap<>();
    texts.put("format", "pt");
    texts.put("lora_adapter_metadata", config(component, lora).toString());
    texts.putAll(metadata);
    write(file, tensors, texts);
  }

  /** PEFT's configuration of the adapter. */
  private static ObjectNode config(String component, Lora lora) {
    double rank = commonest(lora, Lora.Factors::rank);
    double alpha = commonest(lora, Lora.Factors::alpha);
    ObjectNode json = JsonConfig.JSON.createObjectNode();
    number(json, component + "r", rank);
    number(json, component + "lora_alpha", alpha);
    lora.layers().keySet().forEach(json.putArray(component + "target_modules")::add);
    ObjectNode ranks = json.putObject(component + "rank_pattern");
    ObjectNode alphas = json.putObject(component + "alpha_pattern");
    lora.layers()
        .forEach(
            (layer, f) -> {
              if (f.rank() != rank) {
                ranks.put("^" + layer, f.rank());
              }
              if (f.alpha() != alpha) {
                number(alphas, "^" + layer, f.alpha());
              }
            });
    return json;
  }

  private static void number(ObjectNode json, String key, double value) {
    if (value == Math.rint(value) && Math.abs(value) < 1e9) {
      json.put(key, (long) value);
    } else {
      json.put(key, value);
    }
  }

  private static double commonest(Lora lora, ToDoubleFunction<Lora.Factors> number) {
    Map<Double, Long> counts =
        lora.layers().values().stream()
            .map(number::applyAsDouble)
            .collect(
                Collectors.groupingBy(
                    Function.identity(), LinkedHashMap::new, Collectors.counting()));
    return counts.entrySet().stream()
        .max(Comparator.comparing(Map.Entry::getValue))
        .map(Map.Entry::getKey)
        .orElseThrow(() -> new ModelException("a LoRA without layers cannot be written"));
  }

  static void comfy(
      Path file, Lora lora, ModelFamily family, LoraLayers layers, Map<String, String> metadata) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      ModelFamily.LoraNames names = family.loraNames();
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      if (names == ModelFamily.LoraNames.OWN) {
        lora.layers().forEach((layer, f) -> put(tensors, "diffusion_model." + layer, false, f));
      } else {
        boolean kohya = names == ModelFamily.LoraNames.KOHYA;
        foreign(lora, layers)
            .forEach(
                (layer, f) ->
                    put(
                        tensors,
                        kohya ? "lora_unet_" + layer.replace('.', '_') : "diffusion_model." + layer,
                        kohya,
                        f));
      }
      Map<String, String> texts = new LinkedHashMap<>();
      texts.put("format", "pt");
      texts.putAll(metadata);
      write(file, tensors, texts);
    }
  }

  private static void put(Map<String, Tensor> tensors, String name, boolean kohya, Lora.Factors f) {
    tensors.put(name + (kohya ? ".lora_down.weight" : ".lora_A.weight"), f.a());
    tensors.put(name + (kohya ? ".lora_up.weight" : ".lora_B.weight"), f.b());
    tensors.put(name + ".alpha", Tensor.scalar(f.alpha()));
  }

  /** The changes under the original's names, those of fused layers as one. */
  private static Map<String, Lora.Factors> foreign(Lora lora, LoraLayers layers) {
    Map<String, Lora.Factors> all = new LinkedHashMap<>();
    for (ForeignTensor tensor : layers.foreign()) {
      if (!tensor.name().endsWith(".weight")) {
        continue;
      }
      List<String> parts =
          tensor.parameters().stream().map(p -> p.replaceFirst("\\.weight$", "")).toList();
      String name = tensor.name().replaceFirst("\\.weight$", "");
      if (parts.stream().anyMatch(lora.layers()::containsKey)) {
        all.put(
            name,
            parts.size() == 1
                ? Objects.requireNonNull(lora.layers().get(parts.get(0)))
                : fused(parts, lora, layers));
      }
    }
    return all;
  }

  /**
   * The change of several layers with one input and their outputs one below the other: A is all A
   * one below the other, each with its scale, and B has each B in its own rows and columns.
   */
  private static Lora.Factors fused(List<String> parts, Lora lora, LoraLayers layers) {
    List<Tensor> as = new ArrayList<>();
    long rank = parts.stream().mapToLong(p -> rank(p, lora)).sum();
    for (String part : parts) {
      Lora.Factors f = lora.layers().get(part);
      if (f != null) {
        as.add(f.a().mul(f.scale()));
      }
    }
    List<Tensor> rows = new ArrayList<>();
    long at = 0;
    for (String part : parts) {
      long out = layers.shape(part)[0];
      long own = rank(part, lora);
      Lora.Factors f = lora.layers().get(part);
      if (f == null) {
        rows.add(Tensor.zeros(as.get(0).dtype(), as.get(0).device(), out, rank));
        continue;
      }
      Tensor before = Tensor.zeros(f.b().dtype(), f.b().device(), out, at);
      Tensor after = Tensor.zeros(f.b().dtype(), f.b().device(), out, rank - at - own);
      rows.add(Tensor.cat(List.of(before, f.b(), after), 1));
      at += own;
    }
    return new Lora.Factors(Tensor.cat(as, 0), Tensor.cat(rows, 0), rank);
  }

  private static long rank(String layer, Lora lora) {
    Lora.Factors f = lora.layers().get(layer);
    return f == null ? 0 : f.rank();
  }

  private static void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata) {
    tensors.forEach(
        (name, value) -> {
          if (!value.allFinite()) {
            throw new ModelException(
                "the LoRA's " + name + " holds NaN or infinity, so it is not written");
          }
        });
    ModelFolder.makeFolderOf(file);
    TensorFiles.write(file, tensors, metadata);
  }
}
