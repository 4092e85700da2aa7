package org.peltast.tensor;

import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Matrices somewhere in kept memory, and their products: one, or one for each item of a batch and
 * each of its heads, as attention needs them. Float32 or bfloat16, as their memory is; a product is
 * added up in float32 and may be written to float32 from either.
 *
 * <p>They are views and cost nothing; several threads may each multiply their own.
 */
public final class Matrices {
  private static final int WHOLE = 32; // numbers: a cache line of bfloat16 ones, two of float32

  /** Products that were computed, a sum for all threads. */
  private static final LongAdder COMPUTED = new LongAdder();

  /** Rows from which on float32 products are as fast with a weight as it lies. */
  private static final int MANY = 128;

  private final OneDnn.Place memory;
  private final OneDnn.Layout layout;

  private Matrices(OneDnn.Place memory, OneDnn.Layout layout) {
    this.memory = memory;
    this.layout = layout;
  }

  /** How a matrix lies of whose float32 or bfloat16 numbers nothing else is to be known. */
  OneDnn.Layout layout() {
    return layout;
  }

  /** Why there are no products of that dtype on this machine; null if there are. */
  public static @Nullable String obstacle(DType dtype) {
    return OneDnn.obstacle(dtype);
  }

  /** How many products this process has computed; what a pass takes is a difference of two. */
  public static long computed() {
    return COMPUTED.sum();
  }

  /** How many numbers apart rows of so many columns lie best: whole cache lines. */
  public static int padded(int columns) {
    if (columns < 1 || columns > Integer.MAX_VALUE - WHOLE) {
      throw new TensorException("rows do not have " + columns + " columns");
    }
    return (columns + WHOLE - 1) / WHOLE * WHOLE;
  }

  /**
   * One matrix.
   *
   * @param memory [rows, n], of which the first columns are the matrix. Products may read some of
   *     what is between them, and multiply it by zeros: it must be numbers
   */
  public static Matrices one(HostBuffer memory, int rows, int columns) {
    requireSizes(1, 1, rows, columns);
    int step = memory.count() / rows;
    if (memory.count() % rows != 0 || step < columns) {
      throw new TensorException(
          String.format(
              Locale.ROOT, "a matrix [%d, %d] is not what lies in %s", rows, columns, memory));
    }
    return new Matrices(
        memory.place(),
        new OneDnn.Layout(
            memory.dtype(), 1, 1, rows, columns, memory.count(), memory.count(), step, 1));
  }

  /**
   * The matrix that a tensor is, to be used while the tensor is open; a product that is written to
   * it is no part of a graph.
   *
   * @param tensor [rows, columns], float32 or bfloat16, contiguous on the CPU
   */
  public static Matrices of(Tensor tensor) {
    if (tensor.rank() != 2
        || tensor.count() == 0
        || tensor.count() > Integer.MAX_VALUE
        || (tensor.dtype() != DType.FLOAT32 && tensor.dtype() != DType.BFLOAT16)
        || !tensor.isPlain()) {
      throw new TensorException(
          "products take contiguous matrices of float32 or bfloat16 on the CPU, got " + tensor);
    }
    int rows = (int) tensor.size(0);
    int columns = (int) tensor.size(1);
    int all = rows * columns;
    return new Matrices(
        tensor.place(),
        new OneDnn.Layout(tensor.dtype(), 1, 1, rows, columns, all, all, columns, 1));
  }

  /**
   * The matrices that a tensor is, one for each head, wherever it lies; to be used while the tensor
   * is open, and no part of a graph.
   *
   * @param tensor [heads, rows, columns]
   * @return null if they are none that products take: they are of float32 on the CPU, at different
   *     places, and closer than 2³¹ numbers
   */
  static @Nullable Matrices byHead(Tensor tensor) {
    if (tensor.rank() != 3
        || tensor.count() == 0
        || tensor.dtype() != DType.FLOAT32
        || tensor.device().kind() != Device.Kind.CPU) {
      return null;
    }
    int[] steps = new int[3];
    int all = 0; // numbers from the first to beyond the last
    for (int i = 0; i < 3; i++) {
      long step = tensor.raw().stride(i);
      if (step < 1 || step * tensor.size(i) > Integer.MAX_VALUE) {
        return null;
      }
      steps[i] = (int) step;
      all = Math.max(all, (int) (step * tensor.size(i)));
    }
    return new Matrices(
        tensor.place(),
        new OneDnn.Layout(
            DType.FLOAT32,
            1,
            (int) tensor.size(0),
            (int) tensor.size(1),
            (int) tensor.size(2),
            all,
            steps[0],
            steps[1],
            steps[2]));
  }

  /** Each head's matrix [rows, columns] by itself: memory [items, heads, rows, columns]. */
  public static Matrices byHead(HostBuffer memory, int items, int heads, int rows, int columns) {
    requireAll(memory, items, heads, rows, columns);
    int size = rows * columns;
    return new Matrices(
        memory.place(),
        new OneDnn.Layout(
            memory.dtype(), items, heads, rows, columns, heads * size, size, columns, 1));
  }

  /** The heads' columns side by side in each row: memory [items, rows, heads · columns]. */
  public static Matrices byRow(HostBuffer memory, int items, int heads, int rows, int columns) {
    requireAll(memory, items, heads, rows, columns);
    int step = heads * columns;
    return new Matrices(
        memory.place(),
        new OneDnn.Layout(
            memory.dtype(), items, heads, rows, columns, rows * step, columns, step, 1));
  }

