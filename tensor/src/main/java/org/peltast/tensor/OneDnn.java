package org.peltast.tensor;

import java.lang.ref.Cleaner;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.bytedeco.dnnl.dnnl_engine;
import org.bytedeco.dnnl.dnnl_exec_arg_t;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_post_ops;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_stream;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.jspecify.annotations.Nullable;

/**
 * oneDNN's matrix products, asked without libtorch between. A product of small matrices takes less
 * time than libtorch's bookkeeping around it; oneDNN prepares a product once for its layouts, takes
 * matrices where they lie, whatever their steps, writes bfloat16 products to float32, and has an
 * order of its own for a factor that is used often ({@link Packed}).
 *
 * <p>What is prepared belongs to the thread that prepared it, as products use its number of threads
 * and one memory for their intermediate results; it is freed with the thread.
 */
final class OneDnn {
  private static final Cleaner CLEANER = Cleaner.create();
  private static final ThreadLocal<OneDnn> OWN = new ThreadLocal<>();

  private final Natives natives = new Natives();
  private final dnnl_stream stream;
  private final Map<Object, Prepared> prepared = new HashMap<>();
  private final int threads = Engine.threads();
  private HostBuffer scratch = HostBuffer.allocate(1);
  private HostBuffer packing = HostBuffer.allocate(1); // for right factors of one product

  private OneDnn() {
    dnnl_stream own = new dnnl_stream();
    check("a stream", dnnl.dnnl_stream_create(own, Library.ENGINE, dnnl.dnnl_stream_default_flags));
    natives.add(() -> dnnl.dnnl_stream_destroy(own));
    stream = own;
    CLEANER.register(this, natives);
  }

  private static OneDnn own() {
    OneDnn own = OWN.get();
    if (own == null || own.threads != Engine.threads()) {
      own = new OneDnn();
      OWN.set(own);
    }
    return own;
  }

  /** Why there are no products of that dtype here; null if there are. */
  static @Nullable String obstacle(DType dtype) {
    return Library.OBSTACLES.get(dtype);
  }

  /** {@code c ← a b}, or {@code c ← c + a b}; layouts fit. */
  static void multiply(
      Layout a, Place left, Operand b, Place right, Layout c, Place product, boolean add) {
    OneDnn own = own();
    if (b instanceof Layout lying && lying.isPackedFirst(a.rows())) {
      PackedLayout order = PackedLayout.of(lying.dtype(), lying.rows(), lying.columns());
      HostBuffer packed = own.packing(order.count());
      pack(lying, right.pointer().get(), order, packed);
      multiply(a, left, order, packed.place(), c, product, add);
      return;
    }
    Product key = new Product(a, b, c, add);
    Prepared p = own.prepared.get(key);
    if (p == null) {
      p = own.prepare(key);
      own.prepared.put(key, p);
    }
    p.run(left.pointer().get(), right.pointer().get(), product.pointer().get());
  }

  private HostBuffer packing(long count) {
    if (packing.count() < count) {
      packing = HostBuffer.allocate(count);
    }
    return packing;
  }

  /** Copies a matrix into a packed one. */
  static void pack(Layout from, Pointer matrix, PackedLayout to, HostBuffer packed) {
    OneDnn own = own();
    Packing key = new Packing(from, to);
    Prepared p = own.prepared.get(key);
    if (p == null) {
      p = own.prepare(key);
      own.prepared.put(key, p);
    }
    p.run(matrix, packed.pointer());
  }

  // ---------------------------------------------------------------- what is prepared

  /**
   * Where numbers are.
   *
   * @param dtype float32 or bfloat16
   * @param pointer to the first, for one call of a native function
   * @param owner whose they are
   */
  record Place(DType dtype, Supplier<Pointer> pointer, Object owner) {
    boolean isThatOf(Place other) {
      return owner == other.owner;
    }

    /** The same memory from a number on. */
    Place from(long number) {
      Pointer there = new BytePointer(pointer.get()).position(number * dtype.bytes());
      return new Place(dtype, () -> there, owner);
    }

    @Override
    public String toString() {
      return owner.toString();
    }
  }

  /** How a factor lies. */
  sealed interface Operand permits Layout, PackedLayout {}

