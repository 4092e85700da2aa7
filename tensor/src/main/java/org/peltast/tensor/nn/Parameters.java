package org.peltast.tensor.nn;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;
import org.peltast.tensor.WorkerPool;

/**
 * The named weights of one network, in the order in which its layers declare them, under the names
 * that its checkpoints use. Layers hold {@link Parameter}s; this owns their memory.
 *
 * <p>All weights are float32 on one device, unless their matrices are {@linkplain #storage kept} in
 * half precision. {@link #precision} says in which dtype products are computed; a layer asks a
 * parameter for its {@link Parameter#inProducts() value in that dtype}.
 */
public final class Parameters implements AutoCloseable {
  /** Below so many weights a pass over them is shorter than waking a thread. */
  private static final long WORTH_THREADS = 1 << 18;

  private final Map<String, Parameter> byName;
  private final String prefix;
  private final Shared shared;

  /** What all views of one network's parameters have in common. */
  private static final class Shared {
    final Scope scope = Scope.detached();
    final Device device;
    final Precision precision;
    final DType storage;
    final @Nullable Base base;
    int version;
    boolean checkpointing;

    Shared(Device device, Precision precision, DType storage, @Nullable Base base) {
      this.device = device;
      this.precision = precision;
      this.storage = storage;
      this.base = base;
    }
  }

  /**
   * The weights of another network, which one with adapters is computed with.
   *
   * @param weights by name
   * @param adapters which of its layers have one
   */
  private record Base(Map<String, Parameter> weights, Adapters adapters) {}

  /** How a weight begins before it is trained or loaded. */
  public sealed interface Init {
    /** Every element the same. */
    record Constant(double value) implements Init {}

    /** Equal parts along the first dimension, each filled with its own number. */
    record Parts(List<Double> values) implements Init {
      /** Copies the numbers. */
      public Parts {
        values = List.copyOf(values);
      }
    }

    /** Normal around 0. */
    record Normal(double standardDeviation) implements Init {}

    /** Uniform in [−bound, bound]. */
    record Uniform(double bound) implements Init {}

    /** Zeros. */
    static Init zeros() {
      return new Constant(0);
    }

    /** Ones. */
    static Init ones() {
      return new Constant(1);
    }

    /** Uniform with bound √(3 / fan-in): unit variance in, unit variance out. */
    static Init fanIn(long fanIn) {
      if (fanIn < 1) {
        throw new TensorException("a layer needs at least one input, got " + fanIn);
      }
      return new Uniform(Math.sqrt(3.0 / fanIn));
    }
  }

  private Parameters(Map<String, Parameter> byName, String prefix, Shared shared) {
    this.byName = byName;
    this.prefix = prefix;
    this.shared = shared;
  }

  /** An empty set on a device, for a network to fill. */
  public static Parameters on(Device device, Precision precision) {
    return on(device, precision, DType.FLOAT32);
  }

  /**
   * An empty set whose matrices, and what has more dimensions, are kept in a dtype of their own;
   * vectors, which are few numbers, in float32. Where products are in another dtype, a matrix is
   * converted each time that it is used, and the copy not kept. Gradients of matrices are of their
   * dtype; {@link AdamW} rounds its steps of bfloat16 weights at random.
   *
   * @param storage FLOAT32, BFLOAT16 or FLOAT16, which cannot be trained
   */
  public static Parameters on(Device device, Precision precision, DType storage) {
    if (storage != DType.FLOAT32 && storage != DType.BFLOAT16 && storage != DType.FLOAT16) {
      throw new TensorException(
          "weights are kept in FLOAT32, BFLOAT16 or FLOAT16, not in " + storage);
    }
    Engine.requireUsable(device);
    return new Parameters(new LinkedHashMap<>(), "", new Shared(device, precision, storage, null));
  }

  /**
   * An empty set for a network of the same shape that is computed with these very weights, which
   * stay their owner's, and has adapters of its own beside them. What its layers declare as weights
   * are these; all that the set holds, and that is trained, saved or averaged by it, are the
   * adapters, in float32.
   *
   * @param adapters which layers have one
   */
  public Parameters adapted(Adapters adapters) {
    Base base = new Base(shared.base == null ? byName : shared.base.weights(), adapters);
    return new Parameters(
        new LinkedHashMap<>(),
        "",
        new Shared(shared.device, shared.precision, DType.FLOAT32, base));
  }

  /** Whether these are adapters over the weights of another network. */
  public boolean isAdapted() {
    return shared.base != null;
  }

  /** Which layers have an adapter. */
  public Adapters adapters() {
    return shared.base == null ? Adapters.NONE : shared.base.adapters();
  }

  /**
   * An empty set for another network of the same shape, kept in the same dtype; with adapters, over
   * the same weights.
   */
  public Parameters twin() {
    return shared.base == null
        ? on(shared.device, shared.precision, shared.storage)
        : adapted(adapters());
  }

  /**
   * The weights that the network is computed with, by name, but for its adapters: those of another
   * network, where it has adapters, else its own.
   */
  public List<Parameter> base() {
    return shared.base == null ? all() : List.copyOf(shared.base.weights().values());
  }

