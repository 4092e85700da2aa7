package org.peltast.tensor;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;
import org.peltast.safetensors.Checkpoint;
import org.peltast.safetensors.SafetensorsType;
import org.peltast.safetensors.SafetensorsWriter;
import org.peltast.safetensors.TensorData;
import org.peltast.safetensors.TensorInfo;

/**
 * Tensors from and to safetensors files. Values go between the file and native memory by the piece:
 * no tensor is ever whole on the Java heap, and none need fit there.
 *
 * <p>Mistakes in files are told by {@link org.peltast.safetensors.SafetensorsException}.
 */
public final class TensorFiles {
  /** Bytes that are copied, or cast, at once. */
  private static final int PIECE = 16 << 20;

  /** Elements that are read, judged and put in their place while they are in a cache. */
  private static final long FILLED = 1 << 18;

  private TensorFiles() {}

  /**
   * Reads every tensor of a checkpoint into the current scope, on the CPU, in the file's order.
   *
   * @param path a safetensors file, the index of a sharded checkpoint, or a folder with one of them
   * @throws TensorException if a tensor has a type that cannot be computed with
   */
  public static Map<String, Tensor> read(Path path) {
    try (Checkpoint checkpoint = Checkpoint.open(path)) {
      return read(checkpoint);
    }
  }