  /**
   * How numbers lie: one matrix for each item and each of its heads, and how many numbers it is
   * from one to the next.
   */
  record Layout(
      DType dtype,
      int items,
      int heads,
      int rows,
      int columns,
      int itemStep,
      int headStep,
      int rowStep,
      int columnStep)
      implements Operand {
    /** Numbers from which on a float32 factor is more than a core's second cache holds. */
    private static final int LARGE = 1 << 20;

    /** Numbers of a page of memory. */
    private static final int PAGE = 1024;

    /** The most that are packed for one product: a gibibyte. */
    private static final int LARGEST = 1 << 28;

    /** Rows of the left factor that are worth packing the right one for. */
    private static final int ENOUGH = 256;

    /**
     * Whether a product of so many rows is faster if this, its right factor, is packed first.
     * oneDNN reads a float32 factor where it lies unless it is transposed, a few columns of all
     * rows at a time: of a wide one each row is on another page, and rows may share cache sets.
     */
    private boolean isPackedFirst(int productRows) {
      long count = (long) rows * columns;
      return dtype == DType.FLOAT32
          && isOne()
          && columnStep == 1
          && rowStep > PAGE
          && count > LARGE
          && count <= LARGEST
          && productRows >= ENOUGH;
    }

    Layout first(int count) {
      return new Layout(
          dtype, items, heads, count, columns, itemStep, headStep, rowStep, columnStep);
    }

    Layout transposed() {
      return new Layout(
          dtype, items, heads, columns, rows, itemStep, headStep, columnStep, rowStep);
    }

    /** Every n-th head, from the first. */
    Layout everyHead(int n) {
      return new Layout(
          dtype, items, heads / n, rows, columns, itemStep, headStep * n, rowStep, columnStep);
    }

    private boolean isOne() {
      return items == 1 && heads == 1;
    }

    private dnnl_memory_desc described() {
      long[] sizes = isOne() ? shape(rows, columns) : shape(items, heads, rows, columns);
      long[] steps =
          isOne() ? shape(rowStep, columnStep) : shape(itemStep, headStep, rowStep, columnStep);
      dnnl_memory_desc d = new dnnl_memory_desc();
      check(
          "a layout",
          dnnl.dnnl_memory_desc_create_with_strides(d, sizes.length, sizes, type(dtype), steps));
      return d;
    }

    private static long[] shape(long... numbers) {
      return numbers;
    }
  }

  /** The order in which products read a right factor [rows, columns] fastest. */
  static final class PackedLayout implements Operand {
    /** Rows of the left factor with which the order is asked for: a few hundred, as is usual. */
    private static final int TYPICAL = 384;

    private static final Map<List<Object>, PackedLayout> KNOWN = new ConcurrentHashMap<>();

    private final dnnl_memory_desc order; // lives as long as the process
    private final String implementation; // of such products
    private final DType dtype;

    private PackedLayout(dnnl_engine engine, DType dtype, int rows, int columns) {
      this.dtype = dtype;
      dnnl_memory_desc any = new dnnl_memory_desc();
      check(
          "a layout",
          dnnl.dnnl_memory_desc_create_with_tag(
              any, 2, new long[] {rows, columns}, type(dtype), dnnl.dnnl_format_tag_any));
      dnnl_memory_desc left = plain(dtype, TYPICAL, rows).described();
      dnnl_memory_desc product = plain(dtype, TYPICAL, columns).described();
      dnnl_primitive_desc d = new dnnl_primitive_desc();
      check(
          "a packed factor",
          dnnl.dnnl_matmul_primitive_desc_create(d, engine, left, any, null, product, null));
      order = new dnnl_memory_desc();
      check(
          "a packed factor",
          dnnl.dnnl_memory_desc_clone(
              order, dnnl.dnnl_primitive_desc_query_md(d, dnnl.dnnl_query_weights_md, 0)));
      try (PointerPointer<Pointer> name = new PointerPointer<>(1)) {
        dnnl.dnnl_primitive_desc_query(d, dnnl.dnnl_query_impl_info_str, 0, name);
        implementation = new BytePointer(name.get(0)).getString();
      }
      dnnl.dnnl_primitive_desc_destroy(d);
      free(any, left, product);
    }

    private static Layout plain(DType dtype, int rows, int columns) {
      int step = Matrices.padded(columns);
      return new Layout(dtype, 1, 1, rows, columns, rows * step, rows * step, step, 1);
    }

    static PackedLayout of(DType dtype, int rows, int columns) {
      dnnl_engine engine = Library.ENGINE; // loaded by now: loading asks for orders itself
      return KNOWN.computeIfAbsent(
          List.of(dtype, rows, columns), k -> new PackedLayout(engine, dtype, rows, columns));
    }

    /** How many numbers it takes, with what fills it up. */
    long count() {
      return (dnnl.dnnl_memory_desc_get_size(order) + dtype.bytes() - 1) / dtype.bytes();
    }
  }

