package org.peltast.models;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.diffusion.StepSpacing;
import org.peltast.models.files.Component;
import org.peltast.models.files.ForeignTensor;
import org.peltast.models.files.JsonConfig;
import org.peltast.models.files.SingleFilePart;
import org.peltast.safetensors.Checkpoint;
import org.peltast.safetensors.SafetensorsWriter;
import org.peltast.safetensors.TensorData;
import org.peltast.safetensors.TensorInfo;

/**
 * A model folder written as a single file for ComfyUI, under the original code's names, with fused
 * projections: every number as it is in the folder, bit for bit, and none of them in memory for
 * longer than it takes to copy it. How the model is to be drawn goes with it: in the file's
 * metadata, as a text, and as a workflow in the form of ComfyUI's API.
 */
public final class ComfyExport {
  /** Bytes that are copied at once. */
  private static final int PIECE = 4 << 20;

  private static final int DEFAULT_STEPS = 50;
  private static final int DEFAULT_SIZE = 1024;

  /**
   * What was written.
   *
   * @param file the single file
   * @param note how to draw, as text
   * @param workflow the same as a workflow of ComfyUI's API
   * @param tensors in the file
   * @param leftOut components that ComfyUI would have in the file and the folder has in no such
   *     form
   */
  public record Written(Path file, Path note, Path workflow, int tensors, List<String> leftOut) {
    /** Copies the list. */
    public Written {
      leftOut = List.copyOf(leftOut);
    }
  }

  private ComfyExport() {}

  /**
   * Writes a model, and NAME.txt and NAME.workflow.json beside NAME.safetensors.
   *
   * @param source a model folder with diffusers' names
   * @param file ends with {@code .safetensors}; its folder is made if need be
   * @throws ModelException if the model has no form that ComfyUI reads, or its files are missing or
   *     of another tool
   */
  public static Written write(ModelSource source, Path file) {
    Path folder = source.folder();
    JsonConfig index = ModelFolder.index(folder);
    ModelFamily family = ModelFolder.family(index);
    source.require(family);
    String name = String.valueOf(file.getFileName());
    if (!name.endsWith(".safetensors")) {
      throw new ModelException(file + " does not end with .safetensors, as ComfyUI's files do");
    }
    DrawingNote note = note(folder, family);
    Path text = file.resolveSibling(name.replaceFirst("\\.safetensors$", ".txt"));
    Path workflow = file.resolveSibling(name.replaceFirst("\\.safetensors$", ".workflow.json"));
    List<Checkpoint> open = new ArrayList<>();
    List<String> leftOut = new ArrayList<>();
    try {
      List<TensorData> all = new ArrayList<>();
      for (SingleFilePart part : family.singleFileParts()) {
        Checkpoint checkpoint = checkpoint(source, family, part);
        if (checkpoint == null) {
          leftOut.add(part.component());
        } else {
          open.add(checkpoint);
          all.addAll(tensors(checkpoint, part));
        }
      }
      if (all.isEmpty()) {
        throw new ModelException(
            "models of the family " + family.id() + " have no form that ComfyUI reads");
      }
      Map<String, String> metadata = new LinkedHashMap<>();
      metadata.put("format", "pt");
      metadata.putAll(note.metadata());
      ModelFolder.makeFolderOf(file);
      SafetensorsWriter.write(file, metadata, all);
      Files.writeString(text, note.text());
      JsonConfig.write(
          workflow, ComfyWorkflow.of(note, name, !family.networkComponent().equals("unet")));
      return new Written(file, text, workflow, all.size(), leftOut);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      open.forEach(Checkpoint::close);
    }
  }

  /** A component's checkpoint; null if the folder has none in the form of the part. */
  private static @Nullable Checkpoint checkpoint(
      ModelSource source, ModelFamily family, SingleFilePart part) {
    boolean network = part.component().equals(family.networkComponent());
    Path folder = source.folder().resolve(part.component());
    if (!network && !holds(folder, part.component())) {
      return null;
    }
    return Checkpoint.open(
        network
            ? source.network(family).weights()
            : new Component(folder, source.variant(), null).weights());
  }

  /** Whether a folder holds a codec or text encoder of the classes that ComfyUI has. */
  private static boolean holds(Path folder, String component) {
    Path config = folder.resolve("config.json");
    if (!Files.exists(config)) {
      return false;
    }
    JsonConfig json = JsonConfig.read(config);
    return component.equals("vae")
        ? json.string("_class_name", "").equals("AutoencoderKL")
        : json.strings("architectures").stream()
            .anyMatch(c -> c != null && c.startsWith("CLIPText"));
  }

