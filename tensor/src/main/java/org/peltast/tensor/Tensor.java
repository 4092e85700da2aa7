package org.peltast.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * An n-dimensional array in native memory, with the operations that diffusion models need as
 * methods that read left to right, and reverse-mode differentiation.
 *
 * <p>A tensor belongs to a {@link Scope} and is unusable once that is closed. Shapes, dtypes and
 * devices are checked here, before libtorch is called; every misuse is a {@link TensorException}
 * (or an {@link IllegalStateException} for a tensor whose scope is closed), never an abort.
 *
 * <p>Binary operations broadcast their shapes as NumPy does; both sides must have the same dtype
 * and device. Dimensions may be counted from the end: −1 is the last.
 */
public final class Tensor {
  private final org.bytedeco.pytorch.Tensor raw;
  private final long[] shape;
  private final long count;
  private final DType dtype;
  private final Device device;
  private @Nullable Scope owner;

  @SuppressWarnings("UnusedVariable") // held, not read
  private @Nullable Object memory; // what must not be collected while this can be used

  private Tensor(org.bytedeco.pytorch.Tensor raw) {
    this.raw = raw;
    this.dtype = DType.of(raw.scalar_type());
    this.shape = new long[(int) raw.dim()];
    long n = 1;
    for (int i = 0; i < shape.length; i++) {
      shape[i] = raw.size(i);
      n *= shape[i];
    }
    this.count = n;
    if (raw.is_meta()) {
      this.device = Device.META;
    } else if (raw.is_cuda()) {
      try (org.bytedeco.pytorch.Device d = raw.device()) {
        this.device = Device.cuda(d.index());
      }
    } else {
      this.device = Device.CPU;
    }
  }

  private volatile @Nullable GradientWatch watch; // of a weight's gradient
  private Contributions.@Nullable Hook hook; // libtorch holds it weakly

  // ------------------------------------------------------------------ ownership

  @Nullable Scope owner() {
    return owner;
  }

  void moveTo(Scope scope) {
    if (owner == null) {
      throw closed();
    }
    owner = scope;
  }

  void free() {
    owner = null;
    raw.close();
    memory = null;
  }

  private static IllegalStateException closed() {
    return new IllegalStateException(
        "this tensor's scope is closed: keep or release the tensor before the scope ends");
  }

  /** The libtorch tensor, for this package alone. */
  org.bytedeco.pytorch.Tensor raw() {
    if (owner == null) {
      throw closed();
    }
    return raw;
  }

  /** Ties the life of what the elements lie in to this object's. */
  Tensor keeping(Object elements) {
    memory = elements;
    return this;
  }

  /** Whether the tensor can still be used: its scope is open. */
  public boolean isOpen() {
    return owner != null;
  }

  static Tensor adopt(org.bytedeco.pytorch.Tensor raw, Scope scope) {
    Tensor t = new Tensor(raw);
    t.owner = scope;
    if (t.isMeta()) {
      MetaMemory.made(raw);
    }
    return scope.keep(t);
  }

  /** Runs one native operation; what it makes belongs to the current scope. */
  static Tensor op(String name, Supplier<org.bytedeco.pytorch.Tensor> body) {
    Scope scope = Scope.current(name);
    try {
      return adopt(body.get(), scope);
    } catch (TensorException | IllegalStateException | NullPointerException e) {
      throw e;
    } catch (RuntimeException e) {
      throw failure(name, e);
    } catch (OutOfMemoryError e) {
      throw MemoryGuard.limited(name, e);
    }
  }

  /** What libtorch threw, as one sentence of ours. */
  static TensorException failure(String name, RuntimeException e) {
    String message = String.valueOf(e.getMessage());
    int end = message.indexOf('\n');
    String first = end < 0 ? message : message.substring(0, end);
    String size = MemoryGuard.refused(first);
    return size == null
        ? new TensorException(name + " failed: " + first, e)
        : new MemoryException(
            name
                + " asked for "
                + size
                + ", which the system refused; close other programs or make the batch smaller",
            e);
  }

  /** Checks that a result of so many elements of this dtype can be had. */
  private void requireMemory(String name, long elements) {
    if (device.kind() == Device.Kind.CPU) {
      MemoryGuard.require(name, elements, dtype.bytes());
    }
  }

  /** An operation that gives another view of the same memory. */
  private Tensor view(
      String name,
      java.util.function.Function<org.bytedeco.pytorch.Tensor, org.bytedeco.pytorch.Tensor> f) {
    org.bytedeco.pytorch.Tensor r = raw();
    return op(name, () -> f.apply(r));
  }

  private Tensor unary(
      String name,
      java.util.function.Function<org.bytedeco.pytorch.Tensor, org.bytedeco.pytorch.Tensor> f) {
    // Without this a view that only seems large (see expand) would be made so.
    requireMemory(name, count);
    org.bytedeco.pytorch.Tensor r = raw();
    return op(name, () -> f.apply(r));
  }

  private Tensor binary(
      String name, Tensor other, java.util.function.BinaryOperator<org.bytedeco.pytorch.Tensor> f) {
    requireSameKind(name, other);
    requireMemory(
        name,
        Arrays.equals(shape, other.shape)
            ? count
            : Shapes.requireValid(name, Shapes.broadcast(name, shape, other.shape)));
    org.bytedeco.pytorch.Tensor a = raw();
    org.bytedeco.pytorch.Tensor b = other.raw();
    return op(name, () -> f.apply(a, b));
  }

  private Tensor scalar(
      String name,
      double value,
      java.util.function.BiFunction<
              org.bytedeco.pytorch.Tensor, Scalar, org.bytedeco.pytorch.Tensor>
          f) {
    requireMemory(name, count);
    org.bytedeco.pytorch.Tensor r = raw();
    return op(
        name,
        () -> {
          try (Scalar s = Scalars.of(dtype, value)) {
            return f.apply(r, s);
          }
        });
  }

  private void requireSameKind(String name, Tensor other) {
    if (other.dtype != dtype) {
      throw new TensorException(
          name
              + " of "
              + this
              + " and "
              + other
              + ": the dtypes differ; convert one with to(DType)");
    }
    if (!other.device.equals(device)) {
      throw new TensorException(
          name
              + " of "
              + this
              + " and "
              + other
              + ": the devices differ; move one with to(Device)");
    }
  }

  /** Whether there are no numbers: see {@link Device#META}. */
  private boolean isMeta() {
    return device.kind() == Device.Kind.META;
  }

  private void requireNumbers(String name) {
    if (isMeta()) {
      throw new TensorException(
          name + " reads numbers, and " + this + " has none: what depends on them waits for one");
    }
  }

  private void requireReal(String name) {
    if (dtype == DType.COMPLEX64) {
      throw new TensorException(name + " needs real numbers, got " + this + "; see asReal");
    }
  }

  private void requireFloating(String name) {
    if (!dtype.isFloating()) {
      throw new TensorException(name + " needs a floating-point tensor, got " + this);
    }
  }

  // ------------------------------------------------------------------ making

  static TensorOptions options(DType dtype, Device device) {
    Engine.requireUsable(device);
    TensorOptions options = new TensorOptions(dtype.raw());
    if (device.kind() != Device.Kind.CPU) {
      try (org.bytedeco.pytorch.Device d = Engine.raw(device);
          org.bytedeco.pytorch.DeviceOptional o = new org.bytedeco.pytorch.DeviceOptional(d)) {
        TensorOptions placed = options.device(o);
        options.close();
        return placed;
      }
    }
    return options;
  }

