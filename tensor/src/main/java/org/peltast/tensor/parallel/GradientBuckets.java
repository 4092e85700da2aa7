package org.peltast.tensor.parallel;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.HostBuffer;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.GradientListener;
import org.peltast.tensor.nn.Gradients;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.ParameterBuffer;
import org.peltast.tensor.nn.Parameters;

/**
 * Gradients of a network's weights in buckets that are each reduced to their owner in float32 (the
 * first half of ZeRO-1's step), while the backward pass still runs.
 *
 * <h2>When a bucket is complete</h2>
 *
 * <p>A weight receives several contributions an update: from each worker, each micro-batch, each
 * segment of a graph. How many is only known from the update before: a bucket is sent as soon as
 * each of its weights has as many from each worker as then. Should another come after all, its
 * sender notices, tells the owner at the end, and sends the bucket again. So what is sent early is
 * a guess that cannot be wrong in the result; in the first update nothing is.
 *
 * <p>Owners add in the order of ranks, and one rank's workers in theirs, so sums do not depend on
 * what came first. Messages are told apart by bucket: no order of buckets must be kept.
 */
public final class GradientBuckets implements AutoCloseable {
  /** What most buckets have. */
  static final long BYTES = 4 << 20;

  private static final int WORKERS = Long.SIZE; // that are told apart

  private final ProcessGroup group;
  private final Parameters parameters;
  private final List<Parameter> trained;
  private final boolean all;
  private final List<Bucket> buckets = new ArrayList<>();
  private final List<Parameter> owned = new ArrayList<>(); // in order of declaration
  private final Map<Parameter, Counter> counters = new HashMap<>();
  private final @Nullable ExecutorService sender;
  private final int tag;
  private boolean open;
  private boolean guessing; // whether an update before this one was counted; guarded by this
  private int early;

  /** A bucket with its memory. */
  final class Bucket {
    final int index;
    final int owner;
    final ParameterBuffer own;
    final List<ParameterBuffer> received = new ArrayList<>(); // the owner's, of the other ranks
    final List<Counter> weights = new ArrayList<>();
    private final List<Transfer> receiving = new ArrayList<>();
    private int missing;
    private boolean late;
    private @Nullable Future<Transfer> sending;

    Bucket(int index, ShardPlan.Bucket planned) {
      this.index = index;
      this.owner = planned.owner();
      this.own = new ParameterBuffer(planned.parameters());
      for (int r = 1; isOwned() && r < group.size(); r++) {
        received.add(new ParameterBuffer(planned.parameters()));
      }
      for (Parameter p : planned.parameters()) {
        Counter counter = new Counter(this);
        weights.add(counter);
        counters.put(p, counter);
      }
    }

    boolean isOwned() {
      return owner == group.rank();
    }
  }

  /** How often each worker has contributed to a weight's gradient; guarded by the outer object. */
  private static final class Counter {
    final Bucket bucket;
    final int[] expected = new int[WORKERS];
    final int[] begun = new int[WORKERS];
    final int[] ended = new int[WORKERS];

    Counter(Bucket bucket) {
      this.bucket = bucket;
    }

    boolean isComplete() {
      return Arrays.equals(ended, expected);
    }

    boolean isQuiet() {
      return Arrays.equals(begun, ended);
    }

    /** The workers that contribute. */
    long workers() {
      long workers = 0;
      for (int w = 0; w < WORKERS; w++) {
        workers |= expected[w] > 0 ? 1L << w : 0;
      }
      return workers;
    }
  }

  private final GradientListener listener =
      new GradientListener() {
        @Override
        public void begins(Parameter parameter, int worker) {
          GradientBuckets.this.begins(parameter, worker);
        }

        @Override
        public void ends(Parameter parameter, int worker) {
          GradientBuckets.this.ends(parameter, worker);
        }
      };

  GradientBuckets(
      ProcessGroup group, Parameters parameters, List<Parameter> trained, long bucketBytes) {
    this.group = group;
    this.parameters = parameters;
    this.trained = List.copyOf(trained);
    this.all = this.trained.equals(parameters.all());
    if (group.size() == 1) {
      owned.addAll(this.trained);
      sender = null;
      tag = 0;
      return;
    }
    for (ShardPlan.Bucket planned : ShardPlan.of(this.trained, group.size(), bucketBytes)) {
      buckets.add(new Bucket(buckets.size(), planned));
    }
    for (Parameter p : this.trained) {
      if (counter(p).bucket.isOwned()) {
        owned.add(p);
      }
    }
    tag = group.reserveTags(2 * buckets.size() + 1);
    if (parameters.device().kind() == Device.Kind.CPU) {
      this.trained.forEach(p -> p.listen(listener));
      sender = Executors.newSingleThreadExecutor(GradientBuckets::thread);
    } else {
      sender = null; // everything is sent at the end
    }
  }