  /** The tensors of one part, their names checked for being diffusers'. */
  private static List<TensorData> tensors(Checkpoint checkpoint, SingleFilePart part) {
    Map<String, TensorInfo> infos = checkpoint.tensors();
    List<ForeignTensor> wanted = part.tensors().apply(List.copyOf(infos.keySet()));
    List<TensorData> all = new ArrayList<>();
    Set<String> names = new TreeSet<>();
    for (ForeignTensor tensor : wanted) {
      String name = part.prefix() + tensor.name();
      if (tensor.name().isEmpty()
          || !names.add(name)
          || !infos.keySet().containsAll(tensor.parameters())) {
        throw new ModelException(
            checkpoint.path()
                + ": the tensor "
                + String.join(", ", tensor.parameters())
                + " has no place in a single file; export a model folder with diffusers' names");
      }
      all.add(data(checkpoint, name, tensor));
    }
    if (wanted.isEmpty()) {
      throw new ModelException(
          checkpoint.path()
              + ": its tensors are in a form that ComfyUI does not have, such as several patch"
              + " sizes in one network");
    }
    return all;
  }

  private static TensorData data(Checkpoint checkpoint, String name, ForeignTensor tensor) {
    List<TensorInfo> parts = tensor.parameters().stream().map(checkpoint::require).toList();
    TensorInfo first = parts.get(0);
    long[] shape = first.dimensions();
    for (TensorInfo other : parts.subList(1, parts.size())) {
      long[] dimensions = other.dimensions();
      if (other.type() != first.type() || dimensions.length != shape.length) {
        throw new ModelException(
            checkpoint.path()
                + ": "
                + other.name()
                + " is "
                + other.type()
                + " "
                + other.shape()
                + ", which cannot be joined to "
                + first.name()
                + " "
                + first.type()
                + " "
                + first.shape());
      }
      shape[0] += dimensions[0];
    }
    boolean matrix = shape.length == 2;
    if (tensor.form() == ForeignTensor.Form.TRANSPOSED && matrix) {
      TensorInfo info = TensorInfo.of(name, first.type(), shape[1], shape[0]);
      return TensorData.of(info, () -> transposed(checkpoint, first));
    }
    if (tensor.form() == ForeignTensor.Form.KERNEL && matrix) {
      shape = Arrays.copyOf(shape, 4);
      shape[2] = 1;
      shape[3] = 1;
    }
    return new TensorData(
        TensorInfo.of(name, first.type(), shape), () -> new Joined(checkpoint, parts));
  }

  /** A small matrix with its axes exchanged. */
  static ByteBuffer transposed(Checkpoint checkpoint, TensorInfo info) {
    int rows = Math.toIntExact(info.dimensions()[0]);
    int columns = Math.toIntExact(info.dimensions()[1]);
    int size = Math.toIntExact(info.byteSize() / Math.max(1, info.elements()));
    ByteBuffer from = ByteBuffer.allocate(Math.toIntExact(info.byteSize()));
    checkpoint.read(info.name(), 0, from);
    byte[] in = from.array();
    byte[] out = new byte[in.length];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        System.arraycopy(in, (r * columns + c) * size, out, (c * rows + r) * size, size);
      }
    }
    return ByteBuffer.wrap(out);
  }

  /** Some of the bytes of a tensor, piece by piece. */
  static final class Walk implements Iterator<ByteBuffer> {
    private final Checkpoint checkpoint;
    private final TensorInfo info;
    private final ByteBuffer piece = ByteBuffer.allocate(PIECE);
    private final long end;
    private long at;

    Walk(Checkpoint checkpoint, TensorInfo info, long from, long bytes) {
      this.checkpoint = checkpoint;
      this.info = info;
      this.at = from;
      this.end = from + bytes;
    }

    @Override
    public boolean hasNext() {
      return at < end;
    }

    @Override
    public ByteBuffer next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      piece.clear().limit((int) Math.min(PIECE, end - at));
      checkpoint.read(info.name(), at, piece);
      at += piece.limit();
      return piece.flip();
    }
  }

  /** The bytes of tensors one after another. */
  private static final class Joined implements Iterator<ByteBuffer> {
    private final Iterator<Walk> walks;
    private @Nullable Walk walk;

    Joined(Checkpoint checkpoint, List<TensorInfo> parts) {
      walks = parts.stream().map(p -> new Walk(checkpoint, p, 0, p.byteSize())).iterator();
    }

    @Override
    public boolean hasNext() {
      while ((walk == null || !walk.hasNext()) && walks.hasNext()) {
        walk = walks.next();
      }
      return walk != null && walk.hasNext();
    }

    @Override
    public ByteBuffer next() {
      if (!hasNext() || walk == null) {
        throw new NoSuchElementException();
      }
      return walk.next();
    }
  }

  /** How a model folder says that it is drawn, without opening its network. */
  private static DrawingNote note(Path folder, ModelFamily family) {
    NoiseSchedule schedule = ModelFolder.schedule(folder, family);
    StepSpacing spacing = ModelFolder.spacing(folder, family);
    return DrawingNote.of(
        family,
        schedule,
        ModelFolder.settings(folder, family, schedule, spacing, DEFAULT_STEPS, DEFAULT_SIZE));
  }
}
