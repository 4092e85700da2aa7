package org.peltast.tensor.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.GradientWatch;
import org.peltast.tensor.HostBuffer;
import org.peltast.tensor.Matrices;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;
import org.peltast.tensor.WeightMatrix;
import org.peltast.tensor.WorkerPool;

/**
 * One weight of a network: its value, float32 unless {@linkplain Parameters#storage kept} in half
 * precision, and that value in the dtype of products.
 *
 * <p>The shares of a {@link WorkerPool} each see the same value with a gradient of its own, so that
 * they can be differentiated side by side; {@link Gradients#clip} adds these up.
 */
public final class Parameter {
  private final Parameters owner;
  private final String name;
  private final Parameters.Init init;
  private final List<WorkerView> views = new ArrayList<>(); // the first is the value itself
  private volatile boolean trainable;
  private volatile @Nullable GradientListener listener;
  private @Nullable Tensor cast;
  private int castVersion = -1;
  private float @Nullable [] numbers;
  private int numbersVersion = -1;
  private @Nullable WeightMatrix matrix; // once asked for
  private @Nullable Tensor forthOutline; // on the meta device, as large as what is packed
  private @Nullable Tensor backOutline;

  /** The value as one worker of a pool sees it. */
  private final class WorkerView implements GradientWatch {
    final Tensor value;
    final int index;
    @Nullable HostBuffer gradient; // kept memory, in use or not

    WorkerView(Tensor value, int index) {
      this.value = value;
      this.index = index;
    }

    @Override
    public void begins() {
      GradientListener told = listener;
      if (told != null) {
        told.begins(Parameter.this, index);
      }
    }

    @Override
    public void ends() {
      GradientListener told = listener;
      if (told != null) {
        told.ends(Parameter.this, index);
      }
    }

    void watched() {
      value.watchGradient(listener == null ? null : this);
    }

    HostBuffer memory() {
      HostBuffer known = gradient;
      if (known == null) {
        known = HostBuffer.allocate(value.shape());
        gradient = known;
      }
      return known;
    }

    void add(Matrices dy, Matrices x) {
      HostBuffer memory = memory();
      Matrices kept = Matrices.one(memory, (int) value.size(0), (int) value.size(1));
      Tensor present = value.grad();
      if (present != null && present.isAt(memory.tensor())) {
        kept.addProduct(dy.transposed(), x);
      } else {
        kept.assignProduct(dy.transposed(), x);
        take(present);
      }
    }

    void add(float[] numbers) {
      HostBuffer memory = memory();
      Tensor present = value.grad();
      if (present != null && present.isAt(memory.tensor())) {
        float[] sum = new float[numbers.length];
        memory.get(0, sum, 0, sum.length);
        for (int i = 0; i < sum.length; i++) {
          sum[i] += numbers[i];
        }
        memory.put(0, sum, 0, sum.length);
      } else {
        memory.put(0, numbers, 0, numbers.length);
        take(present);
      }
    }

    /** Makes what is in the memory the gradient, or part of one that libtorch began. */
    void take(@Nullable Tensor present) {
      Tensor own = memory().tensor();
      if (present == null) {
        value.accumulateGrad(own);
      } else {
        present.copyFrom(present.add(own));
      }
    }
  }

  Parameter(Parameters owner, String name, Parameters.Init init, Tensor value) {
    this.owner = owner;
    this.name = name;
    this.init = init;
    views.add(new WorkerView(value, 0));
  }

  /** The full name, as in the checkpoint. */
  public String name() {
    return name;
  }

  /** The number of its axes. */
  public int rank() {
    return whole().rank();
  }

  /** Its lengths along each axis. */
  public long[] shape() {
    return whole().shape();
  }

  Parameters.Init init() {
    return init;
  }

  /** The value as it is kept; recorded inside a pool, with the gradient of the share that asks. */
  public Tensor value() {
    return Autograd.isOn() ? view().value : whole();
  }

