package org.peltast.models.text;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.peltast.models.ModelException;
import org.peltast.models.files.Component;
import org.peltast.models.files.JsonConfig;
import org.peltast.safetensors.Checkpoint;
import org.peltast.safetensors.TensorInfo;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.TensorFiles;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.Parameters;

/**
 * A language model's folder as transformers writes it, checked: {@code config.json} and
 * safetensors, single or in shards, whose names begin with {@code model.} if the head was saved
 * too, or with nothing. The head's weights are passed over.
 *
 * @param stored the dtype of the file's matrices
 */
record DecoderFiles(Component component, DecoderConfig config, String prefix, DType stored) {
  private static final String EMBEDDING = "embed_tokens.weight";
  private static final String PREFIX = "model.";

  /** What a folder's {@code config.json} says. */
  static DecoderConfig config(Path folder) {
    JsonConfig json = JsonConfig.read(folder.resolve("config.json"));
    String type = json.string("model_type");
    DecoderConfig.Architecture architecture =
        Arrays.stream(DecoderConfig.Architecture.values())
            .filter(a -> a.modelType().equals(type))
            .findFirst()
            .orElseThrow(
                () ->
                    new ModelException(
                        json.file()
                            + ": model_type is "
                            + type
                            + "; the language models supported are "
                            + String.join(" and ", TextNetworks.modelTypes())));
    return DecoderConfig.read(architecture, json);
  }

  /**
   * Reads the configuration and compares the names, shapes and types of all tensors with it; values
   * are not touched.
   *
   * @throws ModelException naming what is missing, unexpected, misshapen, or of a type that is no
   *     weight's
   */
  static DecoderFiles open(Component component) {
    Path folder = component.folder();
    DecoderConfig config = config(folder);
    try (Checkpoint checkpoint = Checkpoint.open(component.weights())) {
      Set<String> names = checkpoint.tensors().keySet();
      String prefix = names.contains(PREFIX + EMBEDDING) ? PREFIX : "";
      requireFit(folder, checkpoint, prefix, config.shapes());
      DType stored = DType.of(checkpoint.require(prefix + EMBEDDING).type());
      return new DecoderFiles(
          component,
          config,
          prefix,
          stored == null || stored == DType.FLOAT64 ? DType.FLOAT32 : stored);
    }
  }

  /** What files may hold besides: the head, and tables that older versions wrote down. */
  private static boolean isBeside(String name) {
    return name.equals("lm_head.weight") || name.endsWith("rotary_emb.inv_freq");
  }

  private static void requireFit(
      Path folder, Checkpoint checkpoint, String prefix, Map<String, long[]> shapes) {
    TreeSet<String> missing = new TreeSet<>();
    TreeSet<String> extra = new TreeSet<>(checkpoint.tensors().keySet());
    List<String> wrongs = new ArrayList<>();
    extra.removeIf(DecoderFiles::isBeside);
    shapes.forEach(
        (name, shape) -> {
          extra.remove(prefix + name);
          TensorInfo info = checkpoint.find(prefix + name).orElse(null);
          if (info == null) {
            missing.add(prefix + name);
          } else if (!Arrays.equals(info.dimensions(), shape)) {
            wrongs.add(
                info.name()
                    + " is "
                    + info.shape()
                    + ", the configuration needs "
                    + Arrays.toString(shape));
          } else {
            DType type = DType.of(info.type());
            if (type == null || !type.isFloating()) {
              wrongs.add(
                  info.name() + " is of type " + info.type() + ", not F32, F64, F16 or BF16");
            }
          }
        });
    if (!extra.isEmpty()) {
      wrongs.add(0, "it has " + some(extra) + " that the network does not know");
    }
    if (!missing.isEmpty()) {
      wrongs.add(0, "it lacks " + some(missing));
    }
    if (!wrongs.isEmpty()) {
      throw new ModelException(
          folder
              + ": the weights do not fit the configuration beside them: "
              + String.join(", and ", wrongs.subList(0, Math.min(2, wrongs.size()))));
    }
  }

  private static String some(Set<String> names) {
    List<String> first = names.stream().limit(3).toList();
    return String.join(", ", first)
        + (names.size() > 3 ? " and " + (names.size() - 3) + " more tensors" : "");
  }

  /**
   * Reads the weights, tensor by tensor, straight to dtype and device.
   *
   * @param precision of products
   * @param storage the dtype that matrices are kept in
   * @throws ModelException naming a tensor that is not finite
   */
  Decoder load(Device device, Precision precision, DType storage) {
    Parameters parameters = Parameters.on(device, precision, storage);
    try (Checkpoint checkpoint = Checkpoint.open(component.weights());
        Autograd off = Autograd.off()) {
      Decoder decoder = new Decoder(parameters, config);
      List<TensorFiles.Fill> all = new ArrayList<>();
      for (Parameter p : parameters.all()) {
        // Vectors are kept in float32, but hold what the reference has in its dtype.
        all.add(
            new TensorFiles.Fill(
                prefix + p.name(), 0, p.value(), storage == DType.FLOAT32 ? null : storage));
      }
      String wrong = TensorFiles.fill(checkpoint, all);
      if (wrong != null) {
        throw new ModelException(
            component.folder()
                + ": tensor "
                + wrong
                + " holds NaN or infinity; fetch or write the model again");
      }
      parameters.changed();
      return decoder;
    } catch (RuntimeException e) {
      parameters.close();
      throw e;
    }
  }
}