  private static void requireAll(HostBuffer memory, int items, int heads, int rows, int columns) {
    requireSizes(items, heads, rows, columns);
    // Divided down: sizes that overflow a product are none that memory holds.
    if (memory.count() % items != 0
        || memory.count() / items % heads != 0
        || memory.count() / items / heads % rows != 0
        || memory.count() / items / heads / rows != columns) {
      throw new TensorException(
          String.format(
              Locale.ROOT,
              "%d × %d matrices [%d, %d] are not what lies in %s",
              items,
              heads,
              rows,
              columns,
              memory));
    }
  }

  private static void requireSizes(int items, int heads, int rows, int columns) {
    if (items < 1 || heads < 1 || rows < 1 || columns < 1) {
      throw new TensorException("matrices need items, heads, rows and columns");
    }
  }

  /** The same matrices as products are to take them transposed. */
  public Matrices transposed() {
    return new Matrices(memory, layout.transposed());
  }

  /** Their first rows alone. */
  public Matrices first(int rows) {
    if (rows < 1 || rows > layout.rows()) {
      throw new TensorException(
          String.format(Locale.ROOT, "%s have no first %d rows", described(), rows));
    }
    return new Matrices(memory, layout.first(rows));
  }

  /**
   * The heads dealt out: heads 0, n, 2n, …, then heads 1, n + 1, …, n parts in all.
   *
   * @param n a divisor of the number of heads
   */
  public List<Matrices> dealt(int n) {
    if (n < 1 || layout.heads() % n != 0) {
      throw new TensorException(
          String.format(
              Locale.ROOT, "the heads of %s cannot be dealt into %d parts", described(), n));
    }
    if (n == 1) {
      return List.of(this);
    }
    OneDnn.Layout every = layout.everyHead(n);
    return IntStream.range(0, n)
        .mapToObj(j -> new Matrices(memory.from((long) j * layout.headStep()), every))
        .toList();
  }

  /**
   * {@code this ← a b}, for each item and head.
   *
   * @throws TensorException if shapes or dtypes do not fit, or this lies where a factor does
   */
  public void assignProduct(Matrices a, Matrices b) {
    multiply(a, b, false);
  }

  /** {@code this ← this + a b}, as {@link #assignProduct}. */
  public void addProduct(Matrices a, Matrices b) {
    multiply(a, b, true);
  }

  private void multiply(Matrices a, Matrices b, boolean add) {
    if (a.layout.items() != layout.items()
        || b.layout.items() != layout.items()
        || a.layout.heads() != layout.heads()
        || b.layout.heads() != layout.heads()
        || b.memory.dtype() != a.memory.dtype()
        || b.layout.rows() != a.layout.columns()
        || !holds(a, b.layout.columns())
        || memory.isThatOf(b.memory)) {
      throw new TensorException(
          "the products of " + a.described() + " and " + b.described() + " are no " + described());
    }
    COMPUTED.increment();
    OneDnn.multiply(a.layout, a.memory, b.layout, b.memory, layout, memory, add);
  }

  /** {@code this ← x wᵀ}, what a linear layer of that weight makes of each row of one matrix x. */
  public void assignLinear(Matrices x, WeightMatrix w) {
    multiply(x, w, true, false);
  }

  /** {@code this ← dy w}, the gradient by a linear layer's rows from that by its answers. */
  public void assignLinearBack(Matrices dy, WeightMatrix w) {
    multiply(dy, w, false, false);
  }

  /** {@code this ← this + dy w}, as {@link #assignLinearBack}. */
  public void addLinearBack(Matrices dy, WeightMatrix w) {
    multiply(dy, w, false, true);
  }

  private void multiply(Matrices a, WeightMatrix w, boolean transposed, boolean add) {
    Matrices plain = w.plain(transposed);
    if (!a.isOne()
        || !isOne()
        || a.layout.columns() != plain.layout.rows()
        || !holds(a, plain.layout.columns())) {
      throw new TensorException(
          String.format(
              Locale.ROOT,
              "the product of %s and %s is no %s",
              a.described(),
              plain.described(),
              described()));
    }
    COMPUTED.increment();
    if (!packs(a.memory.dtype(), a.layout.rows())) {
      OneDnn.multiply(a.layout, a.memory, plain.layout, plain.memory, layout, memory, add);
    } else {
      Packed b = w.packed(a.memory.dtype(), transposed);
      OneDnn.multiply(a.layout, a.memory, b.layout(), b.memory(), layout, memory, add);
    }
  }

  /** Whether a product of so many rows in that dtype reads its weight from a packed copy. */
  public static boolean packs(DType dtype, long rows) {
    return dtype != DType.FLOAT32 || rows < MANY;
  }

  /** Whether products of a's rows, of so many columns, may be written here. */
  private boolean holds(Matrices a, int columns) {
    return layout.columnStep() == 1
        && a.layout.rows() == layout.rows()
        && columns == layout.columns()
        && (memory.dtype() == a.memory.dtype() || memory.dtype() == DType.FLOAT32)
        && !memory.isThatOf(a.memory);
  }

  private boolean isOne() {
    return layout.items() == 1 && layout.heads() == 1;
  }

  private String described() {
    return (isOne() ? "a matrix " : layout.items() + " × " + layout.heads() + " matrices ")
        + String.format(Locale.ROOT, "[%d, %d] in %s", layout.rows(), layout.columns(), memory);
  }
}
