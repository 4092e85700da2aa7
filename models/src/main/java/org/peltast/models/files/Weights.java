package org.peltast.models.files;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.peltast.models.ModelException;
import org.peltast.safetensors.Checkpoint;
import org.peltast.safetensors.TensorInfo;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.Parameters;

/** Networks' weights in safetensors files, single or sharded, read and written tensor by tensor. */
public final class Weights {
  private Weights() {}

  /**
   * Fills a network with the weights of a file or folder that has diffusers' names.
   *
   * @throws ModelException see {@link #load(Path, Parameters, KeyMap.Dialects)}
   */
  public static void load(Path path, Parameters parameters) {
    load(path, parameters, KeyMap.Dialects.DIFFUSERS);
  }

  /**
   * Fills a network with the weights of a component; on the meta device, which holds no numbers, no
   * weights are looked for.
   *
   * @throws ModelException see {@link #load(Path, Parameters, KeyMap.Dialects)}
   */
  public static void load(Component component, Parameters parameters, KeyMap.Dialects dialects) {
    if (parameters.device().kind() != Device.Kind.META) {
      load(component.weights(), parameters, dialects);
    }
  }

  /**
   * Fills a network with the weights of a file or folder: all names and shapes are compared before
   * anything is copied. Weights of 8-bit floats are widened, and multiplied by their scales.
   *
   * @param dialects finds what the file's names stand for
   * @throws ModelException naming what is missing, unexpected, misshapen, of a type that is no
   *     weight's, or not finite
   */
  public static void load(Path path, Parameters parameters, KeyMap.Dialects dialects) {
    try (Checkpoint checkpoint = Checkpoint.open(path)) {
      Float8Scales scales = new Float8Scales(path, checkpoint);
      Map<String, List<Parameter>> parts = parts(path, checkpoint, scales, parameters, dialects);
      List<TensorFiles.Fill> plain = new ArrayList<>();
      try (Autograd off = Autograd.off()) {
        parts.forEach(
            (tensor, into) -> {
              if (scales.isPlain(tensor)) {
                long from = 0;
                for (Parameter p : into) {
                  plain.add(new TensorFiles.Fill(tensor, from, p.value(), null));
                  from += p.value().count();
                }
              } else {
                copy(path, scales, tensor, into);
              }
            });
        String wrong = TensorFiles.fill(checkpoint, plain);
        if (wrong != null) {
          throw notFinite(path, wrong);
        }
      }
      parameters.changed();
    }
  }

  private static void copy(Path path, Float8Scales scales, String tensor, List<Parameter> into) {
    try (Scope s = Scope.open()) {
      Tensor value = scales.read(path, tensor);
      if (!value.allFinite()) {
        throw notFinite(path, tensor);
      }
      long row = 0;
      for (Parameter parameter : into) {
        Tensor p = parameter.value();
        Tensor part = into.size() == 1 ? value : value.narrow(0, row, p.size(0));
        p.copyFrom(part.reshape(p.shape()));
        row += into.size() == 1 ? 0 : p.size(0);
      }
    }
  }

  private static ModelException notFinite(Path path, String tensor) {
    return new ModelException(
        path
            + ": tensor "
            + tensor
            + " holds NaN or infinity: the training that wrote it"
            + " diverged; use an earlier checkpoint");
  }

  /**
   * Refuses a configuration that describes far more weights than there are, before memory is asked
   * for: a mistyped digit must not take down the machine. What fits less obviously is told tensor
   * by tensor later.
   *
   * @param component that has the weights of the network
   * @param device where the network is to lie; the meta device holds as many weights as one likes
   * @param described how many weights the largest matrices of the configuration have
   */
  public static void requirePlausible(
      JsonConfig json, Component component, Device device, double described) {
    if (device.kind() == Device.Kind.META) {
      return;
    }
    double held = 0;
    try (Checkpoint checkpoint = Checkpoint.open(component.weights())) {
      for (TensorInfo info : checkpoint.tensors().values()) {
        held += info.elements();
      }
    }
    if (described > 4 * held + 1e6) {
      throw new ModelException(
          String.format(
              Locale.ROOT,
              "%s describes a network of %.3g weights, but its files hold %.3g; fetch or write the model again",
              json.file(),
              described,
              held));
    }
  }

