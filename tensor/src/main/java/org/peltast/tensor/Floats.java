package org.peltast.tensor;

import java.lang.reflect.Method;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.UnaryOperator;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * Float32 memory on the CPU that is a tensor to libtorch and bytes to Java: what kernels written
 * here and products computed there share without copying. Made once and used again and again; its
 * first contents are zeros.
 *
 * <p>The memory lives as long as anything in Java refers to it or to one of its {@link #view
 * views}; no graph may hold one, so views are used without gradients alone.
 */
public final class Floats {
  private static final int ALIGNMENT = 64; // of a cache line and of the widest vectors

  // java.lang.foreign.MemorySegment.ofBuffer, by name: the Java that this is compiled for has none.
  private static final @Nullable Method OF_BUFFER = ofBuffer();

  /** Whether {@link #memory} is a memory segment. */
  public static final boolean SEGMENTS = OF_BUFFER != null;

  private final ByteBuffer bytes;
  private final Object memory;
  private final Scope scope = Scope.detached();
  private final Tensor tensor;

  private Floats(ByteBuffer bytes, long[] shape) {
    this.bytes = bytes;
    this.memory = OF_BUFFER == null ? bytes : segment(OF_BUFFER, bytes);
    this.tensor = viewed(shape);
  }

  /**
   * New memory.
   *
   * @throws TensorException if the shape is not one, or takes more than 2 GiB
   */
  public static Floats allocate(long... shape) {
    long count = Shapes.requireValid("allocate", shape);
    long size = count * Float.BYTES;
    if (size > Integer.MAX_VALUE - 2 * ALIGNMENT) {
      throw new TensorException(
          "one piece of kept memory holds at most 2 GiB, " + size + " bytes were asked for");
    }
    Memory.require("allocate", count, DType.FLOAT32);
    try {
      ByteBuffer all =
          ByteBuffer.allocateDirect((int) size + 2 * ALIGNMENT).alignedSlice(ALIGNMENT);
      return new Floats(all.limit((int) size).slice().order(ByteOrder.nativeOrder()), shape);
    } catch (OutOfMemoryError e) {
      throw new TensorException(
          "the JVM may not have "
              + size
              + " more bytes of direct memory; raise -XX:MaxDirectMemorySize or make the batch smaller",
          e);
    }
  }

  /** The number of elements. */
  public int count() {
    return bytes.capacity() / Float.BYTES;
  }

  /** The memory, in native order, from position 0 to capacity. */
  public ByteBuffer bytes() {
    return bytes;
  }

  /** The memory as native functions take it; to be closed. */
  FloatPointer pointer() {
    return new FloatPointer(bytes.asFloatBuffer());
  }

  /**
   * The memory as the JDK's vectors are read from it: a {@code java.lang.foreign.MemorySegment} of
   * {@link #bytes} if {@link #SEGMENTS}, else these themselves.
   */
  public Object memory() {
    return memory;
  }

  private static @Nullable Method ofBuffer() {
    try {
      return Class.forName("java.lang.foreign.MemorySegment").getMethod("ofBuffer", Buffer.class);
    } catch (ReflectiveOperationException e) {
      return null; // Java 17 to 19
    }
  }

  private static Object segment(Method ofBuffer, ByteBuffer bytes) {
    try {
      return ofBuffer.invoke(null, bytes);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e); // a public method, which takes every buffer
    }
  }

  /** All of it, in the shape that it was allocated in. */
  public Tensor tensor() {
    return tensor;
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
      return scope.keep(as.apply(tensor).keeping(bytes));
    }
  }

  private Tensor viewed(long[] as) {
    try (Scope s = Scope.open();
        BytePointer pointer = new BytePointer(bytes)) {
      return scope.keep(Tensor.op("view", () -> torch.from_blob(pointer, as)).keeping(bytes));
    }
  }

  @Override
  public String toString() {
    return tensor.toString();
  }
}