  private static Tensor fill(String name, double value, DType dtype, Device device, long... shape) {
    long count = Shapes.requireValid(name, shape);
    if (device.kind() == Device.Kind.CPU) {
      MemoryGuard.require(name, count, dtype);
    }
    return op(
        name,
        () -> {
          try (TensorOptions o = options(dtype, device);
              Scalar s = Scalars.of(dtype, value)) {
            return torch.full(shape, s, o);
          }
        });
  }

  /** A tensor on the CPU whose elements are whatever lay in its memory: to be overwritten. */
  static Tensor uninitialised(String name, DType dtype, long... shape) {
    MemoryGuard.require(name, Shapes.requireValid(name, shape), dtype);
    return op(
        name,
        () -> {
          try (TensorOptions o = options(dtype, Device.CPU);
              MemoryFormatOptional any = new MemoryFormatOptional()) {
            return torch.empty(shape, o, any);
          }
        });
  }

  /** A tensor of zeros. */
  public static Tensor zeros(DType dtype, Device device, long... shape) {
    return fill("zeros", 0, dtype, device, shape);
  }

  /** A float32 tensor of zeros on the CPU. */
  public static Tensor zeros(long... shape) {
    return fill("zeros", 0, DType.FLOAT32, Device.CPU, shape);
  }

  /** A float32 tensor of ones on the CPU. */
  public static Tensor ones(long... shape) {
    return fill("ones", 1, DType.FLOAT32, Device.CPU, shape);
  }

  /** A tensor filled with one value. */
  public static Tensor full(double value, DType dtype, Device device, long... shape) {
    return fill("full", value, dtype, device, shape);
  }

  /** A float32 tensor [1]-free scalar (rank 0) on the CPU. */
  public static Tensor scalar(double value) {
    return fill("scalar", value, DType.FLOAT32, Device.CPU);
  }

  /** A float32 tensor on the CPU with a copy of these values, row-major. */
  public static Tensor of(float[] values, long... shape) {
    Shapes.requireCount("of", values.length, shape);
    Tensor t = uninitialised("of", DType.FLOAT32, shape);
    t.buffer().asFloatBuffer().put(values);
    return t;
  }

  /** A float64 tensor on the CPU with a copy of these values, row-major. */
  public static Tensor of(double[] values, long... shape) {
    Shapes.requireCount("of", values.length, shape);
    Tensor t = uninitialised("of", DType.FLOAT64, shape);
    t.buffer().asDoubleBuffer().put(values);
    return t;
  }

  /** An int64 tensor on the CPU with a copy of these values, row-major. */
  public static Tensor of(long[] values, long... shape) {
    Shapes.requireCount("of", values.length, shape);
    Tensor t = uninitialised("of", DType.INT64, shape);
    t.buffer().asLongBuffer().put(values);
    return t;
  }

  /**
   * A tensor on the CPU with a copy of the buffer's remaining bytes, in native order, row-major.
   *
   * @throws TensorException if the bytes are not exactly those of the shape
   */
  public static Tensor of(ByteBuffer bytes, DType dtype, long... shape) {
    long count = Shapes.requireValid("of", shape);
    if (bytes.remaining() != count * dtype.bytes()) {
      throw new TensorException(
          "of: "
              + Arrays.toString(shape)
              + " "
              + dtype
              + " takes "
              + count * dtype.bytes()
              + " bytes, got "
              + bytes.remaining());
    }
    Tensor t = uninitialised("of", dtype, shape);
    if (count > 0) {
      t.buffer().put(bytes.duplicate());
    }
    return t;
  }

  /** The int64 tensor [0, 1, …, n − 1] on the CPU. */
  public static Tensor arange(long n) {
    if (n < 0) {
      throw new TensorException("arange: the length " + n + " is negative");
    }
    MemoryGuard.require("arange", Shapes.requireValid("arange", new long[] {n}), 8);
    return op(
        "arange",
        () -> {
          try (Scalar end = new Scalar(n);
              TensorOptions o = options(DType.INT64, Device.CPU)) {
            return torch.arange(end, o);
          }
        });
  }

  // ------------------------------------------------------------------ looking

  /** The sizes of the dimensions; a copy. */
  public long[] shape() {
    return shape.clone();
  }

  /** The size of one dimension. */
  public long size(int dim) {
    return shape[Shapes.dim("size", dim, shape.length)];
  }

  /** The number of dimensions. */
  public int rank() {
    return shape.length;
  }

  /** The number of elements. */
  public long count() {
    return count;
  }

  /** The element type. */
  public DType dtype() {
    return dtype;
  }

  /** Where the memory lies. */
  public Device device() {
    return device;
  }

  /** Whether the shape is exactly this one. */
  public boolean hasShape(long... expected) {
    return Arrays.equals(shape, expected);
  }

  /** The only element, as a double; waits for the device. */
  public double item() {
    if (count() != 1) {
      throw new TensorException("item needs a tensor of one element, got " + this);
    }
    requireReal("item");
    requireNumbers("item");
    org.bytedeco.pytorch.Tensor r = raw();
    try (Scalar s = r.item()) {
      return dtype == DType.BOOL ? (s.toBool() ? 1 : 0) : s.toDouble();
    } catch (RuntimeException e) {
      throw failure("item", e); // a device's earlier failure is told here
    }
  }

  /** The elements as floats, row-major, whatever the dtype; waits for the device. */
  public float[] toFloats() {
    requireReal("toFloats");
    requireNumbers("toFloats");
    int n = MemoryGuard.requireArray("toFloats", count, 4);
    try (Scope s = Scope.open()) {
      float[] out = new float[n];
      if (n > 0) {
        Tensor t = to(DType.FLOAT32).to(Device.CPU).detach().contiguous();
        t.buffer().asFloatBuffer().get(out);
      }
      return out;
    }
  }

  /**
   * Copies float32 elements, row-major, without a new array.
   *
   * @param at where in the array they go
   * @throws TensorException if they are not float32 and contiguous on the CPU, or have no room
   */
  public void get(float[] to, int at) {
    requireFloats("get", to, at);
    buffer().asFloatBuffer().get(to, at, (int) count);
  }

  /** Overwrites the elements: the opposite of {@link #get}. */
  public Tensor put(float[] from, int at) {
    requireFloats("put", from, at);
    return inPlace("put", () -> buffer().asFloatBuffer().put(from, at, (int) count));
  }

  private void requireFloats(String name, float[] array, int at) {
    if (dtype != DType.FLOAT32) {
      throw new TensorException(name + " copies float32, not " + this);
    }
    if (at < 0 || at > array.length || count > array.length - at) {
      throw new TensorException(
          String.format(
              Locale.ROOT,
              "%s: from place %d on an array of %d has not as many as %s",
              name,
              at,
              array.length,
              this));
    }
  }

  /** The elements as doubles, row-major, whatever the dtype; waits for the device. */
  public double[] toDoubles() {
    requireReal("toDoubles");
    requireNumbers("toDoubles");
    int n = MemoryGuard.requireArray("toDoubles", count, 8);
    try (Scope s = Scope.open()) {
      double[] out = new double[n];
      if (n > 0) {
        Tensor t = to(DType.FLOAT64).to(Device.CPU).detach().contiguous();
        t.buffer().asDoubleBuffer().get(out);
      }
      return out;
    }
  }

  /** The elements as longs, row-major; waits for the device. */
  public long[] toLongs() {
    requireReal("toLongs");
    requireNumbers("toLongs");
    int n = MemoryGuard.requireArray("toLongs", count, 8);
    try (Scope s = Scope.open()) {
      long[] out = new long[n];
      if (n > 0) {
        Tensor t = to(DType.INT64).to(Device.CPU).detach().contiguous();
        t.buffer().asLongBuffer().get(out);
      }
      return out;
    }
  }