  /**
   * The same set seen from a sub-layer: names declared there are prefixed by {@code name} and a
   * dot.
   */
  public Parameters at(String name) {
    return new Parameters(byName, prefix + name + ".", shared);
  }

  /**
   * Declares a weight; its value is zero until {@link #initialise} or {@link #load}.
   *
   * @throws TensorException if the name is taken
   */
  public Parameter declare(String name, Init init, long... shape) {
    Base base = shared.base;
    if (base == null) {
      return declareOwn(name, init, shape);
    }
    Parameter known = base.weights().get(prefix + name);
    if (known == null || !known.whole().hasShape(shape)) {
      throw new TensorException(
          "the network below the adapters has no weight "
              + prefix
              + name
              + " "
              + Arrays.toString(shape));
    }
    return known;
  }

  /** Declares a weight of an adapter; see {@link #declare}. */
  Parameter declareAdapter(String name, Init init, long... shape) {
    return declareOwn(name, init, shape);
  }

  /**
   * The adapter of the layer that this view is of; null if it has none.
   *
   * @param weight the shape of the layer's weight
   */
  @Nullable LowRank adapter(long... weight) {
    Base base = shared.base;
    Adapters.Size size =
        base == null || prefix.isEmpty()
            ? null
            : base.adapters().of(prefix.substring(0, prefix.length() - 1));
    return size == null ? null : new LowRank(this, size, weight);
  }

  private Parameter declareOwn(String name, Init init, long... shape) {
    String full = prefix + name;
    if (byName.containsKey(full)) {
      throw new TensorException("the parameter " + full + " is declared twice");
    }
    try (Scope s = Scope.open()) {
      DType kept = shape.length < 2 ? DType.FLOAT32 : shared.storage;
      Tensor value = Tensor.zeros(kept, shared.device, shape);
      Parameter p = new Parameter(this, full, init, shared.scope.keep(value));
      byName.put(full, p);
      return p;
    }
  }

  /** Gives every weight its initial value; each depends on the stream and its own name alone. */
  public void initialise(Rng rng) {
    if (shared.device.kind() == Device.Kind.META) {
      return; // nothing has a value there
    }
    try (Autograd off = Autograd.off()) {
      for (Parameter p : byName.values()) {
        try (Scope s = Scope.open()) {
          Rng own = rng.fork(p.name());
          long[] shape = p.value().shape();
          Init init = p.init();
          if (init instanceof Init.Constant c) {
            p.value().copyFrom(Tensor.full(c.value(), DType.FLOAT32, Device.CPU, shape));
          } else if (init instanceof Init.Parts parts) {
            List<Tensor> slices = p.value().detach().chunk(parts.values().size(), 0);
            for (int i = 0; i < slices.size(); i++) {
              Tensor slice = slices.get(i);
              slice.copyFrom(
                  Tensor.full(parts.values().get(i), DType.FLOAT32, Device.CPU, slice.shape()));
            }
          } else if (init instanceof Init.Normal n) {
            p.value().copyFrom(own.normal(shape).mul(n.standardDeviation()));
          } else if (init instanceof Init.Uniform u) {
            p.value().copyFrom(own.uniform(-u.bound(), u.bound(), shape));
          }
        }
      }
    }
    changed();
  }

  /**
   * Copies values of the same names and shapes into the weights.
   *
   * @param values any floating dtype, on any device
   * @throws TensorException naming the missing, unexpected or misshapen tensors; nothing is copied
   *     then
   */
  public void load(Map<String, Tensor> values) {
    TreeSet<String> missing = new TreeSet<>(byName.keySet());
    missing.removeAll(values.keySet());
    TreeSet<String> unexpected = new TreeSet<>(values.keySet());
    unexpected.removeAll(byName.keySet());
    if (!missing.isEmpty() || !unexpected.isEmpty()) {
      throw new TensorException(
          "the checkpoint does not fit the network:"
              + listed(" missing", missing)
              + listed(" unexpected", unexpected));
    }
    for (Parameter p : byName.values()) {
      Tensor v = values.get(p.name());
      if (v != null && !v.hasShape(p.value().shape())) {
        throw new TensorException(
            "the checkpoint's " + p.name() + " is " + v + ", the network needs " + p.value());
      }
      if (v != null && !v.dtype().isFloating()) {
        throw new TensorException(
            "the checkpoint's " + p.name() + " is " + v + ", not floating-point");
      }
    }
    try (Autograd off = Autograd.off()) {
      for (Parameter p : byName.values()) {
        Tensor v = values.get(p.name());
        if (v != null) {
          p.value().copyFrom(v);
        }
      }
    }
    changed();
  }

  private static String listed(String what, Set<String> names) {
    if (names.isEmpty()) {
      return "";
    }
    List<String> some = new ArrayList<>(names).subList(0, Math.min(3, names.size()));
    return what
        + " "
        + String.join(", ", some)
        + (names.size() > 3 ? " and " + (names.size() - 3) + " more" : "")
        + ";";
  }