  /** The value with the gradient of the whole batch, whoever asks. */
  synchronized Tensor whole() {
    return views.get(0).value;
  }

  private synchronized WorkerView view() {
    int wanted = trainable ? WorkerPool.worker() : 0;
    while (views.size() <= wanted) {
      try (Scope s = Scope.open()) {
        Tensor same = owner.keep(views.get(0).value.detach());
        WorkerView added = new WorkerView(same.requireGrad(true), views.size());
        added.watched();
        views.add(added);
      }
    }
    return views.get(wanted);
  }

  /**
   * Adds {@code dyᵀ x} to the gradient, what a linear layer of this weight has from its answers'
   * gradient dy and its rows x; inside a pool to the worker's own. The first product is written to
   * kept memory: fresh memory costs more than what is written to it, and so would zeros.
   *
   * @param dy [rows, out], float32 or bfloat16
   * @param x [rows, in] of the same dtype, where the weight is [out, in]
   */
  public void addGradient(Matrices dy, Matrices x) {
    requireMatrix();
    WorkerView view = view();
    view.value.contribute(() -> view.add(dy, x));
  }

  /**
   * Adds to the gradient, inside a pool to the worker's own.
   *
   * @param gradient as many numbers as the weight has
   */
  public void addGradient(float[] gradient) {
    WorkerView view = view();
    if (gradient.length != view.value.count()) {
      throw new TensorException(
          gradient.length + " numbers are no gradient of " + name + ", " + view.value);
    }
    view.value.contribute(() -> view.add(gradient));
  }

  private void requireMatrix() {
    if (whole().rank() != 2 || whole().device().kind() != Device.Kind.CPU) {
      throw new TensorException(name + " is no matrix on the CPU, but " + whole());
    }
  }

  /** Adds the gradients of all workers to the first's, in order. */
  synchronized void reduceGradients() {
    for (WorkerView view : views.subList(1, views.size())) {
      Tensor g = view.value.grad();
      if (g != null) {
        views.get(0).value.accumulateGrad(g);
        view.value.clearGrad();
      }
    }
  }

  /**
   * Tells a listener of each contribution to the gradient from now on; null tells nobody.
   *
   * @throws TensorException if the weight is not on a CPU, where libtorch's own contributions come
   *     from threads that nobody sees
   */
  public synchronized void listen(@Nullable GradientListener wanted) {
    if (whole().device().kind() != Device.Kind.CPU) {
      throw new TensorException(
          "contributions to gradients are told on a CPU alone, but " + name + " is " + whole());
    }
    listener = wanted;
    views.forEach(WorkerView::watched);
  }

  /**
   * Writes the sum of some workers' gradients, in order; zeros if none has one.
   *
   * @param of bit w set if worker w counts
   * @return whether one had a gradient
   */
  synchronized boolean sumGradients(Tensor to, long of) {
    boolean present = false;
    for (WorkerView view : views) {
      Tensor g = view.index < Long.SIZE && (of >>> view.index & 1) == 0 ? null : view.value.grad();
      if (g == null) {
        continue;
      }
      if (present) {
        to.addInPlace(g.to(Device.CPU));
      } else {
        to.copyFrom(g);
      }
      present = true;
    }
    if (!present) {
      to.zeroInPlace();
    }
    return present;
  }

  /** Replaces the gradients of all workers by one, at the first. */
  synchronized void setGradient(Tensor gradient) {
    Tensor present = whole().grad();
    if (present == null) {
      Tensor first = Tensor.zeros(whole().dtype(), whole().device(), whole().shape());
      first.copyFrom(gradient);
      whole().accumulateGrad(first);
    } else {
      present.copyFrom(gradient);
    }
    views.subList(1, views.size()).forEach(view -> view.value.clearGrad());
  }

  /** Changes the value in place, and what was packed of it. */
  void setValue(Tensor wanted) {
    whole().copyFrom(wanted);
    repack();
  }

