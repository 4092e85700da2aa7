package org.peltast.models;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.safetensors.Checkpoint;
import org.peltast.safetensors.TensorInfo;
import org.peltast.tensor.DType;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import org.peltast.tensor.TruncatedSvd;

/**
 * A LoRA drawn out of a trained model: the nearest change of low rank to what its training changed
 * in each layer, {@code W_student − W_teacher ≈ B A}, by the truncated SVD {@code B = U √S}, {@code
 * A = √S Vᵀ}. Only layers with a matrix or a kernel can have an adapter; what was changed in norms,
 * biases and tokens is left out, and counted.
 *
 * @param lora the adapters; alpha is the rank of each layer
 * @param change the sum over all weights of the squared change
 * @param inLayers the part of it that lies in layers that can have an adapter
 * @param kept the part of it that the adapters hold
 * @param rank the largest of a layer
 */
public record LoraExtraction(Lora lora, double change, double inLayers, double kept, int rank) {
  /** The rank unless told otherwise. */
  public static final int RANK = 64;

  /** The share of the squared change that the adapters hold, in [0, 1]. */
  public double share() {
    return kept / change;
  }

  /** The share of the squared change that lies where no adapter can be. */
  public double outside() {
    return 1 - inLayers / change;
  }

  /**
   * Draws the LoRA out, layer by layer, into the current scope: no more than one layer of both
   * models is in memory beside it.
   *
   * @param teacher the model that the LoRA is to be added to
   * @param student the model that it is to turn it into; a folder with diffusers' names, as the
   *     teacher's
   * @param rank at most so many columns of a layer
   * @throws ModelException if the models are not of one network, one has other names than
   *     diffusers', or nothing differs
   */
  public static LoraExtraction of(ModelSource teacher, ModelSource student, int rank) {
    ModelFamily family = teacher.family();
    if (!family.id().equals(student.family().id())) {
      throw new ModelException(
          String.format(
              Locale.ROOT,
              "%s is of the family %s and %s of %s: a LoRA turns a model into one of the same network",
              teacher.folder(),
              family.id(),
              student.folder(),
              student.family().id()));
    }
    try (Checkpoint before = Checkpoint.open(teacher.network(family).weights());
        Checkpoint after = Checkpoint.open(student.network(family).weights())) {
      requireOneNetwork(before, after);
      return new Sum(family, before, after, rank).extraction();
    }
  }

  private static void requireOneNetwork(Checkpoint before, Checkpoint after) {
    for (TensorInfo info : after.tensors().values()) {
      TensorInfo other = before.tensors().get(info.name());
      if (other == null || !Arrays.equals(other.dimensions(), info.dimensions())) {
        throw new ModelException(
            before.path()
                + (other == null
                    ? " has no tensor " + info.name()
                    : ": the tensor " + info.name() + " is " + other.shape())
                + ", which in "
                + after.path()
                + " is "
                + info.shape()
                + "; name the teacher that the student was distilled from, as a model folder");
      }
    }
  }

  /**
   * How a model is meant to be drawn, for the header of a LoRA that turns another into it.
   *
   * @param folder of the model
   */
  public static Map<String, String> drawing(Path folder) {
    ModelFamily family = ModelFolder.family(ModelFolder.index(folder));
    NoiseSchedule schedule = ModelFolder.schedule(folder, family);
    return DrawingNote.of(
            family,
            schedule,
            ModelFolder.settings(
                folder, family, schedule, ModelFolder.spacing(folder, family), 50, 1024))
        .metadata();
  }

  /**
   * Whether a model has the LoRA that it was trained as beside it, which is better than its like.
   */
  public static boolean isNeedless(Path folder) {
    return Files.isRegularFile(folder.resolve(Lora.FILE));
  }

  /** The layers' adapters and what they hold, one layer after another. */
  private static final class Sum {
    private final Checkpoint before;
    private final Checkpoint after;
    private final LoraLayers layers;
    private final int wanted;
    private final Map<String, Lora.Factors> factors = new LinkedHashMap<>();
    private double change;
    private double inLayers;
    private double kept;
    private int rank;

    Sum(ModelFamily family, Checkpoint before, Checkpoint after, int wanted) {
      this.before = before;
      this.after = after;
      this.wanted = wanted;
      Map<String, long[]> shapes = new LinkedHashMap<>();
      after.tensors().forEach((name, info) -> shapes.put(name, info.dimensions()));
      this.layers = new LoraLayers(family, shapes);
    }

    LoraExtraction extraction() {
      for (String name : after.tensors().keySet()) {
        add(name);
      }
      if (factors.isEmpty()) {
        throw new ModelException(
            after.path() + " has the same layers as " + before.path() + ": there is no LoRA in it");
      }
      return new LoraExtraction(new Lora(factors), change, inLayers, kept, rank);
    }

    private void add(String name) {
      try (Scope scope = Scope.open()) {
        Tensor difference = read(after, name).sub(read(before, name));
        double squares = difference.to(DType.FLOAT64).square().sum().item();
        change += squares;
        String layer = name.endsWith(".weight") ? name.substring(0, name.length() - 7) : name;
        if (squares == 0 || !layers.all().contains(layer)) {
          return;
        }
        inLayers += squares;
        long[] shape = difference.shape();
        Tensor matrix = difference.reshape(shape[0], difference.count() / shape[0]);
        int own = (int) Math.min(wanted, Math.min(matrix.size(0), matrix.size(1)));
        TruncatedSvd svd = TruncatedSvd.of(matrix, own, Rng.of(1).fork(name));
        kept += Math.min(squares, svd.s().to(DType.FLOAT64).square().sum().item());
        Tensor root = svd.s().sqrt();
        long[] down = shape.clone();
        down[0] = own;
        long[] up = new long[shape.length];
        Arrays.fill(up, 1);
        up[0] = shape[0];
        up[1] = own;
        factors.put(
            layer,
            new Lora.Factors(
                scope.release(svd.v().mul(root).transpose(0, 1).contiguous().reshape(down)),
                scope.release(svd.u().mul(root).contiguous().reshape(up)),
                own));
        rank = Math.max(rank, own);
      }
    }

    private static Tensor read(Checkpoint checkpoint, String name) {
      Tensor value = TensorFiles.readWidened(checkpoint, name).to(DType.FLOAT32);
      if (!value.allFinite()) {
        throw new ModelException(
            checkpoint.path() + ": the tensor " + name + " holds NaN or infinity");
      }
      return value;
    }
  }
}
