package org.peltast.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.UnaryOperator;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * Memory of floating-point numbers, float32 or bfloat16, on the CPU that is a tensor to libtorch
 * and bytes to Java: what kernels written here and products computed there share without copying.
 * Made once and used again and again; its first contents are zeros.
 *
 * <p>The memory lives as long as anything in Java refers to it or to one of its {@link #view
 * views}; no graph may hold one, so views are used without gradients alone.
 */
public final class HostBuffer {
  private static final int ALIGNMENT = 64; // of a cache line and of the widest vectors

  private final DType dtype;
  private final ByteBuffer bytes;
  private final FloatBuffer floats; // the same, as float32
  private final ShortBuffer shorts; // the same, as bfloat16's bits
  private final Pointer pointer;
  private final OneDnn.Place place;
  private final long[] shape;
  private final Scope scope = Scope.detached();
  private @Nullable Tensor tensor; // once asked for

  private HostBuffer(DType dtype, ByteBuffer bytes, long[] shape) {
    this.dtype = dtype;
    this.bytes = bytes;
    this.floats = bytes.asFloatBuffer();
    this.shorts = bytes.asShortBuffer();
    this.pointer = new BytePointer(bytes);
    this.place = new OneDnn.Place(dtype, () -> pointer, this);
    this.shape = shape.clone();
  }

  /** New float32 memory, as {@link #allocate(DType, long...)}. */
  public static HostBuffer allocate(long... shape) {
    return allocate(DType.FLOAT32, shape);
  }

  /**
   * New memory.
   *
   * @param dtype float32 or bfloat16
   * @throws TensorException if the dtype is another one, the shape is not one, or takes more than 2
   *     GiB
   */
  public static HostBuffer allocate(DType dtype, long... shape) {
    int size = size("allocate", dtype, shape);
    long count = size / dtype.bytes();
    MemoryGuard.require("allocate", count, dtype);
    try {
      ByteBuffer all = ByteBuffer.allocateDirect(size + 2 * ALIGNMENT).alignedSlice(ALIGNMENT);
      return new HostBuffer(dtype, all.limit(size).slice().order(ByteOrder.nativeOrder()), shape);
    } catch (OutOfMemoryError e) {
      throw new TensorException(
          "the JVM may not have "
              + size
              + " more bytes of direct memory; raise -XX:MaxDirectMemorySize or make the batch smaller",
          e);
    }
  }

  private static int size(String operation, DType dtype, long... shape) {
    if (dtype != DType.FLOAT32 && dtype != DType.BFLOAT16) {
      throw new TensorException("kept memory is of float32 or bfloat16, not of " + dtype);
    }
    long size = Shapes.requireValid(operation, shape) * dtype.bytes();
    if (size > Integer.MAX_VALUE - 2 * ALIGNMENT) {
      throw new TensorException(
          "one piece of kept memory holds at most 2 GiB, " + size + " bytes were asked for");
    }
    return (int) size;
  }

  /** Whether so many numbers would find room in this memory. */
  public boolean holds(DType as, long... numbers) {
    return size("holds", as, numbers) <= bytes.capacity();
  }

  /**
   * The beginning of the same memory, for other numbers.
   *
   * @throws TensorException if it does not hold them
   */
  public HostBuffer as(DType other, long... numbers) {
    if (!holds(other, numbers)) {
      throw new TensorException(this + " does not hold " + described(other, numbers));
    }
    ByteBuffer part = bytes.slice(0, size("as", other, numbers));
    return new HostBuffer(other, part.order(ByteOrder.nativeOrder()), numbers);
  }

  /** The number of elements. */
  public int count() {
    return bytes.capacity() / dtype.bytes();
  }

  /** Float32 or bfloat16. */
  public DType dtype() {
    return dtype;
  }

  /** The memory, in native order, from position 0 to capacity. */
  public ByteBuffer bytes() {
    return bytes;
  }

  /** Where it begins, for native functions; lives as long as this. */
  Pointer pointer() {
    return pointer;
  }

  /** Where its numbers are. */
  OneDnn.Place place() {
    return place;
  }

  /**
   * Copies numbers to an array.
   *
   * @param first the number of the first
   * @param at where in the array it goes
   * @throws TensorException if the memory is not float32, there are not so many, or no room for
   *     them
   */
  public void get(int first, float[] to, int at, int count) {
    require(DType.FLOAT32, first, to.length, at, count);
    floats.get(first, to, at, count);
  }

  /** The opposite of {@link #get(int, float[], int, int)}. */
  public void put(int first, float[] from, int at, int count) {
    require(DType.FLOAT32, first, from.length, at, count);
    floats.put(first, from, at, count);
  }

  /** As {@link #get(int, float[], int, int)}, the bits of bfloat16 numbers. */
  public void get(int first, short[] to, int at, int count) {
    require(DType.BFLOAT16, first, to.length, at, count);
    shorts.get(first, to, at, count);
  }

  /** The opposite of {@link #get(int, short[], int, int)}. */
  public void put(int first, short[] from, int at, int count) {
    require(DType.BFLOAT16, first, from.length, at, count);
    shorts.put(first, from, at, count);
  }

  private void require(DType wanted, int first, int length, int at, int count) {
    if (dtype != wanted) {
      throw new TensorException(this + " was taken for " + wanted);
    }
    if (first < 0 || at < 0 || count < 0 || count > count() - first || count > length - at) {
      throw new TensorException(
          String.format(
              Locale.ROOT,
              "%d numbers from number %d of %s and place %d of an array of %d are not there",
              count,
              first,
              this,
              at,
              length));
    }
  }

  /** All of it, in the shape that it was allocated in. */
  public synchronized Tensor tensor() {
    Tensor known = tensor;
    if (known == null) {
      known = viewed(shape);
      tensor = known;
    }
    return known;
  }

  /**
   * The same memory seen otherwise (in another shape, transposed); kept, so to be asked for once
   * and not in a loop.
   *
   * @param as from {@link #tensor} to a view of it
   */
  public Tensor view(UnaryOperator<Tensor> as) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      return scope.keep(as.apply(tensor()).keeping(bytes));
    }
  }

  private Tensor viewed(long[] as) {
    try (Scope s = Scope.open();
        BytePointer pointer = new BytePointer(bytes);
        TensorOptions options = new TensorOptions(dtype.raw())) {
      return scope.keep(
          Tensor.op("view", () -> torch.from_blob(pointer, as, options)).keeping(bytes));
    }
  }

  @Override
  public String toString() {
    return described(dtype, shape);
  }

  private static String described(DType dtype, long... shape) {
    return dtype.name().toLowerCase(Locale.ROOT) + Arrays.toString(shape);
  }
}