  /** Copies another network's weights of the same names and shapes. */
  public void copyFrom(Parameters other) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      load(other.values());
    }
  }

  /** Asks for all weights' gradients, or no longer. */
  public Parameters trainable(boolean wanted) {
    byName.values().forEach(p -> p.ask(wanted));
    return this;
  }

  /** Whether the gradient of any weight is asked for. */
  public boolean isTrainable() {
    return byName.values().stream().anyMatch(Parameter::isTrainable);
  }

  /**
   * Some of the weights, as a set of its own: an optimiser of it leaves the others alone, and it is
   * trainable by itself.
   *
   * @param names whether a weight of that full name belongs to it
   * @throws TensorException if none does
   */
  public Parameters subset(Predicate<String> names) {
    Map<String, Parameter> some = new LinkedHashMap<>();
    byName.forEach(
        (name, p) -> {
          if (names.test(name)) {
            some.put(name, p);
          }
        });
    if (some.isEmpty()) {
      throw new TensorException("a subset of a network's weights needs at least one of them");
    }
    return new Parameters(some, prefix, shared);
  }

  /** All parameters in order of declaration. */
  public List<Parameter> all() {
    return List.copyOf(byName.values());
  }

  /** The names of all parameters in order of declaration. */
  public List<String> names() {
    return List.copyOf(byName.keySet());
  }

  /** The parameter of that full name, or null. */
  public @Nullable Parameter find(String name) {
    return byName.get(name);
  }

  /** The values by name, in order of declaration: the live weights, not copies. */
  public Map<String, Tensor> values() {
    Map<String, Tensor> m = new LinkedHashMap<>();
    byName.forEach((n, p) -> m.put(n, p.value()));
    return m;
  }

  /** The number of weights. */
  public long count() {
    return byName.values().stream().mapToLong(p -> p.value().count()).sum();
  }

  /** The bytes of all weights. */
  public long bytes() {
    return byName.values().stream().mapToLong(Parameter::bytes).sum();
  }

  /** The dtype that matrices are kept in. */
  public DType storage() {
    return shared.storage;
  }

  /** In which dtype products are computed. */
  public Precision precision() {
    return shared.precision;
  }

  /**
   * Sets whether the network's blocks run again for the backward pass, rather than keep what their
   * gradients need: see {@link ActivationCheckpointing#block}.
   */
  public Parameters checkpointing(boolean wanted) {
    shared.checkpointing = wanted;
    return this;
  }

  /** Whether blocks run again for the backward pass. */
  public boolean checkpointing() {
    return shared.checkpointing;
  }

  /** Where the weights lie. */
  public Device device() {
    return shared.device;
  }

  /**
   * Says that values were changed in place (by an optimiser, say), so that casts are made anew.
   * What products have packed is packed anew at once, side by side: threads that need it would wait
   * for each other.
   */
  public void changed() {
    changing();
    WorkerPool.each(shares(), share -> share.forEach(Parameter::repack));
  }

  /**
   * Says that values are about to change, by one who renews what was packed of each himself, as
   * {@link ParameterBuffer#writeValues} does.
   */
  public void changing() {
    shared.version++;
  }

  int version() {
    return shared.version;
  }

  /** Makes a tensor live as long as the weights. */
  Tensor keep(Tensor tensor) {
    synchronized (shared) {
      return shared.scope.keep(tensor);
    }
  }

  /** How many tensors live as long as the weights. */
  int tensors() {
    synchronized (shared) {
      return shared.scope.size();
    }
  }

  /**
   * The weights in consecutive lists of nearly equal size, for a worker pool to work on; one list
   * where that would not be worth the threads' while.
   */
  List<List<Parameter>> shares() {
    return shares(all());
  }

  /** As {@link #shares()}, of some of the weights. */
  List<List<Parameter>> shares(List<Parameter> all) {
    long count = all.stream().mapToLong(p -> p.whole().count()).sum();
    int n =
        shared.device.kind() == Device.Kind.CPU && count > WORTH_THREADS ? WorkerPool.size() : 1;
    List<List<Parameter>> shares = new ArrayList<>();
    int from = 0;
    long seen = 0;
    for (int i = 0; i < all.size(); i++) {
      seen += all.get(i).whole().count();
      if (seen * n >= count * (shares.size() + 1)) {
        shares.add(all.subList(from, i + 1));
        from = i + 1;
      }
    }
    return shares;
  }

  /**
   * Checks that weights are of this set, and none twice.
   *
   * @throws TensorException naming the first that is not
   */
  void requireOwn(List<Parameter> some) {
    Set<Parameter> seen = new HashSet<>();
    for (Parameter p : some) {
      if (byName.get(p.name()) != p) {
        throw new TensorException(p.name() + " is no weight of this network");
      }
      if (!seen.add(p)) {
        throw new TensorException(p.name() + " is named twice");
      }
    }
  }

  /** Drops all gradients. */
  public void clearGradients() {
    byName.values().forEach(Parameter::clearGradients);
  }

  /** Frees the weights. */
  @Override
  public void close() {
    shared.scope.close();
  }
}