  /**
   * A copy of the elements' bytes on the Java heap, row-major, in native order; waits for the
   * device. For files see {@link TensorFiles}, which copies by the piece.
   */
  public ByteBuffer bytes() {
    requireNumbers("bytes");
    int n = MemoryGuard.requireArray("bytes", count, dtype.bytes());
    try (Scope s = Scope.open()) {
      byte[] copy = new byte[n * dtype.bytes()];
      to(Device.CPU).detach().contiguous().buffer().get(copy);
      return ByteBuffer.wrap(copy).order(ByteOrder.nativeOrder());
    }
  }

  /** A view of a contiguous CPU tensor's own memory: it must not outlive the tensor. */
  private ByteBuffer buffer() {
    long size = count * dtype.bytes();
    if (size > Integer.MAX_VALUE) {
      throw new TensorException(
          "one buffer holds at most 2 GiB, " + this + " has more; narrow it first");
    }
    return buffer(0, (int) size);
  }

  /** A view of some bytes of a contiguous CPU tensor of any size, counted from its beginning. */
  ByteBuffer buffer(long from, int length) {
    if (!isPlain()) {
      throw new TensorException("bytes needs a contiguous tensor on the CPU, got " + this);
    }
    if (length == 0) {
      return ByteBuffer.allocate(0).order(ByteOrder.nativeOrder());
    }
    try (Pointer p = raw().data_ptr();
        BytePointer b = new BytePointer(p)) {
      return b.position(from).limit(from + length).asByteBuffer().order(ByteOrder.nativeOrder());
    }
  }

  /** Whether every element is finite; waits for the device. */
  public boolean allFinite() {
    requireNumbers("allFinite");
    try (Scope s = Scope.open()) {
      return unary(
                  "allFinite",
                  r -> {
                    try (org.bytedeco.pytorch.Tensor f = r.isfinite()) {
                      return f.all();
                    }
                  })
              .item()
          != 0;
    }
  }

  @Override
  public String toString() {
    return dtype.name().toLowerCase(java.util.Locale.ROOT)
        + Arrays.toString(shape)
        + (device.kind() == Device.Kind.CPU ? "" : " on " + device)
        + (owner == null ? " (closed)" : "");
  }

  // ------------------------------------------------------------------ conversions

  /** This tensor in another dtype (itself if it has that dtype already); differentiable. */
  public Tensor to(DType wanted) {
    if (wanted == dtype) {
      raw();
      return this;
    }
    if (wanted == DType.COMPLEX64 || dtype == DType.COMPLEX64) {
      throw new TensorException(
          "to(DType) does not convert complex tensors: use asComplex and asReal");
    }
    if (device.kind() == Device.Kind.CPU) {
      MemoryGuard.require("to", count, wanted.bytes());
    }
    return view("to", r -> r.to(wanted.raw()));
  }

  /** This tensor on another device (itself if it lies there already); differentiable. */
  public Tensor to(Device wanted) {
    if (wanted.equals(device)) {
      raw();
      return this;
    }
    Engine.requireUsable(wanted);
    requireNumbers("to(Device)");
    return unary(
        "to",
        r -> {
          try (org.bytedeco.pytorch.Device d = Engine.raw(wanted)) {
            return r.to(d, dtype.raw());
          }
        });
  }

  // ------------------------------------------------------------------ arithmetic

  /** Element-wise sum. */
  public Tensor add(Tensor other) {
    return binary("add", other, (a, b) -> a.add(b));
  }

  /** Adds a number to every element. */
  public Tensor add(double value) {
    return scalar("add", value, (a, s) -> a.add(s));
  }

  /** Element-wise difference. */
  public Tensor sub(Tensor other) {
    return binary("sub", other, (a, b) -> a.sub(b));
  }

  /** Subtracts a number from every element. */
  public Tensor sub(double value) {
    return scalar("sub", value, (a, s) -> a.sub(s));
  }

  /** Element-wise product. */
  public Tensor mul(Tensor other) {
    return binary("mul", other, (a, b) -> a.mul(b));
  }

  /** Multiplies every element by a number. */
  public Tensor mul(double value) {
    return scalar("mul", value, (a, s) -> a.mul(s));
  }

  /** Element-wise quotient. */
  public Tensor div(Tensor other) {
    return binary("div", other, (a, b) -> a.div(b));
  }

  /** Divides every element by a number. */
  public Tensor div(double value) {
    return scalar("div", value, (a, s) -> a.div(s));
  }

  /** Element-wise smaller of the two. */
  public Tensor minimum(Tensor other) {
    return binary("minimum", other, torch::minimum);
  }

  /** Element-wise larger of the two. */
  public Tensor maximum(Tensor other) {
    return binary("maximum", other, torch::maximum);
  }

  /** {@code this + weight · other}. */
  public Tensor addScaled(Tensor other, double weight) {
    requireFloating("addScaled");
    return binary(
        "addScaled",
        other,
        (a, b) -> {
          try (Scalar s = new Scalar(weight)) {
            return a.add(b, s);
          }
        });
  }

  /** {@code −this}. */
  public Tensor neg() {
    return unary("neg", r -> r.neg());
  }

  /** Absolute value. */
  public Tensor abs() {
    return isMeta() ? mul(this) : unary("abs", r -> r.abs()); // both keep what they are given
  }

  /** {@code this²}. */
  public Tensor square() {
    return unary("square", r -> r.square());
  }

  /** Square root. */
  public Tensor sqrt() {
    requireFloating("sqrt");
    return unary("sqrt", r -> r.sqrt());
  }

  /** {@code 1/√this}. */
  public Tensor rsqrt() {
    requireFloating("rsqrt");
    return unary("rsqrt", r -> r.rsqrt());
  }

  /** Exponential. */
  public Tensor exp() {
    requireFloating("exp");
    return unary("exp", r -> r.exp());
  }

  /** Natural logarithm. */
  public Tensor log() {
    requireFloating("log");
    return unary("log", r -> r.log());
  }

  /** Sine. */
  public Tensor sin() {
    requireFloating("sin");
    return unary("sin", r -> r.sin());
  }

  /** Cosine. */
  public Tensor cos() {
    requireFloating("cos");
    return unary("cos", r -> r.cos());
  }

  /** Hyperbolic tangent. */
  public Tensor tanh() {
    requireFloating("tanh");
    return unary("tanh", r -> r.tanh());
  }

  /** Logistic function. */
  public Tensor sigmoid() {
    requireFloating("sigmoid");
    return unary("sigmoid", torch::sigmoid);
  }

  /** {@code this · sigmoid(this)}. */
  public Tensor silu() {
    requireFloating("silu");
    return unary("silu", torch::silu);
  }

  /** The exact Gaussian error linear unit. */
  public Tensor gelu() {
    requireFloating("gelu");
    return unary("gelu", r -> torch.gelu(r));
  }

  /** The Gaussian error linear unit by its approximation with tanh, as some checkpoints want it. */
  public Tensor geluTanh() {
    requireFloating("geluTanh");
    return unary(
        "geluTanh",
        r -> {
          try (BytePointer tanh = new BytePointer("tanh")) {
            return torch.gelu(r, tanh);
          }
        });
  }

  /** {@code max(0, this)}. */
  public Tensor relu() {
    return isMeta() ? sigmoid() : unary("relu", torch::relu); // both keep what they give
  }