  /** Reads every tensor of an open checkpoint into the current scope, on the CPU. */
  public static Map<String, Tensor> read(Checkpoint checkpoint) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (String name : checkpoint.tensors().keySet()) {
      tensors.put(name, read(checkpoint, name));
    }
    return tensors;
  }

  /** Reads one tensor of an open checkpoint into the current scope, on the CPU. */
  public static Tensor read(Checkpoint checkpoint, String name) {
    TensorInfo info = checkpoint.require(name);
    Tensor tensor = Tensor.uninitialised(name, typeOf(checkpoint, info), info.dimensions());
    long bytes = info.byteSize();
    for (long at = 0; at < bytes; at += PIECE) {
      checkpoint.read(name, at, tensor.buffer(at, (int) Math.min(PIECE, bytes - at)));
    }
    return tensor;
  }

  /**
   * Consecutive elements of a stored tensor, on their way into a tensor of as many.
   *
   * @param name of the stored tensor, of floating-point values
   * @param from the first element, row-major
   * @param into contiguous, of any floating dtype, on any device
   * @param through a dtype that values are rounded to on the way; null for none
   */
  public record Fill(String name, long from, Tensor into, @Nullable DType through) {}

  /** A part of a {@link Fill} that fits a cache. */
  private record Piece(Fill fill, long from, long count) {}

  /**
   * Reads stored values straight to where they are to be, a piece at a time, by all threads where
   * that is memory: beside it no more than a piece for each thread is held.
   *
   * @return the name of a tensor that holds NaN or infinity; null if all are finite
   * @throws TensorException if a tensor has a type that cannot be computed with
   */
  public static @Nullable String fill(Checkpoint checkpoint, List<Fill> fills) {
    List<Piece> pieces = new ArrayList<>();
    boolean here = true;
    for (Fill fill : fills) {
      here &= fill.into().device().kind() == Device.Kind.CPU;
      for (long at = 0; at < fill.into().count(); at += FILLED) {
        pieces.add(new Piece(fill, at, Math.min(FILLED, fill.into().count() - at)));
      }
    }
    if (pieces.isEmpty()) {
      return null;
    }
    return WorkerPool.map(
            Range.deal(pieces.size(), here ? WorkerPool.size() : 1),
            share -> fillOne(checkpoint, pieces.subList(share.from(), share.end())))
        .stream()
        .filter(wrong -> !wrong.isEmpty())
        .findFirst()
        .orElse(null);
  }

  /** The name of a tensor that is not finite, or nothing. */
  private static String fillOne(Checkpoint checkpoint, List<Piece> pieces) {
    String wrong = "";
    try (Autograd off = Autograd.off()) {
      for (Piece piece : pieces) {
        try (Scope s = Scope.open()) {
          if (!fill(checkpoint, piece) && wrong.isEmpty()) {
            wrong = piece.fill().name();
          }
        }
      }
    }
    return wrong;
  }

  /** Reads a piece; whether it is finite. */
  private static boolean fill(Checkpoint checkpoint, Piece piece) {
    Fill fill = piece.fill();
    DType type = typeOf(checkpoint, checkpoint.require(fill.name()));
    Tensor into = fill.into();
    Tensor target = into.detach().reshape(into.count()).narrow(0, piece.from(), piece.count());
    boolean straight = type == into.dtype() && into.device().kind() == Device.Kind.CPU;
    Tensor read = straight ? target : Tensor.uninitialised(fill.name(), type, piece.count());
    int bytes = (int) (piece.count() * type.bytes());
    checkpoint.read(
        fill.name(), (fill.from() + piece.from()) * type.bytes(), read.buffer(0, bytes));
    // Where the sum is finite, all are; where it is not, it may have overflowed.
    boolean finite = Double.isFinite(read.sum().item()) || read.allFinite();
    DType through = fill.through();
    if (!straight || (through != null && through != type)) {
      target.copyFrom(through == null ? read : read.to(through));
    }
    return finite;
  }

  /**
   * Reads one tensor like {@link #read(Checkpoint, String)}; one of 8-bit floating-point values as
   * float32, which holds each of them exactly.
   */
  public static Tensor readWidened(Checkpoint checkpoint, String name) {
    TensorInfo info = checkpoint.require(name);
    float[] table = Float8.table(info.type());
    if (table == null) {
      return read(checkpoint, name);
    }
    Tensor tensor = Tensor.uninitialised(name, DType.FLOAT32, info.dimensions());
    long count = info.elements();
    ByteBuffer codes = ByteBuffer.allocate((int) Math.min(PIECE / Float.BYTES, count));
    for (long at = 0; at < count; at += codes.limit()) {
      codes.clear().limit((int) Math.min(codes.capacity(), count - at));
      checkpoint.read(name, at, codes);
      Float8.widen(
          table,
          codes.flip(),
          tensor.buffer(Float.BYTES * at, Float.BYTES * codes.limit()).asFloatBuffer());
    }
    return tensor;
  }

  /** Whether {@link #readWidened} widens values of that type. */
  public static boolean isWidened(SafetensorsType type) {
    return Float8.table(type) != null;
  }

  private static DType typeOf(Checkpoint checkpoint, TensorInfo info) {
    DType type = DType.of(info.type());
    if (type == null) {
      throw new TensorException(
          checkpoint.path()
              + ": tensor "
              + info.name()
              + " is "
              + info.type()
              + ", which cannot be computed with; convert the file to F32, F16 or BF16");
    }
    return type;
  }

  /** The text entries beside the tensors: {@code __metadata__}. */
  public static Map<String, String> metadata(Path path) {
    try (Checkpoint checkpoint = Checkpoint.open(path)) {
      return checkpoint.metadata();
    }
  }

  /**
   * Writes tensors, each in its own dtype, to one file: wholly or not at all.
   *
   * @param file replaced if it exists; its folder must exist
   * @param tensors on any device
   * @param metadata text entries, written in the map's order
   */
  public static void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata) {
    write(file, tensors, metadata, null);
  }

  /**
   * Like {@link #write(Path, Map, Map)}, with every floating-point tensor cast to one dtype.
   *
   * @param floats {@code BFLOAT16} for export at half the size, say; null leaves each as it is
   */
  public static void write(
      Path file,
      Map<String, Tensor> tensors,
      Map<String, String> metadata,
      @Nullable DType floats) {
    try (Pieces pieces = new Pieces()) {
      SafetensorsWriter.write(file, metadata, pieces.of(tensors, floats));
    }
  }

  /**
   * Writes tensors as a checkpoint of shards beside an index, or as one file if all fits.
   *
   * @param file where the checkpoint would be if it were one file; ends with {@code .safetensors}
   * @param floats the dtype that floating-point tensors are cast to, or null
   * @param maxShardBytes bytes of tensors in a shard, at least 1
   * @return the file, or the index
   */
  public static Path writeSharded(
      Path file,
      Map<String, Tensor> tensors,
      Map<String, String> metadata,
      @Nullable DType floats,
      long maxShardBytes) {
    if (maxShardBytes < 1 || !file.toString().endsWith(".safetensors")) {
      throw new TensorException(
          "a sharded checkpoint is named NAME.safetensors and its shards hold at least one byte;"
              + " got "
              + file
              + " and "
              + maxShardBytes);
    }
    try (Pieces pieces = new Pieces()) {
      return SafetensorsWriter.writeSharded(
          file, metadata, pieces.of(tensors, floats), maxShardBytes);
    }
  }

  /** Hands tensors to the writer piece by piece; owns what one piece and one tensor take. */
  private static final class Pieces implements AutoCloseable {
    private Scope tensorScope = Scope.detached();
    private Scope pieceScope = Scope.detached();

    List<TensorData> of(Map<String, Tensor> tensors, @Nullable DType floats) {
      List<TensorData> all = new ArrayList<>();
      for (Map.Entry<String, Tensor> e : tensors.entrySet()) {
        Tensor t = e.getValue();
        DType type = floats != null && t.dtype().isFloating() ? floats : t.dtype();
        TensorInfo info = info(e.getKey(), stored(e.getKey(), type), t);
        all.add(new TensorData(info, () -> new Walk(t, type)));
      }
      return all;
    }

    private static TensorInfo info(String name, SafetensorsType type, Tensor t) {
      try {
        return TensorInfo.of(name, type, t.shape());
      } catch (IllegalArgumentException e) {
        throw new TensorException("the tensor " + name + " cannot be written: " + e.getMessage());
      }
    }

    private static SafetensorsType stored(String name, DType type) {
      SafetensorsType stored = type.stored();
      if (stored == null) {
        throw new TensorException(
            "the tensor " + name + " is complex, which files do not hold; write asReal()");
      }
      return stored;
    }

    @Override
    public void close() {
      pieceScope.close();
      tensorScope.close();
    }

    /** The bytes of one tensor, row-major, of {@link #PIECE} elements at most each. */
    private final class Walk implements Iterator<ByteBuffer> {
      private final Tensor flat; // [count]
      private final DType type;
      private long at;

      Walk(Tensor t, DType type) {
        tensorScope.close();
        tensorScope = Scope.detached();
        try (Scope s = Scope.open();
            Autograd off = Autograd.off()) {
          flat = tensorScope.keep(t.detach().reshape(t.count()));
        }
        this.type = type;
      }

      @Override
      public boolean hasNext() {
        return at < flat.count();
      }

      @Override
      public ByteBuffer next() {
        if (!hasNext()) {
          throw new NoSuchElementException();
        }
        pieceScope.close();
        pieceScope = Scope.detached();
        long n = Math.min(PIECE / 8, flat.count() - at);
        try (Scope s = Scope.open();
            Autograd off = Autograd.off()) {
          Tensor piece = flat.narrow(0, at, n).to(type).to(Device.CPU).contiguous();
          at += n;
          return pieceScope.keep(piece).bytes();
        }
      }
    }
  }
}