  private record Product(Layout a, Operand b, Layout c, boolean add) {}

  private record Packing(Layout from, PackedLayout to) {}

  private Prepared prepare(Product p) {
    dnnl_memory_desc a = p.a().described();
    dnnl_memory_desc b =
        p.b() instanceof PackedLayout packed ? packed.order : ((Layout) p.b()).described();
    dnnl_memory_desc c = p.c().described();
    dnnl_primitive_attr how = new dnnl_primitive_attr();
    dnnl_post_ops after = new dnnl_post_ops();
    dnnl_primitive_desc d = new dnnl_primitive_desc();
    try {
      check("a product", dnnl.dnnl_primitive_attr_create(how));
      check(
          "a product",
          dnnl.dnnl_primitive_attr_set_scratchpad_mode(how, dnnl.dnnl_scratchpad_mode_user));
      check("a product", dnnl.dnnl_post_ops_create(after));
      if (p.add()) {
        check(
            "a sum of products",
            dnnl.dnnl_post_ops_append_sum(after, 1, 0, dnnl.dnnl_data_type_undef));
      }
      check("a product", dnnl.dnnl_primitive_attr_set_post_ops(how, after));
      check(
          "the product of " + p.a() + " and " + p.b() + " as " + p.c(),
          dnnl.dnnl_matmul_primitive_desc_create(d, Library.ENGINE, a, b, null, c, how));
      return new Prepared(
          d,
          dnnl.dnnl_primitive_desc_query_md(d, dnnl.dnnl_query_scratchpad_md, 0),
          new int[] {dnnl.DNNL_ARG_SRC, dnnl.DNNL_ARG_WEIGHTS, dnnl.DNNL_ARG_DST},
          a,
          b,
          c);
    } finally {
      dnnl.dnnl_primitive_desc_destroy(d);
      dnnl.dnnl_post_ops_destroy(after);
      dnnl.dnnl_primitive_attr_destroy(how);
      free(a, c);
      if (p.b() instanceof Layout) {
        free(b);
      }
    }
  }

  private Prepared prepare(Packing p) {
    dnnl_memory_desc from = p.from().described();
    dnnl_primitive_desc d = new dnnl_primitive_desc();
    try {
      check(
          "packing",
          dnnl.dnnl_reorder_primitive_desc_create(
              d, from, Library.ENGINE, p.to().order, Library.ENGINE, null));
      return new Prepared(
          d, null, new int[] {dnnl.DNNL_ARG_FROM, dnnl.DNNL_ARG_TO}, from, p.to().order);
    } finally {
      dnnl.dnnl_primitive_desc_destroy(d);
      free(from);
    }
  }

  /** A product or a copy for given layouts, and what it takes and gives, to be put where it is. */
  private final class Prepared {
    private final dnnl_primitive primitive;
    private final dnnl_exec_arg_t arguments;
    private final int count;
    private final dnnl_memory[] operands;
    private final @Nullable dnnl_memory own; // for intermediate results
    private final long scratchBytes;

    Prepared(
        dnnl_primitive_desc d,
        @Nullable dnnl_memory_desc intermediate,
        int[] roles,
        dnnl_memory_desc... layouts) {
      dnnl_primitive made = new dnnl_primitive();
      check("a product", dnnl.dnnl_primitive_create(made, d));
      natives.add(() -> dnnl.dnnl_primitive_destroy(made));
      primitive = made;
      scratchBytes = intermediate == null ? 0 : dnnl.dnnl_memory_desc_get_size(intermediate);
      count = roles.length + (scratchBytes > 0 ? 1 : 0);
      dnnl_exec_arg_t all = new dnnl_exec_arg_t(count);
      natives.add(() -> all.position(0).deallocate());
      arguments = all;
      operands = new dnnl_memory[roles.length];
      for (int i = 0; i < roles.length; i++) {
        operands[i] = argument(i, roles[i], layouts[i]);
      }
      own =
          scratchBytes > 0 && intermediate != null
              ? argument(roles.length, dnnl.DNNL_ARG_SCRATCHPAD, intermediate)
              : null;
      arguments.position(0);
    }

    private dnnl_memory argument(int i, int role, dnnl_memory_desc layout) {
      dnnl_memory m = new dnnl_memory();
      check("an operand", dnnl.dnnl_memory_create(m, layout, Library.ENGINE, null));
      natives.add(() -> dnnl.dnnl_memory_destroy(m));
      arguments.position(i).arg(role);
      arguments.memory(m);
      return m;
    }