  /** {@code ln(1 + e^this)}, computed without overflow. */
  public Tensor softplus() {
    requireFloating("softplus");
    return unary("softplus", r -> torch.softplus(r));
  }

  /** Every element raised to a power. */
  public Tensor pow(double exponent) {
    requireFloating("pow");
    return scalar("pow", exponent, (a, s) -> a.pow(s));
  }

  /** Every element limited to [low, high]. */
  public Tensor clamp(double low, double high) {
    if (!(low <= high)) {
      throw new TensorException("clamp: the range [" + low + ", " + high + "] is empty");
    }
    if (isMeta()) {
      return mul(this); // keeps the same
    }
    requireMemory("clamp", count);
    org.bytedeco.pytorch.Tensor r = raw();
    return op(
        "clamp",
        () -> {
          try (Scalar lo = Scalars.of(dtype, low);
              Scalar hi = Scalars.of(dtype, high);
              ScalarOptional l = new ScalarOptional(lo);
              ScalarOptional h = new ScalarOptional(hi)) {
            return torch.clamp(r, l, h);
          }
        });
  }

  /** NaN and infinities replaced by the given number. */
  public Tensor finiteOr(double value) {
    requireFloating("finiteOr");
    if (isMeta()) {
      return add(value); // as large
    }
    requireMemory("finiteOr", count);
    org.bytedeco.pytorch.Tensor r = raw();
    return op(
        "finiteOr",
        () -> {
          try (DoubleOptional v = new DoubleOptional(value)) {
            return torch.nan_to_num(r, v, v, v);
          }
        });
  }

  /** A BOOL tensor: where this is less than the number. */
  public Tensor lessThan(double value) {
    return scalar("lessThan", value, (a, s) -> a.lt(s));
  }

  /** A BOOL tensor: where the two are equal. */
  public Tensor equalTo(Tensor other) {
    return binary("equalTo", other, (a, b) -> a.eq(b));
  }

  /** {@code condition ? this : other}, element by element; the condition is BOOL. */
  public Tensor where(Tensor condition, Tensor other) {
    if (condition.dtype != DType.BOOL) {
      throw new TensorException("where needs a BOOL condition, got " + condition);
    }
    requireSameKind("where", other);
    if (!condition.device.equals(device)) {
      throw new TensorException(
          "where: the condition lies on " + condition.device + ", the tensor on " + device);
    }
    requireMemory(
        "where",
        Shapes.requireValid(
            "where",
            Shapes.broadcast(
                "where", condition.shape, Shapes.broadcast("where", shape, other.shape))));
    org.bytedeco.pytorch.Tensor c = condition.raw();
    return binary("where", other, (a, b) -> torch.where(c, a, b));
  }

  // ------------------------------------------------------------------ reductions

  /** The sum of all elements, rank 0. */
  public Tensor sum() {
    return unary("sum", r -> torch.sum(r));
  }

  /** The sum over some dimensions, which stay as 1 or go. */
  public Tensor sum(boolean keep, int... dims) {
    long[] d = Shapes.dims("sum", shape.length, dims);
    return unary(
        "sum",
        r -> {
          try (ScalarTypeOptional none = new ScalarTypeOptional()) {
            return torch.sum(r, d, keep, none);
          }
        });
  }

  /** The mean of all elements, rank 0. */
  public Tensor mean() {
    requireFloating("mean");
    return unary("mean", r -> torch.mean(r));
  }

  /** The mean over some dimensions, which stay as 1 or go. */
  public Tensor mean(boolean keep, int... dims) {
    requireFloating("mean");
    long[] d = Shapes.dims("mean", shape.length, dims);
    return unary(
        "mean",
        r -> {
          try (ScalarTypeOptional none = new ScalarTypeOptional()) {
            return torch.mean(r, d, keep, none);
          }
        });
  }

  /** The variance over some dimensions, dividing by n (not n − 1). */
  public Tensor variance(boolean keep, int... dims) {
    requireFloating("variance");
    long[] d = Shapes.dims("variance", shape.length, dims);
    Shapes.requireNotEmpty("variance", shape, d);
    if (isMeta()) {
      return MetaOperators.variance(this, keep, dims);
    }
    return unary("variance", r -> r.var(d, false, keep));
  }

  /** The Euclidean norm over some dimensions. */
  public Tensor norm(boolean keep, int... dims) {
    requireFloating("norm");
    long[] d = Shapes.dims("norm", shape.length, dims);
    return unary(
        "norm",
        r -> {
          try (Scalar two = new Scalar(2.0);
              ScalarTypeOptional none = new ScalarTypeOptional()) {
            return torch.linalg_vector_norm(r, two, d, keep, none);
          }
        });
  }

  /** The largest value over one dimension. */
  public Tensor max(boolean keep, int dim) {
    long[] d = Shapes.dims("max", shape.length, dim);
    Shapes.requireNotEmpty("max", shape, d);
    return unary("max", r -> torch.amax(r, d, keep));
  }

  /** The index of the largest value over one dimension, int64. */
  public Tensor argmax(int dim) {
    int d = Shapes.dim("argmax", dim, shape.length);
    Shapes.requireNotEmpty("argmax", shape, d);
    return unary(
        "argmax",
        r -> {
          try (LongOptional o = new LongOptional(d)) {
            return r.argmax(o, false);
          }
        });
  }

  // ------------------------------------------------------------------ linear algebra

  /** Matrix product over the last two dimensions; leading dimensions broadcast. */
  public Tensor matmul(Tensor other) {
    requireSameKind("matmul", other);
    requireFloating("matmul");
    requireMemory("matmul", count);
    requireMemory("matmul", other.count);
    requireMemory("matmul", Shapes.requireMatmul(shape, other.shape));
    if (isMeta() && rank() > 3 && other.rank() == rank()) {
      return MetaOperators.matmul(this, other);
    }
    return op2("matmul", other, (a, b) -> a.matmul(b));
  }

  private Tensor op2(
      String name, Tensor other, java.util.function.BinaryOperator<org.bytedeco.pytorch.Tensor> f) {
    org.bytedeco.pytorch.Tensor a = raw();
    org.bytedeco.pytorch.Tensor b = other.raw();
    return op(name, () -> f.apply(a, b));
  }

  /**
   * {@code this · weightᵀ + bias}: this [..., in], weight [out, in], bias [out] or null.
   *
   * @return [..., out]
   */
  public Tensor linear(Tensor weight, @Nullable Tensor bias) {
    requireSameKind("linear", weight);
    requireFloating("linear");
    if (weight.rank() != 2 || rank() == 0 || shape[rank() - 1] != weight.shape[1]) {
      throw new TensorException(
          "linear of "
              + this
              + " by weight "
              + weight
              + ": the last dimension must be the weight's second");
    }
    requireMemory("linear", count);
    requireMemory("linear", weight.count);
    requireMemory(
        "linear",
        Shapes.product(
            "linear", weight.shape[1] == 0 ? 0 : count / weight.shape[1], weight.shape[0]));
    if (bias == null) {
      return op2("linear", weight, (a, w) -> torch.linear(a, w));
    }
    requireSameKind("linear", bias);
    if (!bias.hasShape(weight.shape[0])) {
      throw new TensorException("linear: the bias " + bias + " does not fit the weight " + weight);
    }
    org.bytedeco.pytorch.Tensor b = bias.raw();
    return op2(
        "linear",
        weight,
        (a, w) -> {
          try (TensorOptional o = new TensorOptional(b)) {
            return torch.linear(a, w, o);
          }
        });
  }

