package org.peltast.models;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.peltast.models.files.Component;
import org.peltast.models.files.ForeignTensor;
import org.peltast.models.files.LinkedFiles;
import org.peltast.models.files.SingleFilePart;
import org.peltast.safetensors.Checkpoint;
import org.peltast.safetensors.SafetensorsWriter;
import org.peltast.safetensors.TensorData;
import org.peltast.safetensors.TensorInfo;
import org.peltast.tensor.TensorFiles;

/**
 * A single file for ComfyUI written as a model folder, the inverse of {@link ComfyExport}: network,
 * and where they are in the file, autoencoder and text encoders, under diffusers' names, bit for
 * bit. What no such file holds (configurations, scheduler, tokenizers) comes from a folder of a
 * model of the same shape.
 */
public final class ComfyImport {
  /** Bytes of one shard at most: what diffusers itself allows. */
  private static final long SHARD_BYTES = 10_000_000_000L;

  /** Other beginnings of names than the one that a part is written with. */
  private static final List<String> PREFIXES =
      List.of("model.diffusion_model.", "diffusion_model.", "model.", "");

  /**
   * What was written.
   *
   * @param read the components that the file had
   * @param kept those that it had not, and that are the folder's
   */
  public record Written(List<String> read, List<String> kept) {
    /** Copies the lists. */
    public Written {
      read = List.copyOf(read);
      kept = List.copyOf(kept);
    }
  }

  private ComfyImport() {}