  /** The parameters that each tensor of a file holds. */
  private static Map<String, List<Parameter>> parts(
      Path path,
      Checkpoint checkpoint,
      Float8Scales scales,
      Parameters parameters,
      KeyMap.Dialects dialects) {
    Map<String, Parameter> all = new LinkedHashMap<>();
    parameters.all().forEach(p -> all.put(p.name(), p));
    Map<String, List<Parameter>> parts = new LinkedHashMap<>();
    TreeSet<String> missing = new TreeSet<>(all.keySet());
    TreeSet<String> extra = new TreeSet<>();
    Map<String, String> unwrapped = unwrapped(checkpoint.tensors().keySet());
    KeyMap map = dialects.of(Set.copyOf(unwrapped.values()));
    for (String tensor : checkpoint.tensors().keySet()) {
      List<String> names =
          scales.isBeside(tensor)
              ? List.of()
              : map.parameters(Objects.requireNonNull(unwrapped.get(tensor)));
      List<Parameter> into = new ArrayList<>();
      for (String name : names) {
        Parameter p = all.get(name);
        if (p == null || !missing.remove(name)) {
          extra.add(tensor); // the network has no such weight, or another tensor has been it
        } else {
          into.add(p);
        }
      }
      if (!into.isEmpty()) {
        parts.put(tensor, into);
      }
    }
    requireFit(path, checkpoint, parts, missing, extra);
    return parts;
  }

  /**
   * Names without those of the wrappers in which PyTorch trains: {@code _orig_mod} of a compiled
   * network or block, {@code module} of one that several processes share.
   */
  private static Map<String, String> unwrapped(Set<String> tensors) {
    Map<String, String> names = new LinkedHashMap<>();
    tensors.forEach(name -> names.put(name, name.replace("_orig_mod.", "")));
    if (names.values().stream().allMatch(name -> name.startsWith("module."))) {
      names.replaceAll((tensor, name) -> name.substring("module.".length()));
    }
    return names;
  }

  private static void requireFit(
      Path path,
      Checkpoint checkpoint,
      Map<String, List<Parameter>> parts,
      Set<String> missing,
      Set<String> extra) {
    List<String> wrongs = new ArrayList<>();
    if (!missing.isEmpty()) {
      wrongs.add("it lacks " + some(missing));
    }
    if (!extra.isEmpty()) {
      wrongs.add("it has " + some(extra) + " that the network does not know");
    }
    if (wrongs.isEmpty()) {
      for (Map.Entry<String, List<Parameter>> part : parts.entrySet()) {
        TensorInfo info = checkpoint.require(part.getKey());
        long[] needed = joined(part.getValue());
        if (!isSame(info.dimensions(), needed)) {
          wrongs.add(
              part.getKey()
                  + " is "
                  + info.shape()
                  + ", the configuration needs "
                  + Arrays.toString(needed));
          break;
        }
        DType dtype = DType.of(info.type());
        if (!TensorFiles.isWidened(info.type()) && (dtype == null || !dtype.isFloating())) {
          wrongs.add(
              part.getKey() + " is of type " + info.type() + ", not F32, F64, F16 or BF16, nor F8");
          break;
        }
      }
    }
    if (!wrongs.isEmpty()) {
      throw new ModelException(
          path
              + ": the weights do not fit the network's configuration: "
              + String.join(", and ", wrongs));
    }
  }

  /** The shape of parameters one after another along their first axis. */
  private static long[] joined(List<Parameter> parts) {
    long[] shape = parts.get(0).value().shape().clone();
    for (Parameter other : parts.subList(1, parts.size())) {
      shape[0] += other.value().size(0);
    }
    return shape;
  }

  /**
   * Axes of length 1 may be more at one end: tools disagree on those of 1 × 1 kernels and tokens.
   */
  private static boolean isSame(long[] shape, long[] needed) {
    boolean kernels = Arrays.equals(withoutLast(shape), withoutLast(needed));
    return kernels || Arrays.equals(withoutFirst(shape), withoutFirst(needed));
  }

  private static long[] withoutLast(long[] shape) {
    int end = shape.length;
    while (end > 0 && shape[end - 1] == 1) {
      end--;
    }
    return Arrays.copyOf(shape, end);
  }

  private static long[] withoutFirst(long[] shape) {
    int begin = 0;
    while (begin < shape.length && shape[begin] == 1) {
      begin++;
    }
    return Arrays.copyOfRange(shape, begin, shape.length);
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