  /** Eigenvalues of symmetric matrices [..., n, n], ascending: [..., n]. */
  public Tensor symmetricEigenvalues() {
    if (rank() < 2
        || shape[rank() - 1] != shape[rank() - 2]
        || (dtype != DType.FLOAT32 && dtype != DType.FLOAT64)
        || count == 0) {
      throw new TensorException(
          "symmetricEigenvalues needs float32 or float64 square matrices, got " + this);
    }
    return unary("symmetricEigenvalues", r -> torch.linalg_eigvalsh(r));
  }

  // ------------------------------------------------------------------ shapes

  /** The same elements in another shape; one size may be −1, which is then computed. */
  public Tensor reshape(long... wanted) {
    long[] full = Shapes.infer("reshape", count(), wanted);
    return unary("reshape", r -> r.reshape(full));
  }

  /** Dimensions in another order. */
  public Tensor permute(int... order) {
    long[] d = Shapes.permutation(shape.length, order);
    return view("permute", r -> r.permute(d));
  }

  /** Two dimensions swapped. */
  public Tensor transpose(int a, int b) {
    int i = Shapes.dim("transpose", a, shape.length);
    int j = Shapes.dim("transpose", b, shape.length);
    return view("transpose", r -> r.transpose(i, j));
  }

  /** Dimensions of size 1 repeated to the given shape without copying; −1 keeps a size. */
  public Tensor expand(long... wanted) {
    long[] full = Shapes.expand(shape, wanted);
    return view("expand", r -> r.expand(full));
  }

  /** A dimension of size 1 put in at the given place. */
  public Tensor unsqueeze(int dim) {
    int d = Shapes.dim("unsqueeze", dim, shape.length + 1);
    return view("unsqueeze", r -> r.unsqueeze(d));
  }

  /** A dimension of size 1 taken out. */
  public Tensor squeeze(int dim) {
    int d = Shapes.dim("squeeze", dim, shape.length);
    if (shape[d] != 1) {
      throw new TensorException("squeeze: dimension " + dim + " of " + this + " is not of size 1");
    }
    return view("squeeze", r -> r.squeeze((long) d));
  }

  /** The dimensions first … last merged into one. */
  public Tensor flatten(int first, int last) {
    int a = Shapes.dim("flatten", first, shape.length);
    int b = Shapes.dim("flatten", last, shape.length);
    if (a > b) {
      throw new TensorException("flatten: dimension " + first + " comes after " + last);
    }
    return unary("flatten", r -> r.flatten(a, b));
  }

  /** The part [start, start + length) of one dimension, sharing memory. */
  public Tensor narrow(int dim, long start, long length) {
    int d = Shapes.dim("narrow", dim, shape.length);
    if (start < 0 || length < 0 || start > shape[d] - length) {
      throw new TensorException(
          "narrow: ["
              + start
              + ", "
              + start
              + " + "
              + length
              + ") is outside dimension "
              + dim
              + " of "
              + this);
    }
    return view("narrow", r -> r.narrow(d, start, length));
  }

  /** One slice of a dimension, which goes; shares memory. */
  public Tensor select(int dim, long index) {
    int d = Shapes.dim("select", dim, shape.length);
    if (index < 0 || index >= shape[d]) {
      throw new TensorException(
          "select: index " + index + " is outside dimension " + dim + " of " + this);
    }
    return view("select", r -> r.select(d, index));
  }

  /** The slices of one dimension at the given indices (int64 [n]), in their order. */
  public Tensor indexSelect(int dim, Tensor indices) {
    int d = Shapes.dim("indexSelect", dim, shape.length);
    if (indices.dtype != DType.INT64 || indices.rank() != 1) {
      throw new TensorException("indexSelect needs int64 indices [n], got " + indices);
    }
    if (!indices.device.equals(device)) {
      throw new TensorException(
          "indexSelect: the indices lie on " + indices.device + ", the tensor on " + device);
    }
    requireMemory("indexSelect", count);
    requireMemory(
        "indexSelect",
        Shapes.product("indexSelect", shape[d] == 0 ? 0 : count / shape[d], indices.count));
    indices.requireWithin("indexSelect", shape[d], "dimension " + dim + " of ", this);
    return op2("indexSelect", indices, (a, i) -> a.index_select(d, i));
  }

  /**
   * The same where the indices are known: nobody waits for the device to check them.
   *
   * @throws TensorException if one is outside of the dimension
   */
  public Tensor indexSelect(int dim, long... indices) {
    int d = Shapes.dim("indexSelect", dim, shape.length);
    for (long i : indices) {
      if (i < 0 || i >= shape[d]) {
        throw new TensorException(
            "indexSelect: index " + i + " is outside dimension " + dim + " of " + this);
      }
    }
    requireMemory("indexSelect", Shapes.product("indexSelect", count / shape[d], indices.length));
    if (isMeta()) {
      return MetaOperators.indexSelect(this, d, indices.length);
    }
    return Scope.compute(
        () ->
            op2(
                "indexSelect",
                of(indices, indices.length).to(device),
                (a, i) -> a.index_select(d, i)));
  }

  /** Checks that all of these whole numbers are in [0, n): native code would read elsewhere. */
  private void requireWithin(String name, long n, String what, Tensor of) {
    if (count == 0) {
      return;
    }
    requireNumbers(name);
    long low;
    long high;
    // Few numbers are read faster than two reductions start.
    if (count <= 4096 && device.kind() == Device.Kind.CPU) {
      low = Long.MAX_VALUE;
      high = Long.MIN_VALUE;
      for (long i : toLongs()) {
        low = Math.min(low, i);
        high = Math.max(high, i);
      }
    } else {
      try (Scope s = Scope.open();
          Autograd off = Autograd.off()) {
        low = (long) unary(name, r -> r.min()).item();
        high = (long) unary(name, r -> r.max()).item();
      }
    }
    if (low < 0 || high >= n) {
      throw new TensorException(
          name + ": index " + (low < 0 ? low : high) + " is outside " + what + of);
    }
  }

  /** Equal parts of one dimension, sharing memory. */
  public List<Tensor> chunk(int parts, int dim) {
    int d = Shapes.dim("chunk", dim, shape.length);
    if (parts < 1 || parts > Math.max(1, shape[d]) || shape[d] % parts != 0) {
      throw new TensorException(
          "chunk: dimension "
              + dim
              + " of "
              + this
              + " does not split into "
              + parts
              + " equal parts");
    }
    long n = shape[d] / parts;
    Tensor[] out = new Tensor[parts];
    for (int i = 0; i < parts; i++) {
      out[i] = narrow(dim, i * n, n);
    }
    return List.of(out);
  }

  /** The same elements laid out row-major. */
  public Tensor contiguous() {
    return unary("contiguous", r -> r.contiguous());
  }

  /**
   * The same elements of images [B, C, H, W] with a pixel's channels side by side in memory, which
   * is how convolutions are fastest; what is computed from them stays laid out so.
   */
  public Tensor channelsLast() {
    if (rank() != 4) {
      throw new TensorException("channelsLast takes images [B, C, H, W], got " + this);
    }
    return unary("channelsLast", r -> r.contiguous(torch.MemoryFormat.ChannelsLast));
  }

  /**
   * This with zeros after its end along a dimension, up to a size.
   *
   * @throws TensorException if it is longer already
   */
  public Tensor extend(int dim, long size) {
    int d = Shapes.dim("extend", dim, rank());
    long missing = size - shape[d];
    if (missing < 0) {
      throw new TensorException(
          "extend: dimension " + dim + " of " + this + " is longer than " + size + " already");
    }
    if (missing == 0) {
      return this;
    }
    long[] zeros = shape.clone();
    zeros[d] = missing;
    return cat(List.of(this, zeros(dtype, device, zeros)), d);
  }