    void run(Pointer... places) {
      for (int i = 0; i < places.length; i++) {
        dnnl.dnnl_memory_set_data_handle(operands[i], places[i]);
      }
      if (own != null) {
        if (scratch.count() * 4L < scratchBytes) {
          scratch = HostBuffer.allocate((scratchBytes + 3) / 4);
        }
        dnnl.dnnl_memory_set_data_handle(own, scratch.pointer());
      }
      check("a product", dnnl.dnnl_primitive_execute(primitive, stream, count, arguments));
    }
  }

  // ---------------------------------------------------------------- the library

  /** What one thread had prepared, freed when it is gone; refers to nothing that refers to it. */
  private static final class Natives implements Runnable {
    private final List<Runnable> frees = new ArrayList<>();

    void add(Runnable free) {
      frees.add(free);
    }

    @Override
    public void run() {
      for (int i = frees.size() - 1; i >= 0; i--) {
        frees.get(i).run();
      }
      frees.clear();
    }
  }

  /** Loaded when first asked for; where it cannot be, that is a damaged library, and told so. */
  private static final class Library {
    /** Rows and columns of the products that are tried. */
    private static final int TRIED = 64;

    static final dnnl_engine ENGINE = new dnnl_engine();

    /** Why there are no products of a dtype. */
    static final Map<DType, String> OBSTACLES = new EnumMap<>(DType.class);

    static {
      for (DType dtype : List.of(DType.FLOAT32, DType.BFLOAT16)) {
        String obstacle = attempt(dtype);
        if (obstacle != null) {
          OBSTACLES.put(dtype, obstacle);
        }
      }
    }

    private Library() {}

    /**
     * What hinders products of a dtype: the processor's flags say what it has, not what the library
     * makes of it, so each kind of product that the blocks need is made once.
     */
    private static @Nullable String attempt(DType dtype) {
      try {
        if (ENGINE.isNull()) {
          check("an engine", dnnl.dnnl_engine_create(ENGINE, dnnl.dnnl_cpu, 0));
        }
        return tryProducts(dtype)
            ? null
            : "oneDNN has no fast products in " + named(dtype) + " for this processor";
      } catch (MemoryException e) {
        return e.getMessage();
      } catch (TensorException e) {
        return "oneDNN has no products in " + named(dtype) + " for this processor";
      }
    }

    /**
     * Multiplies by a packed factor, by heads and with a sum; false if the library does so slowly.
     */
    private static boolean tryProducts(DType dtype) {
      int n = TRIED;
      HostBuffer zeros = HostBuffer.allocate(dtype, n, n);
      HostBuffer weight = HostBuffer.allocate(n, n);
      HostBuffer product = HostBuffer.allocate(dtype, n, n);
      HostBuffer sum = HostBuffer.allocate(n, n);
      PackedLayout order = PackedLayout.of(dtype, n, n);
      if (order.implementation.startsWith("ref")) {
        return false;
      }
      Layout one = PackedLayout.plain(dtype, n, n);
      Layout exact = PackedLayout.plain(DType.FLOAT32, n, n);
      HostBuffer packed = HostBuffer.allocate(dtype, order.count());
      pack(exact.transposed(), weight.pointer(), order, packed);
      multiply(one, zeros.place(), order, packed.place(), one, product.place(), false);
      multiply(one.transposed(), zeros.place(), one, product.place(), exact, sum.place(), true);
      int h = n / 2; // two heads side by side
      Layout heads = new Layout(dtype, 1, 2, h, h, n * h, h, n, 1);
      multiply(
          heads, zeros.place(), heads.transposed(), packed.place(), heads, product.place(), false);
      return true;
    }

    private static String named(DType dtype) {
      return dtype == DType.BFLOAT16 ? "bfloat16" : "float32";
    }
  }

  private static int type(DType dtype) {
    return dtype == DType.BFLOAT16 ? dnnl.dnnl_bf16 : dnnl.dnnl_f32;
  }

  private static void free(dnnl_memory_desc... layouts) {
    for (dnnl_memory_desc d : layouts) {
      dnnl.dnnl_memory_desc_destroy(d);
    }
  }

  private static void check(String what, int status) {
    if (status == dnnl.dnnl_out_of_memory) {
      throw new MemoryException("oneDNN has no memory for " + what);
    }
    if (status != dnnl.dnnl_success) {
      throw new TensorException("oneDNN refuses " + what + " (status " + status + ")");
    }
  }
}
