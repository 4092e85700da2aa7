package org.peltast.models.files;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.peltast.safetensors.Checkpoint;
import org.peltast.safetensors.SafetensorsException;
import org.peltast.safetensors.SafetensorsType;
import org.peltast.safetensors.TensorInfo;
import org.peltast.tensor.DType;

/**
 * A component of a model on disk: a folder with its {@code config.json}, and which checkpoint has
 * its weights.
 *
 * @param folder such as {@code transformer/}
 * @param variant of the checkpoints in it, as {@code fp16}; null for the plain one. Where there is
 *     none of the variant, the plain one is taken
 * @param checkpoint a safetensors file or an index that has the weights instead, wherever it lies;
 *     null for one in the folder
 * @param kept the dtype that a network's weights are kept in; see {@link
 *     org.peltast.tensor.nn.Parameters#on(org.peltast.tensor.Device, org.peltast.tensor.Precision,
 *     DType)}
 */
public record Component(
    Path folder, @Nullable String variant, @Nullable Path checkpoint, DType kept) {
  /** A folder with its plain checkpoint. */
  public static Component of(Path folder) {
    return new Component(folder, null, null);
  }

  /** A component whose weights are kept in float32. */
  public Component(Path folder, @Nullable String variant, @Nullable Path checkpoint) {
    this(folder, variant, checkpoint, DType.FLOAT32);
  }

  /** {@code config.json}. */
  public Path config() {
    return folder.resolve("config.json");
  }

  /**
   * The safetensors file or the index that has the weights.
   *
   * @throws org.peltast.safetensors.SafetensorsException if there is none, or it is not clear which
   */
  public Path weights() {
    return checkpoint != null ? checkpoint : Checkpoint.locate(folder, variant);
  }

  /**
   * The dtype to write weights in that came from the checkpoint: float32 if any of them is at least
   * that, else float16 if all are, else bfloat16.
   *
   * @throws org.peltast.safetensors.SafetensorsException if there is no checkpoint to read
   */
  public DType stored() {
    try (Checkpoint checkpoint = Checkpoint.open(weights())) {
      Set<SafetensorsType> types =
          checkpoint.tensors().values().stream().map(TensorInfo::type).collect(Collectors.toSet());
      if (types.contains(SafetensorsType.F32) || types.contains(SafetensorsType.F64)) {
        return DType.FLOAT32;
      }
      return types.equals(Set.of(SafetensorsType.F16)) ? DType.FLOAT16 : DType.BFLOAT16;
    }
  }

  /**
   * The folder's files by name, of its checkpoints those of the chosen one alone; what desktops
   * leave behind is not among them.
   */
  public List<Path> files() throws IOException {
    Set<Path> chosen = chosen();
    try (Stream<Path> list = Files.list(folder)) {
      return list.filter(Files::isRegularFile)
          .filter(file -> !String.valueOf(file.getFileName()).startsWith("."))
          .filter(file -> chosen.isEmpty() || chosen.contains(file) || !isOfACheckpoint(file))
          .sorted()
          .toList();
    }
  }

  private static boolean isOfACheckpoint(Path file) {
    return Checkpoint.isWeights(file) || Checkpoint.isIndex(file);
  }

  /**
   * The files that hold the weights: the chosen one, or the shards of the chosen index.
   *
   * @throws SafetensorsException if there is none, or it is not clear which
   */
  public List<Path> shards() {
    Path weights = weights();
    return Checkpoint.isIndex(weights) ? Checkpoint.shards(weights) : List.of(weights);
  }

  /** The files of the chosen checkpoint; none where it is not there. */
  private Set<Path> chosen() {
    try {
      Set<Path> files = new HashSet<>(shards());
      files.add(weights());
      return files;
    } catch (SafetensorsException e) {
      return Set.of();
    }
  }

  /** The variants that there are in the folder. */
  public Set<String> variants() {
    return Files.isDirectory(folder) ? Checkpoint.variants(folder) : Set.of();
  }
}