  /** The tensors one after the other along a dimension. */
  public static Tensor cat(List<Tensor> parts, int dim) {
    if (parts.isEmpty()) {
      throw new TensorException("cat needs at least one tensor");
    }
    Tensor first = parts.get(0);
    int d = Shapes.dim("cat", dim, first.rank());
    for (Tensor p : parts) {
      first.requireSameKind("cat", p);
      Shapes.requireEqualExcept("cat", first.shape, p.shape, d);
    }
    return joined("cat", parts, v -> torch.cat(v, d));
  }

  /** The tensors, of one shape, along a new dimension. */
  public static Tensor stack(List<Tensor> parts, int dim) {
    if (parts.isEmpty()) {
      throw new TensorException("stack needs at least one tensor");
    }
    Tensor first = parts.get(0);
    int d = Shapes.dim("stack", dim, first.rank() + 1);
    for (Tensor p : parts) {
      first.requireSameKind("stack", p);
      Shapes.requireEqualExcept("stack", first.shape, p.shape, -1);
    }
    return joined("stack", parts, v -> torch.stack(v, d));
  }

  private static Tensor joined(
      String name,
      List<Tensor> parts,
      java.util.function.Function<TensorVector, org.bytedeco.pytorch.Tensor> f) {
    org.bytedeco.pytorch.Tensor[] raws = raws(parts);
    long total = 0;
    for (Tensor p : parts) {
      total = Shapes.sum(name, total, p.count);
    }
    parts.get(0).requireMemory(name, total);
    return op(
        name,
        () -> {
          try (TensorVector v = new TensorVector(raws)) {
            return f.apply(v);
          }
        });
  }

  // ------------------------------------------------------------------ complex views

  /** float32 [..., 2n] seen as n complex numbers of neighbouring pairs: complex64 [..., n]. */
  public Tensor asComplex() {
    if (dtype != DType.FLOAT32 || rank() == 0 || shape[rank() - 1] % 2 != 0) {
      throw new TensorException("asComplex needs float32 with an even last dimension, got " + this);
    }
    long[] pairs = Arrays.copyOf(shape, shape.length + 1);
    pairs[shape.length - 1] = shape[shape.length - 1] / 2;
    pairs[shape.length] = 2;
    return unary(
        "asComplex",
        r -> {
          try (org.bytedeco.pytorch.Tensor p = r.reshape(pairs);
              org.bytedeco.pytorch.Tensor c = p.contiguous()) {
            return torch.view_as_complex(c);
          }
        });
  }

  /** complex64 [..., n] seen as float32 [..., 2n]. */
  public Tensor asReal() {
    if (dtype != DType.COMPLEX64 || rank() == 0) {
      throw new TensorException("asReal needs a complex tensor, got " + this);
    }
    return unary(
        "asReal",
        r -> {
          try (org.bytedeco.pytorch.Tensor p = torch.view_as_real(r)) {
            return p.flatten(-2, -1);
          }
        });
  }

  // ------------------------------------------------------------------ networks

  /** Softmax over one dimension. */
  public Tensor softmax(int dim) {
    requireFloating("softmax");
    int d = Shapes.dim("softmax", dim, shape.length);
    return unary("softmax", r -> torch.softmax(r, (long) d));
  }

  /** Logarithm of the softmax over one dimension. */
  public Tensor logSoftmax(int dim) {
    requireFloating("logSoftmax");
    int d = Shapes.dim("logSoftmax", dim, shape.length);
    return unary("logSoftmax", r -> torch.log_softmax(r, (long) d));
  }

  /** Layer normalisation over the last dimension, without weights. */
  public Tensor layerNorm(double eps) {
    requireFloating("layerNorm");
    Shapes.dim("layerNorm", -1, shape.length);
    if (isMeta()) {
      return MetaOperators.layerNorm(this);
    }
    long[] last = {shape[shape.length - 1]};
    return unary(
        "layerNorm",
        r -> {
          try (TensorOptional none = new TensorOptional()) {
            return torch.layer_norm(r, last, none, none, eps, false);
          }
        });
  }

  /** Layer normalisation over the last dimension [n], with weight and bias [n]. */
  public Tensor layerNorm(Tensor weight, Tensor bias, double eps) {
    requireFloating("layerNorm");
    requireSameKind("layerNorm", weight);
    requireSameKind("layerNorm", bias);
    int d = Shapes.dim("layerNorm", -1, shape.length);
    if (!weight.hasShape(shape[d]) || !bias.hasShape(shape[d])) {
      throw new TensorException(
          "layerNorm of "
              + this
              + " with weight "
              + weight
              + " and bias "
              + bias
              + ": both must have the size of the last dimension");
    }
    if (isMeta()) {
      return MetaOperators.scaled(this, weight, bias);
    }
    long[] last = {shape[d]};
    org.bytedeco.pytorch.Tensor w = weight.raw();
    org.bytedeco.pytorch.Tensor b = bias.raw();
    return unary(
        "layerNorm",
        r -> {
          try (TensorOptional wo = new TensorOptional(w);
              TensorOptional bo = new TensorOptional(b)) {
            return torch.layer_norm(r, last, wo, bo, eps, false);
          }
        });
  }

  /**
   * Group normalisation of [B, C, ...] with weight and bias [C].
   *
   * @param groups a divisor of C
   */
  public Tensor groupNorm(int groups, Tensor weight, Tensor bias, double eps) {
    requireFloating("groupNorm");
    requireSameKind("groupNorm", weight);
    requireSameKind("groupNorm", bias);
    if (rank() < 2
        || count == 0
        || groups < 1
        || shape[1] % groups != 0
        || !weight.hasShape(shape[1])
        || !bias.hasShape(shape[1])) {
      throw new TensorException(
          "groupNorm of "
              + this
              + " in "
              + groups
              + " groups with weight "
              + weight
              + ": the channels do not fit");
    }
    if (isMeta()) {
      return MetaOperators.groupNorm(this, weight, bias);
    }
    org.bytedeco.pytorch.Tensor w = weight.raw();
    org.bytedeco.pytorch.Tensor b = bias.raw();
    return unary(
        "groupNorm",
        r -> {
          try (TensorOptional wo = new TensorOptional(w);
              TensorOptional bo = new TensorOptional(b)) {
            return torch.group_norm(r, groups, wo, bo, eps, false);
          }
        });
  }

  /**
   * 2-D convolution of [B, C, H, W] with weight [O, C, kh, kw] and bias [O] or null.
   *
   * @return [B, O, H', W'] with H' = (H + 2·padding − kh)/stride + 1
   */
  public Tensor conv2d(Tensor weight, @Nullable Tensor bias, int stride, int padding) {
    requireFloating("conv2d");
    requireSameKind("conv2d", weight);
    if (rank() != 4
        || weight.rank() != 4
        || shape[1] != weight.shape[1]
        || stride < 1
        || padding < 0
        || count == 0
        || weight.count == 0) {
      throw new TensorException(
          "conv2d of "
              + this
              + " by "
              + weight
              + " (stride "
              + stride
              + ", padding "
              + padding
              + "): the shapes do not fit");
    }
    if (shape[2] + 2L * padding < weight.shape[2] || shape[3] + 2L * padding < weight.shape[3]) {
      throw new TensorException(
          "conv2d: the kernel " + weight + " is larger than the padded image " + this);
    }
    requireMemory("conv2d", count);
    requireMemory("conv2d", weight.count);
    requireMemory(
        "conv2d",
        Shapes.product(
            "conv2d",
            shape[0],
            weight.shape[0],
            (shape[2] + 2L * padding - weight.shape[2]) / stride + 1,
            (shape[3] + 2L * padding - weight.shape[3]) / stride + 1));
    if (bias != null) {
      requireSameKind("conv2d", bias);
      if (!bias.hasShape(weight.shape[0])) {
        throw new TensorException(
            "conv2d: the bias " + bias + " does not fit the weight " + weight);
      }
    }
    if (isMeta()) {
      return MetaOperators.conv2d(this, weight, bias, stride, padding);
    }
    org.bytedeco.pytorch.@Nullable Tensor b = bias == null ? null : bias.raw();
    return op2(
        "conv2d",
        weight,
        (x, w) -> {
          try (TensorOptional o = b == null ? new TensorOptional() : new TensorOptional(b)) {
            return torch.conv2d(
                x,
                w,
                o,
                new long[] {stride, stride},
                new long[] {padding, padding},
                new long[] {1, 1},
                1);
          }
        });
  }

