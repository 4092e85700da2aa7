package org.peltast.models.files;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelException;
import org.peltast.safetensors.Checkpoint;
import org.peltast.safetensors.SafetensorsType;
import org.peltast.safetensors.TensorInfo;
import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;

/**
 * The scales that stand beside weights of 8-bit floating point: a stored value times its scale is
 * the weight. ComfyUI writes {@code NAME.scale_weight} or {@code NAME.weight_scale} for {@code
 * NAME.weight}, others {@code NAME.weight_scale_inv}; one number, one a row, or one a block.
 *
 * <p>What only says how products are computed is passed over: {@code scaled_fp8}, {@code
 * NAME.scale_input}, {@code NAME.input_scale}, {@code NAME.comfy_quant} of an 8-bit float. Other
 * quantisations are refused by name.
 */
final class Float8Scales {
  private static final List<String> SCALES =
      List.of(".scale_weight", ".weight_scale", ".weight_scale_inv");
  private static final List<String> OF_PRODUCTS = List.of(".scale_input", ".input_scale");
  private static final String FORMAT = ".comfy_quant";
  private static final String MARK = "scaled_fp8";

  /** The ends of names that other quantisations give to what stands beside a weight. */
  private static final List<String> OTHERS =
      List.of(
          ".weight_scale_2",
          ".weight_zero_point",
          ".weight_packed",
          ".qweight",
          ".qzeros",
          ".absmax",
          ".quant_map",
          ".pre_quant_scale",
          ".smooth_factor",
          ".wscales");

  /** The edge of blocks that do not divide their matrix. */
  private static final long BLOCK = 128;

  private final Checkpoint checkpoint;
  private final Map<String, String> scales = new HashMap<>(); // by their weight's name
  private final Set<String> besides = new HashSet<>();

  /**
   * Finds the scales of a file.
   *
   * @throws ModelException if its weights are quantised in another way
   */
  Float8Scales(Path path, Checkpoint checkpoint) {
    this.checkpoint = checkpoint;
    for (TensorInfo info : checkpoint.tensors().values()) {
      String name = info.name();
      for (String end : OTHERS) {
        if (name.endsWith(end) || name.contains(end + ".")) {
          throw quantised(path, "tensor " + name);
        }
      }
      if (name.equals(MARK) || name.endsWith("." + MARK)) {
        besides.add(name);
      } else if (name.endsWith(FORMAT)) {
        requireFloat8(path, name);
        besides.add(name);
      }
      OF_PRODUCTS.stream().filter(name::endsWith).forEach(end -> besides.add(name));
      for (String end : SCALES) {
        if (name.endsWith(end)) {
          String weight = name.substring(0, name.length() - end.length()) + ".weight";
          TensorInfo scaled = checkpoint.tensors().get(weight);
          if (scaled != null) {
            if (!TensorFiles.isWidened(scaled.type())) {
              throw quantised(path, weight + " is " + scaled.type() + " with a scale");
            }
            scales.put(weight, name);
            besides.add(name);
          }
        }
      }
    }
  }

  private static ModelException quantised(Path path, String what) {
    return new ModelException(
        path
            + ": its weights are quantised ("
            + what
            + "), and of quantised ones only 8-bit floats are read; use the model in bf16, fp16"
            + " or fp8");
  }

  /** ComfyUI says a layer's format in a small JSON text, as bytes. */
  private void requireFloat8(Path path, String name) {
    TensorInfo info = checkpoint.require(name);
    if (info.type() != SafetensorsType.U8 || info.byteSize() > 1 << 16) {
      throw quantised(path, "tensor " + name);
    }
    ByteBuffer bytes = ByteBuffer.allocate((int) info.byteSize());
    checkpoint.read(name, 0, bytes);
    String text = new String(bytes.array(), StandardCharsets.UTF_8);
    if (!text.contains("float8_e4m3fn") && !text.contains("float8_e5m2")) {
      String said = text.replaceAll("[^\\x20-\\x7e]", "?");
      throw quantised(path, name + " says " + said.substring(0, Math.min(80, said.length())));
    }
  }

  /** Whether a tensor only stands beside weights. */
  boolean isBeside(String name) {
    return besides.contains(name);
  }

  /** Whether a weight is what the file holds, neither widened nor scaled. */
  boolean isPlain(String name) {
    return !scales.containsKey(name) && !TensorFiles.isWidened(checkpoint.require(name).type());
  }

  /** A weight in float32 times its scale, if it has one, in the current scope. */
  Tensor read(Path path, String name) {
    Tensor value = TensorFiles.readWidened(checkpoint, name);
    String scale = scales.get(name);
    if (scale == null) {
      return value;
    }
    Tensor factor = TensorFiles.readWidened(checkpoint, scale).to(DType.FLOAT32);
    Tensor spread = spread(factor, value.shape());
    if (spread == null) {
      throw new ModelException(
          path
              + ": tensor "
              + scale
              + " has the shape "
              + checkpoint.require(scale).shape()
              + ", which scales neither the whole, the rows nor blocks of "
              + name
              + " "
              + checkpoint.require(name).shape());
    }
    return value.mul(spread);
  }

  /** A scale as it is broadcast over a weight; null if it does not fit. */
  private static @Nullable Tensor spread(Tensor scale, long[] weight) {
    if (scale.count() == 1) {
      return scale.reshape(1);
    }
    // Blocks may be as many as rows; they are not one below the other.
    if (weight.length >= 1 && scale.count() == weight[0] && scale.size(0) == weight[0]) {
      long[] rows = new long[weight.length];
      java.util.Arrays.fill(rows, 1);
      rows[0] = weight[0];
      return scale.reshape(rows);
    }
    if (weight.length != 2 || scale.rank() != 2) {
      return null;
    }
    long height = block(weight[0], scale.size(0));
    long width = block(weight[1], scale.size(1));
    if (height == 0 || width == 0) {
      return null;
    }
    long r = scale.size(0);
    long c = scale.size(1);
    return scale
        .reshape(r, 1, c, 1)
        .expand(r, height, c, width)
        .reshape(r * height, c * width)
        .narrow(0, 0, weight[0])
        .narrow(1, 0, weight[1]);
  }

  /** The edge of so many blocks of a length; 0 if there is none. */
  private static long block(long length, long blocks) {
    if (length % blocks == 0) {
      return length / blocks;
    }
    return (length + BLOCK - 1) / BLOCK == blocks ? BLOCK : 0;
  }
}