  /** Drops the gradients of all workers. */
  public synchronized void clearGradients() {
    for (WorkerView view : views) {
      view.value.clearGrad();
    }
  }

  /**
   * Asks for this weight's gradient, or no longer; {@link Parameters#trainable} does so for all of
   * a network. A pass that was begun keeps to what was asked when it began.
   */
  public Parameter trainable(boolean wanted) {
    ask(wanted);
    return this;
  }

  /** Whether this weight's gradient is asked for. */
  public boolean isTrainable() {
    return trainable;
  }

  /** Asks for the gradients of all workers, or no longer. */
  synchronized void ask(boolean wanted) {
    if (wanted && whole().dtype() == DType.FLOAT16) {
      throw new TensorException(
          name + " is kept as " + whole() + ", and only float32 and bfloat16 are trained");
    }
    trainable = wanted;
    for (WorkerView view : views) {
      view.value.requireGrad(wanted);
      view.watched();
    }
  }

  /**
   * The value in the dtype of products. While gradients are recorded the cast is part of the graph;
   * otherwise it is made once and kept until the weights change.
   *
   * <p>The two are kept apart on purpose: a cast made without gradients and reused with them would
   * silently cut the weight off from its gradient.
   */
  public Tensor inProducts() {
    DType wanted = owner.precision().products();
    DType kept = whole().dtype();
    if (wanted == kept) {
      return value();
    }
    // What is kept narrow is kept so to save memory, which a second copy would not.
    if (kept != DType.FLOAT32 || (trainable && Autograd.isOn())) {
      return value().to(wanted);
    }
    return cast(wanted);
  }

  /** The value's numbers, row-major: kept until the weights change, and not to be written to. */
  public synchronized float[] numbers() {
    float[] known = numbers;
    if (known == null || numbersVersion != owner.version()) {
      known = whole().toFloats();
      numbers = known;
      numbersVersion = owner.version();
    }
    return known;
  }

  /**
   * The value as products of {@link Matrices} take it, the same object at each call: they follow
   * the weights' changes.
   *
   * @throws TensorException if the weight is no matrix on the CPU
   */
  public synchronized WeightMatrix matrix() {
    WeightMatrix known = matrix;
    if (known == null) {
      requireMatrix();
      known = new WeightMatrix(whole(), owner::version);
      matrix = known;
    }
    return known;
  }

  /**
   * Takes as much memory on the meta device, where nothing is multiplied, as packed copies take
   * elsewhere.
   */
  public synchronized void outlinePacked(DType dtype, boolean transposed) {
    if ((transposed ? forthOutline : backOutline) == null) {
      try (Scope s = Scope.open()) {
        Tensor taken = owner.keep(Tensor.zeros(dtype, Device.META, shape()));
        if (transposed) {
          forthOutline = taken;
        } else {
          backOutline = taken;
        }
      }
    }
  }

  /** The bytes of the value. */
  public long bytes() {
    return whole().count() * whole().dtype().bytes();
  }

  /** The bytes that are kept of the value beside it, in the dtype and order of products. */
  public synchronized long copies() {
    return Stream.of(cast, forthOutline, backOutline)
            .filter(Objects::nonNull)
            .mapToLong(t -> t.count() * t.dtype().bytes())
            .sum()
        + (matrix == null ? 0 : matrix.packedBytes());
  }

  /** Makes anew what products were given of the value. */
  synchronized void repack() {
    if (matrix != null) {
      matrix.repack();
    }
  }

  private synchronized Tensor cast(DType wanted) {
    Tensor value = whole();
    Tensor kept = cast;
    if (kept == null) {
      try (Scope s = Scope.open();
          Autograd off = Autograd.off()) {
        kept = owner.keep(value.to(wanted));
      }
      cast = kept;
      castVersion = owner.version();
    } else if (castVersion != owner.version()) {
      try (Autograd off = Autograd.off()) {
        kept.copyFrom(value);
      }
      castVersion = owner.version();
    }
    return kept;
  }
}