  /** [B, C, H, W] enlarged to a size by repeating the nearest pixel. */
  public Tensor upsampleNearest(long height, long width) {
    requireFloating("upsampleNearest");
    if (rank() != 4 || height < 1 || width < 1 || count() == 0) {
      throw new TensorException(
          "upsampleNearest of " + this + " to " + height + " × " + width + " is not possible");
    }
    requireMemory(
        "upsampleNearest", Shapes.product("upsampleNearest", shape[0], shape[1], height, width));
    return unary("upsampleNearest", r -> torch.upsample_nearest2d(r, height, width));
  }

  /** [B, C, H, W] averaged over blocks of k × k pixels; H and W must be multiples of k. */
  public Tensor averagePool(int k) {
    requireFloating("averagePool");
    if (rank() != 4 || k < 1 || count == 0 || shape[2] % k != 0 || shape[3] % k != 0) {
      throw new TensorException("averagePool of " + this + " by " + k + " is not possible");
    }
    return unary("averagePool", r -> torch.avg_pool2d(r, k, k));
  }

  /** The mean cross-entropy of logits [N, C] against int64 classes [N], rank 0. */
  public Tensor crossEntropy(Tensor classes) {
    requireFloating("crossEntropy");
    if (rank() != 2 || classes.dtype != DType.INT64 || !classes.hasShape(shape[0])) {
      throw new TensorException(
          "crossEntropy needs logits [N, C] and int64 classes [N], got "
              + this
              + " and "
              + classes);
    }
    if (!classes.device.equals(device)) {
      throw new TensorException(
          "crossEntropy: the classes lie on " + classes.device + ", the logits on " + device);
    }
    if (count == 0) {
      throw new TensorException("crossEntropy of " + this + " has no class to choose");
    }
    requireMemory("crossEntropy", count);
    classes.requireWithin("crossEntropy", shape[1], "the classes of ", this);
    return op2("crossEntropy", classes, (a, c) -> torch.cross_entropy_loss(a, c));
  }

  // ------------------------------------------------------------------ differentiation

  /** The same values, cut off from the graph that made them; shares memory. */
  public Tensor detach() {
    return view("detach", r -> r.detach());
  }

  /** A copy of the values in memory of its own, cut off from the graph. */
  public Tensor copy() {
    return unary(
        "copy",
        r -> {
          try (org.bytedeco.pytorch.Tensor d = r.detach()) {
            return d.clone();
          }
        });
  }

  /** Asks for this leaf's gradient (or no longer); returns this. */
  public Tensor requireGrad(boolean wanted) {
    if (wanted) {
      requireFloating("requireGrad");
    }
    if (!raw().is_leaf()) {
      throw new TensorException(
          "requireGrad: " + this + " was computed from other tensors; detach it first");
    }
    raw().set_requires_grad(wanted);
    return this;
  }

  /** Whether gradients flow through this tensor. */
  public boolean requiresGrad() {
    return raw().requires_grad();
  }

  /**
   * Adds the gradient of this rank-0 loss to every leaf that asked for it, and frees the graph.
   *
   * @throws TensorException if this is not a single number, or nothing that made it asks for a
   *     gradient
   */
  public void backward() {
    backward(false);
  }

  /**
   * Like {@link #backward()}.
   *
   * @param keepGraph whether the graph stays, to be walked through again
   */
  public void backward(boolean keepGraph) {
    if (count() != 1 || !dtype.isFloating()) {
      throw new TensorException("backward needs a loss of one element, got " + this);
    }
    requireGraph("backward");
    org.bytedeco.pytorch.Tensor r = raw();
    walked(
        () -> {
          if (keepGraph) {
            try (org.bytedeco.pytorch.Tensor one = new org.bytedeco.pytorch.Tensor();
                BoolOptional keep = new BoolOptional(true);
                org.bytedeco.pytorch.TensorArrayRefOptional all =
                    new org.bytedeco.pytorch.TensorArrayRefOptional()) {
              r.backward(one, keep, false, all);
            }
          } else {
            r.backward();
          }
        });
  }

  /** A pass through the graph. */
  private static void walked(Runnable pass) {
    try {
      guarded("backward", pass);
    } catch (TensorException e) {
      CustomGradient.rethrow(); // what a function of ours threw, rather than words about it
      throw e;
    } finally {
      CustomGradient.deliver();
      Contributions.end();
    }
    CustomGradient.prune();
  }

  /** Like {@link #backward()}, for the sum of this tensor's products with a cotangent. */
  public void backward(Tensor cotangent) {
    backward(List.of(this), List.of(cotangent), false);
  }

  /**
   * Like {@link #backward(Tensor)}, for the sum of all roots' products with their cotangents, in
   * one pass through the graph.
   *
   * @param cotangents one for each root, of its shape, dtype and device
   * @param keepGraph whether the graph stays, to be walked through again
   * @throws TensorException if a cotangent does not fit its root, or nothing that made a root asks
   *     for a gradient
   */
  public static void backward(List<Tensor> roots, List<Tensor> cotangents, boolean keepGraph) {
    if (roots.isEmpty() || roots.size() != cotangents.size()) {
      throw new TensorException(
          "backward needs one cotangent for each root, got "
              + roots.size()
              + " roots and "
              + cotangents.size()
              + " cotangents");
    }
    for (int i = 0; i < roots.size(); i++) {
      roots.get(i).requireCotangent(cotangents.get(i));
    }
    walk(roots, cotangents, keepGraph);
  }

  private void requireCotangent(Tensor cotangent) {
    requireSameKind("backward", cotangent);
    if (!Arrays.equals(shape, cotangent.shape)) {
      throw new TensorException(
          "backward of " + this + ": the cotangent " + cotangent + " has another shape");
    }
    requireGraph("backward");
  }

  private static void walk(List<Tensor> roots, List<Tensor> cotangents, boolean keepGraph) {
    org.bytedeco.pytorch.Tensor[] r = raws(roots);
    org.bytedeco.pytorch.Tensor[] c = raws(cotangents);
    walked(
        () -> {
          try (TensorVector rs = new TensorVector(r);
              TensorVector cs = new TensorVector(c);
              BoolOptional keep = new BoolOptional(keepGraph);
              TensorVector all = new TensorVector()) {
            torch.backward(rs, cs, keep, false, all);
          }
        });
  }

  private static org.bytedeco.pytorch.Tensor[] raws(List<Tensor> tensors) {
    org.bytedeco.pytorch.Tensor[] raws = new org.bytedeco.pytorch.Tensor[tensors.size()];
    for (int i = 0; i < raws.length; i++) {
      raws[i] = tensors.get(i).raw();
    }
    return raws;
  }