  private static Thread thread(Runnable work) {
    Thread thread =
        new Thread(
            () -> {
              Engine.threads(1);
              work.run();
            },
            "peltast-gradients");
    thread.setDaemon(true);
    return thread;
  }

  /** The buckets of several processes; none of one alone. */
  List<Bucket> buckets() {
    return buckets;
  }

  /** The weights that this rank updates, in order of declaration. */
  public List<Parameter> owned() {
    return List.copyOf(owned);
  }

  /** How many of its buckets this rank sent before {@link #finish} in the last update. */
  public int sentEarly() {
    return early;
  }

  private Counter counter(Parameter p) {
    Counter counter = counters.get(p);
    if (counter == null) {
      throw new IllegalStateException(p.name() + " is in no bucket");
    }
    return counter;
  }

  /**
   * Begins an update: the backward passes of all workers follow.
   *
   * @throws IllegalStateException if the one before has not been finished
   * @throws ParallelException if a rank has failed
   */
  public void begin() {
    if (group.size() == 1) {
      return;
    }
    group.check();
    synchronized (this) {
      if (open) {
        throw new IllegalStateException("the gradients of the update before are not finished");
      }
      for (Bucket bucket : buckets) {
        bucket.missing = 0;
        bucket.late = false;
        bucket.sending = null;
        bucket.receiving.clear();
        for (Counter weight : bucket.weights) {
          Arrays.fill(weight.begun, 0);
          Arrays.fill(weight.ended, 0);
          bucket.missing += weight.isComplete() ? 0 : 1;
        }
      }
      early = 0;
      open = true;
    }
    for (Bucket bucket : buckets) {
      int other = 0;
      for (int r = 0; bucket.isOwned() && r < group.size(); r++) {
        if (r != group.rank()) {
          HostBuffer into = bucket.received.get(other++).memory();
          bucket.receiving.add(group.receive(into, r, tag + bucket.index));
        }
      }
    }
  }

  private synchronized void begins(Parameter parameter, int worker) {
    if (!open) {
      return;
    }
    Counter counter = counter(parameter);
    if (worker >= WORKERS) {
      guessing = false; // so many are not told apart: nothing more is sent early
      counter.bucket.late = true;
      return;
    }
    counter.begun[worker]++;
    counter.bucket.late |= counter.bucket.sending != null;
  }

  private synchronized void ends(Parameter parameter, int worker) {
    if (!open || worker >= WORKERS) {
      return;
    }
    Counter counter = counter(parameter);
    boolean before = counter.isComplete();
    counter.ended[worker]++;
    Bucket bucket = counter.bucket;
    bucket.missing += (before ? 1 : 0) - (counter.isComplete() ? 1 : 0);
    ExecutorService by = sender;
    if (bucket.missing == 0 && guessing && bucket.sending == null && !bucket.isOwned()) {
      if (by != null && !bucket.late && bucket.weights.stream().allMatch(Counter::isQuiet)) {
        long[] workers = bucket.weights.stream().mapToLong(Counter::workers).toArray();
        early++;
        bucket.sending =
            by.submit(
                () -> {
                  bucket.own.readGradients(workers);
                  return group.send(bucket.own.memory(), bucket.owner, tag + bucket.index);
                });
      }
    }
  }

  /**
   * Ends the update when all backward passes are over: reduces what is left. Weights that this rank
   * owns then have the sum of all ranks' gradients; the others have none.
   *
   * @return the Euclidean norm of the whole reduced gradient, of one element: the same bits on all
   *     ranks
   * @throws ParallelException if a rank has failed
   */
  public Tensor finish() {
    if (group.size() == 1) {
      return all
          ? Gradients.norm(parameters)
          : joint(List.of(Gradients.norms(parameters, trained)));
    }
    synchronized (this) {
      if (!open) {
        throw new IllegalStateException("no update was begun");
      }
      open = false;
    }
    List<Transfer> sends = new ArrayList<>();
    for (Bucket bucket : buckets) {
      Future<Transfer> begun = bucket.sending;
      if (bucket.isOwned()) {
        bucket.own.readGradients();
      } else if (begun != null) {
        sends.add(sent(begun));
      } else {
        bucket.late = false;
        bucket.own.readGradients();
        sends.add(group.send(bucket.own.memory(), bucket.owner, tag + bucket.index));
      }
    }
    List<float[]> again = exchangeLate();
    sends.forEach(Transfer::await);
    sends.clear();
    for (Bucket bucket : buckets) {
      if (!bucket.isOwned() && bucket.late) {
        bucket.own.readGradients();
        sends.add(
            group.send(bucket.own.memory(), bucket.owner, tag + buckets.size() + bucket.index));
      }
    }
    for (Bucket bucket : buckets) {
      if (bucket.isOwned()) {
        reduce(bucket, again);
      }
    }
    sends.forEach(Transfer::await);
    for (Bucket bucket : buckets) {
      if (!bucket.isOwned()) {
        bucket.own.parameters().forEach(Parameter::clearGradients);
      }
    }
    learn();
    return jointNorm();
  }

