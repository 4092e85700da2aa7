package org.peltast.models.files;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.peltast.models.ModelException;
import org.peltast.safetensors.Checkpoint;
import org.peltast.safetensors.TensorInfo;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Parameter;
import org.peltast.tensor.Parameters;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;

/** Networks' weights in safetensors files, single or sharded, read and written tensor by tensor. */
public final class Weights {
  private Weights() {}

  /**
   * Fills a network with the weights of a file or folder: all names and shapes are compared before
   * anything is copied.
   *
   * @throws ModelException naming what is missing, unexpected, misshapen, of a type that is no
   *     weight's, or not finite
   */
  public static void load(Path path, Parameters parameters) {
    try (Checkpoint checkpoint = Checkpoint.open(path)) {
      requireFit(path, checkpoint, parameters);
      try (Autograd off = Autograd.off()) {
        for (Parameter p : parameters.all()) {
          copy(path, checkpoint, p);
        }
      }
      parameters.changed();
    }
  }

  private static void copy(Path path, Checkpoint checkpoint, Parameter p) {
    try (Scope s = Scope.open()) {
      Tensor value = TensorFiles.read(checkpoint, p.name());
      if (!value.allFinite()) {
        throw new ModelException(
            path
                + ": tensor "
                + p.name()
                + " holds NaN or infinity: the training that wrote it"
                + " diverged; use an earlier checkpoint");
      }
      p.value().copyFrom(value);
    }
  }

  private static void requireFit(Path path, Checkpoint checkpoint, Parameters parameters) {
    TreeSet<String> missing = new TreeSet<>(parameters.values().keySet());
    missing.removeAll(checkpoint.tensors().keySet());
    TreeSet<String> extra = new TreeSet<>(checkpoint.tensors().keySet());
    extra.removeAll(parameters.values().keySet());
    List<String> wrongs = new ArrayList<>();
    if (!missing.isEmpty()) {
      wrongs.add("it lacks " + some(missing));
    }
    if (!extra.isEmpty()) {
      wrongs.add("it has " + some(extra) + " that the network does not know");
    }
    if (wrongs.isEmpty()) {
      for (Parameter p : parameters.all()) {
        TensorInfo info = checkpoint.require(p.name());
        if (!Arrays.equals(info.dimensions(), p.value().shape())) {
          wrongs.add(
              p.name()
                  + " is "
                  + info.shape()
                  + ", the configuration needs "
                  + Arrays.toString(p.value().shape()));
          break;
        }
        DType dtype = DType.of(info.type());
        if (dtype == null || !dtype.isFloating()) {
          wrongs.add(p.name() + " is of type " + info.type() + ", not F32, F64, F16 or BF16");
          break;
        }
      }
    }
    if (!wrongs.isEmpty()) {
      throw new ModelException(
          path
              + ": the weights do not fit the configuration beside them: "
              + String.join(", and ", wrongs));
    }
  }

  private static String some(Set<String> names) {
    List<String> first = names.stream().limit(3).toList();
    return String.join(", ", first)
        + (names.size() > 3 ? " and " + (names.size() - 3) + " more tensors" : "");
  }

  /** Bytes of one shard at most: what diffusers itself allows. */
  private static final long SHARD_BYTES = 10_000_000_000L;

  /**
   * Writes {@code diffusion_pytorch_model.safetensors} into a folder, or shards with an index where
   * one file would be too long.
   *
   * @param dtype FLOAT32 or BFLOAT16, whatever the weights are kept in
   */
  public static void write(Path folder, Map<String, Tensor> weights, DType dtype) {
    TensorFiles.writeSharded(
        folder.resolve("diffusion_pytorch_model.safetensors"),
        weights,
        Map.of("format", "pt"),
        dtype,
        SHARD_BYTES);
  }
}