  /** Runs a native call that makes no tensor. */
  static void guarded(String name, Runnable body) {
    try {
      body.run();
    } catch (TensorException | IllegalStateException | NullPointerException e) {
      throw e;
    } catch (RuntimeException e) {
      throw failure(name, e);
    } catch (OutOfMemoryError e) {
      throw MemoryGuard.limited(name, e);
    }
  }

  /** Whether the elements lie one after another in memory that this side may touch. */
  boolean isPlain() {
    return device.kind() == Device.Kind.CPU && raw().is_contiguous();
  }

  /** Where the elements are, while this is open. */
  OneDnn.Place place() {
    return new OneDnn.Place(dtype, () -> raw().data_ptr(), this);
  }

  /**
   * Whether the first element is the other's own, in the same memory, and not an equal one; false
   * where there is none.
   */
  public boolean isAt(Tensor other) {
    org.bytedeco.pytorch.Tensor theirs = other.raw();
    if (count() == 0 || other.count() == 0) {
      return false;
    }
    try (Pointer own = raw().data_ptr();
        Pointer its = theirs.data_ptr()) {
      return own.address() == its.address();
    }
  }

  /** Whether this was not computed from other tensors, as far as gradients go. */
  public boolean isLeaf() {
    return raw().is_leaf();
  }

  /**
   * Another handle on the very same tensor, its graph and gradient included: a scope may keep it
   * while this one dies with its own.
   */
  public Tensor handle() {
    Tensor same = view("handle", r -> new org.bytedeco.pytorch.Tensor(r));
    same.watch = watch;
    return same;
  }

  /**
   * A view of the whole, with a place of its own in the graph: what gradients come to it are added
   * up there before they go on to this.
   */
  public Tensor alias() {
    return view("alias", org.bytedeco.pytorch.Tensor::alias);
  }

  private void requireGraph(String name) {
    if (!raw().requires_grad()) {
      throw new TensorException(
          name + ": nothing that made " + this + " asks for a gradient; see requireGrad");
    }
  }

  /** This leaf's accumulated gradient, sharing its memory, or null if there is none yet. */
  public @Nullable Tensor grad() {
    if (!raw().is_leaf()) {
      return null;
    }
    org.bytedeco.pytorch.Tensor g = raw().grad();
    if (!g.defined()) {
      g.close();
      return null;
    }
    return adopt(g, Scope.current("grad"));
  }

  /**
   * Tells of each contribution to this leaf's gradient, whoever makes it, but of libtorch's own
   * only if the leaf asks for its gradient by now; null tells nobody any longer. For one of
   * libtorch's, its end is told when the next begins or the pass through the graph is over.
   *
   * @throws TensorException if this is no leaf, or not on a CPU, where libtorch's contributions
   *     come from threads that nobody sees
   */
  public void watchGradient(@Nullable GradientWatch wanted) {
    if (wanted != null) {
      requireLeaf("watchGradient");
      if (device.kind() != Device.Kind.CPU) {
        throw new TensorException("watchGradient: gradients are watched on a CPU, not of " + this);
      }
    }
    watch = wanted;
    if (wanted != null && hook == null && requiresGrad()) {
      hook = new Contributions.Hook(() -> watch);
      raw().register_hook(hook);
    }
  }

  /** Runs what adds to this leaf's gradient in its own way, and tells who watches it. */
  public void contribute(Runnable addition) {
    requireLeaf("contribute");
    GradientWatch told = watch;
    if (told != null) {
      Contributions.end();
      told.begins();
    }
    addition.run();
    if (told != null) {
      told.ends();
    }
  }

  /**
   * Adds to this leaf's gradient, which nobody is told of (see {@link #contribute}).
   *
   * @param gradient of this shape, dtype and device; if it is the first it becomes the gradient,
   *     with the memory it lies in
   * @throws TensorException if it does not fit, or this is no leaf
   */
  public void accumulateGrad(Tensor gradient) {
    requireLeaf("accumulateGrad");
    requireFloating("accumulateGrad");
    requireSameKind("accumulateGrad", gradient);
    if (!Arrays.equals(shape, gradient.shape)) {
      throw new TensorException(
          "accumulateGrad: " + gradient + " does not have the shape of " + this);
    }
    org.bytedeco.pytorch.Tensor g = gradient.raw();
    guarded(
        "accumulateGrad",
        () -> {
          try (org.bytedeco.pytorch.Tensor own = raw().mutable_grad()) {
            if (own.defined()) {
              own.add_(g);
            } else {
              own.put(g);
            }
          }
        });
  }

  private void requireLeaf(String name) {
    if (!isLeaf()) {
      throw new TensorException(
          name + ": " + this + " was computed from other tensors, and keeps no gradient");
    }
  }

  /** Whether this handle is the only one, in Java, in a graph or elsewhere. */
  boolean isHeldByOne() {
    return raw().use_count() == 1;
  }

  /** Drops this leaf's gradient. */
  public void clearGrad() {
    try (org.bytedeco.pytorch.Tensor undefined = new org.bytedeco.pytorch.Tensor();
        org.bytedeco.pytorch.Tensor grad = raw().mutable_grad()) {
      grad.put(undefined);
    }
  }

  // ------------------------------------------------------------------ in place

  // In-place operations return the very Java object they were called on: it must not be closed.
  private Tensor inPlace(String name, Runnable body) {
    if (raw().requires_grad() && Autograd.isOn()) {
      throw new TensorException(
          name
              + " would change "
              + this
              + ", which gradients flow through: do it inside Autograd.off()");
    }
    requireMemory(name, count);
    guarded(name, body);
    return this;
  }

  /** Overwrites this tensor with another's values (converted to this dtype and device). */
  public Tensor copyFrom(Tensor source) {
    if (!Arrays.equals(shape, source.shape)) {
      throw new TensorException("copyFrom: " + source + " does not have the shape of " + this);
    }
    org.bytedeco.pytorch.Tensor s = source.raw();
    return inPlace("copyFrom", () -> raw().copy_(s));
  }

  /** {@code this ← this + other}, of the same shape, dtype and device. */
  public Tensor addInPlace(Tensor other) {
    requireSameKind("addInPlace", other);
    if (!Arrays.equals(shape, other.shape)) {
      throw new TensorException("addInPlace: " + other + " does not have the shape of " + this);
    }
    org.bytedeco.pytorch.Tensor o = other.raw();
    return inPlace("addInPlace", () -> raw().add_(o));
  }

  /** {@code this ← this · value}. */
  public Tensor scaleInPlace(double value) {
    return inPlace(
        "scaleInPlace",
        () -> {
          try (Scalar s = Scalars.of(dtype, value)) {
            raw().mul_(s);
          }
        });
  }

  /** {@code this ← this + weight · (other − this)}: a step towards another tensor. */
  public Tensor lerpInPlace(Tensor other, double weight) {
    requireSameKind("lerpInPlace", other);
    if (!Arrays.equals(shape, other.shape)) {
      throw new TensorException("lerpInPlace: " + other + " does not have the shape of " + this);
    }
    org.bytedeco.pytorch.Tensor o = other.raw();
    return inPlace(
        "lerpInPlace",
        () -> {
          try (Scalar s = new Scalar(weight)) {
            raw().lerp_(o, s);
          }
        });
  }

  /** {@code this ← 0}. */
  public Tensor zeroInPlace() {
    return inPlace("zeroInPlace", () -> raw().zero_());
  }
}