  private Transfer sent(Future<Transfer> begun) {
    try {
      return begun.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException r) {
        throw r;
      }
      throw new IllegalStateException("gradients could not be sent", e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while gradients were sent", e);
    }
  }

  /**
   * Tells all others which buckets come again.
   *
   * @return what the others told, in the order of the other ranks: 1 for a bucket that comes again
   */
  private List<float[]> exchangeLate() {
    int n = buckets.size();
    float[] own = new float[n];
    for (Bucket bucket : buckets) {
      own[bucket.index] = !bucket.isOwned() && bucket.late ? 1 : 0;
    }
    HostBuffer told = HostBuffer.allocate(n);
    told.put(0, own, 0, n);
    List<Transfer> sends = new ArrayList<>();
    List<float[]> others = new ArrayList<>();
    for (int r = 0; r < group.size(); r++) {
      if (r != group.rank()) {
        sends.add(group.send(told, r, tag + 2 * n));
      }
    }
    for (int r = 0; r < group.size(); r++) {
      if (r != group.rank()) {
        HostBuffer heard = HostBuffer.allocate(n);
        group.receive(heard, r, tag + 2 * n).await();
        float[] other = new float[n];
        heard.get(0, other, 0, n);
        others.add(other);
      }
    }
    sends.forEach(Transfer::await);
    return others;
  }

  /** Adds up what came, in the order of ranks. */
  private void reduce(Bucket bucket, List<float[]> again) {
    bucket.receiving.forEach(Transfer::await);
    for (int other = 0; other < again.size(); other++) {
      if (again.get(other)[bucket.index] != 0) {
        int rank = other + (other >= group.rank() ? 1 : 0);
        group
            .receive(bucket.received.get(other).memory(), rank, tag + buckets.size() + bucket.index)
            .await();
      }
    }
    List<ParameterBuffer> ranks = new ArrayList<>(bucket.received);
    ranks.add(group.rank(), bucket.own);
    ParameterBuffer sum = ranks.get(0);
    ranks.subList(1, ranks.size()).forEach(sum::add);
    sum.writeGradients();
  }

  private synchronized void learn() {
    for (Counter counter : counters.values()) {
      System.arraycopy(counter.begun, 0, counter.expected, 0, WORKERS);
    }
    guessing = true;
  }

  private Tensor jointNorm() {
    float[] own = Gradients.norms(parameters, owned);
    ByteBuffer bytes = ByteBuffer.allocate(own.length * Float.BYTES);
    bytes.asFloatBuffer().put(own);
    List<float[]> parts = new ArrayList<>();
    for (byte[] part : group.gather("gradient norms", bytes.array())) {
      FloatBuffer norms = ByteBuffer.wrap(part).asFloatBuffer();
      float[] numbers = new float[norms.remaining()];
      norms.get(numbers);
      parts.add(numbers);
    }
    float[] ordered = new float[trained.size()];
    int[] at = new int[parts.size()];
    for (int i = 0; i < ordered.length; i++) {
      int owner = counter(trained.get(i)).bucket.owner;
      ordered[i] = parts.get(owner)[at[owner]++];
    }
    return joint(List.of(ordered));
  }

  /** The norm of norms, where there are any. */
  private Tensor joint(List<float[]> parts) {
    float[] norms = parts.get(0);
    float[] present = new float[norms.length];
    int n = 0;
    for (float norm : norms) {
      if (!(norm < 0)) {
        present[n++] = norm;
      }
    }
    float[] counted = Arrays.copyOf(present, Math.max(1, n));
    return Scope.compute(
        () -> Tensor.of(counted, counted.length).norm(false, 0).to(parameters.device()));
  }

  @Override
  public void close() {
    ExecutorService by = sender;
    if (by != null) {
      trained.forEach(p -> p.listen(null));
      by.shutdown();
    }
  }
}