  /**
   * Writes a model folder: wholly or not at all.
   *
   * @param file the single file
   * @param like a folder of a model of the same shape
   * @param out does not exist yet, or is empty
   * @throws ModelException naming the tensor, if the file does not fit the folder; nothing is
   *     written then
   */
  public static Written write(Path file, ModelSource like, Path out) {
    ModelFamily family = like.family();
    like.require(family);
    ModelFolder.requireNew(out);
    Path target = out.toAbsolutePath().normalize();
    ModelFolder.sweep(target);
    ModelFolder.requireNew(out); // nor anything that the sweep has put back
    Path fresh = ModelFolder.fresh(target);
    List<String> read = new ArrayList<>();
    List<String> kept = new ArrayList<>();
    try (Checkpoint single = Checkpoint.open(file)) {
      Map<String, List<TensorData>> parts = new LinkedHashMap<>();
      for (SingleFilePart part : family.singleFileParts()) {
        if (Files.isDirectory(like.folder().resolve(part.component()))) {
          List<TensorData> tensors = tensors(single, like, family, part);
          if (!tensors.isEmpty()) {
            parts.put(part.component(), tensors);
          }
        }
      }
      if (!parts.containsKey(family.networkComponent())) {
        throw new ModelException(
            file + " holds no network of the family " + family.id() + " in a single file's names");
      }
      Files.createDirectories(fresh);
      for (Map.Entry<String, List<TensorData>> part : parts.entrySet()) {
        write(part.getKey(), part.getValue(), like.folder(), fresh);
      }
      rest(like.folder(), fresh, parts.keySet(), kept);
      read.addAll(parts.keySet());
      Files.deleteIfExists(target); // an empty folder
      Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE);
      return new Written(read, kept);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      delete(fresh);
    }
  }

  /** One component's tensors in the file; none if it has none of them. */
  private static List<TensorData> tensors(
      Checkpoint single, ModelSource like, ModelFamily family, SingleFilePart part) {
    boolean network = part.component().equals(family.networkComponent());
    Component component = network ? like.network(family) : like.component(part.component());
    List<TensorData> all = new ArrayList<>();
    try (Checkpoint own = Checkpoint.open(component.weights())) {
      List<ForeignTensor> tensors = part.tensors().apply(List.copyOf(own.tensors().keySet()));
      String prefix = prefix(single, part, network, tensors);
      if (prefix != null) {
        for (ForeignTensor tensor : tensors) {
          all.addAll(split(single, own, prefix + tensor.name(), tensor));
        }
      }
    }
    return all;
  }

  /** Writes one component. */
  private static void write(String component, List<TensorData> tensors, Path like, Path fresh)
      throws IOException {
    Path to = Files.createDirectory(fresh.resolve(component));
    texts(like.resolve(component), to);
    String name = component.startsWith("text") ? "model" : "diffusion_pytorch_model";
    SafetensorsWriter.writeSharded(
        to.resolve(name + ".safetensors"), Map.of("format", "pt"), tensors, SHARD_BYTES);
  }

  /** What stands before a part's names in the file; null if it has none of its tensors. */
  private static @Nullable String prefix(
      Checkpoint single, SingleFilePart part, boolean network, List<ForeignTensor> tensors) {
    Set<String> all = new LinkedHashSet<>(List.of(part.prefix()));
    if (network) {
      all.addAll(PREFIXES);
    }
    Set<String> names = single.tensors().keySet();
    for (String prefix : all) {
      for (ForeignTensor tensor : tensors) {
        boolean own = tensor.parameters().equals(List.of(tensor.name()));
        if ((!own || !prefix.isEmpty()) && names.contains(prefix + tensor.name())) {
          return prefix;
        }
      }
    }
    return null;
  }

  /** The parameters in one tensor of the file. */
  private static List<TensorData> split(
      Checkpoint single, Checkpoint own, String name, ForeignTensor tensor) {
    TensorInfo info = single.tensors().get(name);
    List<TensorInfo> parts = tensor.parameters().stream().map(own::require).toList();
    if (info == null) {
      throw new ModelException(single.path() + ": the tensor " + name + " is missing");
    }
    if (TensorFiles.isWidened(info.type())) {
      throw new ModelException(
          single.path()
              + ": the tensor "
              + name
              + " holds 8-bit floats, which a folder does not; draw with the file by --transformer,"
              + " which widens them");
    }
    long elements = parts.stream().mapToLong(TensorInfo::elements).sum();
    boolean turned = tensor.form() == ForeignTensor.Form.TRANSPOSED;
    if (info.elements() != elements || !isLike(info, parts, turned)) {
      throw new ModelException(
          single.path()
              + ": the tensor "
              + name
              + " is "
              + info.shape()
              + ", which does not fit "
              + parts.get(0).name()
              + " "
              + parts.get(0).shape()
              + " of the model folder; name a folder of a model of the same shape");
    }
    List<TensorData> all = new ArrayList<>();
    long at = 0;
    for (TensorInfo part : parts) {
      TensorInfo wanted = TensorInfo.of(part.name(), info.type(), part.dimensions());
      long from = at;
      all.add(
          turned && wanted.dimensions().length == 2
              ? TensorData.of(wanted, () -> transposed(single, info))
              : new TensorData(
                  wanted, () -> new ComfyExport.Walk(single, info, from, wanted.byteSize())));
      at += wanted.byteSize();
    }
    return all;
  }

  /** Whether rows are as long, but for axes of length 1. */
  private static boolean isLike(TensorInfo info, List<TensorInfo> parts, boolean turned) {
    long[] there = dense(info.dimensions());
    long[] first = dense(parts.get(0).dimensions());
    if (turned) {
      return there.length == 2 && first.length == 2 && there[0] == first[1];
    }
    if (parts.size() == 1) {
      return Arrays.equals(there, first);
    }
    return there.length == first.length
        && Arrays.equals(
            Arrays.copyOfRange(there, 1, there.length), Arrays.copyOfRange(first, 1, first.length));
  }

  private static long[] dense(long[] shape) {
    return Arrays.stream(shape).filter(n -> n != 1).toArray();
  }

  private static ByteBuffer transposed(Checkpoint single, TensorInfo info) {
    return ComfyExport.transposed(single, info);
  }

  /** Everything of a component but its weights. */
  private static void texts(Path from, Path to) throws IOException {
    try (Stream<Path> list = Files.list(from)) {
      for (Path file : list.filter(Files::isRegularFile).toList()) {
        String name = String.valueOf(file.getFileName());
        if ((name.endsWith(".json") && !name.contains(".index.")) || name.endsWith(".txt")) {
          Files.copy(file, to.resolve(name));
        }
      }
    }
  }

  /** What the file did not have: whole components, and the files beside them. */
  private static void rest(Path from, Path fresh, Set<String> done, List<String> kept)
      throws IOException {
    for (String name : ModelFolder.COMPONENT_FOLDERS) {
      if (Files.isDirectory(from.resolve(name)) && !done.contains(name)) {
        LinkedFiles.put(from.resolve(name), fresh.resolve(name));
        kept.add(name);
      }
    }
    for (String name : ModelFolder.FILES) {
      if (Files.isRegularFile(from.resolve(name))) {
        Files.copy(from.resolve(name), fresh.resolve(name));
      }
    }
  }

  private static void delete(Path folder) {
    if (!Files.exists(folder)) {
      return;
    }
    try (Stream<Path> walk = Files.walk(folder)) {
      for (Path path : walk.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
