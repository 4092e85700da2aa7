package org.peltast.tensor.parallel;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;
import org.peltast.tensor.TensorFiles;
import org.peltast.tensor.WorkerPool;
import org.peltast.tensor.nn.AdamW;
import org.peltast.tensor.nn.Gradients;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.Parameters;

/** What a rank does in the tests, in a process of its own: {@link Ranks} starts it. */
final class RankProbe {
  private static final int BUCKET = 300; // bytes: a few weights

  private RankProbe() {}

  /** Arguments: a folder, what to do, and its arguments. */
  public static void main(String[] args) {
    int code = 0;
    try (Scope scope = Scope.open();
        ProcessGroup group = ProcessGroup.fromEnvironment()) {
      try {
        run(group, Path.of(args[0]), args);
      } catch (ParallelException e) {
        System.out.println("SENTENCE " + e.getMessage());
        code = 3;
      } catch (RuntimeException e) {
        group.abort(e.getMessage());
        System.out.println("OWN " + e.getMessage());
        code = 4;
      }
    } catch (Throwable e) {
      e.printStackTrace(System.out);
      code = 5;
    }
    System.out.flush();
    System.exit(code);
  }

  private static void run(ProcessGroup group, Path folder, String[] args) {
    switch (args[1]) {
      case "operations" -> operations(group);
      case "endless" -> endless(group, args[2]);
      case "leave" -> leave(group);
      case "mismatch" -> group.gather(group.rank() == 0 ? "this" : "that", new byte[0]);
      case "reduce" -> reduce(group);
      case "train" ->
          train(
              group,
              folder,
              args[2],
              args[3],
              Integer.parseInt(args[4]),
              Integer.parseInt(args[5]));
      default -> throw new AssertionError(args[1]);
    }
  }

  private static void require(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }

  // ------------------------------------------------------------------ operations

  private static void operations(ProcessGroup group) {
    int n = group.size();
    Tensor sum = Tensor.full(group.rank() + 1, DType.FLOAT32, Device.CPU, 3, 5);
    group.allReduceSum(sum);
    for (float f : sum.toFloats()) {
      require(f == n * (n + 1) / 2f, "sum " + f);
    }
    // In the order of ranks: 1e8 swallows a 1 that is added to it, not one that comes after −1e8.
    if (n == 3) {
      Tensor ordered = Tensor.of(new float[] {new float[] {1e8f, -1e8f, 1}[group.rank()]}, 1);
      group.allReduceSum(ordered);
      require(ordered.item() == 1, "order " + ordered.item());
    }
    for (int from = 0; from < n; from++) {
      Tensor own = Rng.of(group.rank() + 7).normal(300_000);
      group.broadcast(own, from);
      require(
          Arrays.equals(own.toFloats(), Rng.of(from + 7).normal(300_000).toFloats()),
          "broadcast from " + from);
    }
    Tensor scalar = Tensor.scalar(group.rank()).to(DType.FLOAT32);
    group.broadcast(scalar, n - 1);
    require(scalar.item() == n - 1, "scalar");
    group.allReduceSum(Tensor.zeros(0));
    for (int i = 0; i < 100; i++) {
      int round = i;
      String decided =
          group.decideText("round", () -> "rank " + group.rank() + " round " + round + " ✓");
      require(decided.equals("rank 0 round " + round + " ✓"), decided);
      require(group.decideIf("yes", () -> round % 3 == 0) == (round % 3 == 0), "decideIf");
    }
    List<String> texts = group.gatherText("names", "r".repeat(group.rank() * 100_000));
    require(texts.size() == n, "gather");
    for (int r = 0; r < n; r++) {
      require(texts.get(r).equals("r".repeat(r * 100_000)), "gather of " + r);
    }
    group.barrier("end of operations");
    try {
      group.allReduceSum(Tensor.zeros(2).to(DType.BFLOAT16));
      throw new AssertionError("bfloat16 was summed");
    } catch (TensorException expected) {
      System.out.println(expected.getMessage());
    }
    try {
      group.broadcast(Tensor.zeros(2), n);
      throw new AssertionError("there is no such rank");
    } catch (TensorException expected) {
      System.out.println(expected.getMessage());
    }
    require(n == 1 ? group.bytesSent() == 0 : group.bytesSent() > 0, "bytes");
    System.out.println("DONE");
  }

  /** Works together until somebody dies; the last rank fails by itself if it is told to. */
  private static void endless(ProcessGroup group, String how) {
    Tensor t = Tensor.ones(how.equals("sum") ? 2_000_000 : 10);
    for (int i = 0; ; i++) {
      int round = i;
      if (how.equals("decide")) {
        group.decideText("go on", () -> "yes " + round);
        group.barrier("round");
      } else {
        group.allReduceSum(t);
        t.zeroInPlace();
      }
      if (i == 3) {
        System.out.println("WORKING");
      }
      if (i == 20 && group.rank() == group.size() - 1) {
        if (how.equals("throw")) {
          throw new IllegalArgumentException("the loss is not finite");
        }
        if (how.equals("stuck")) { // busy without an operation: the others wait
          System.out.println("STUCK");
          while (System.nanoTime() != 0) {
            Thread.onSpinWait();
          }
        }
      }
    }
  }

  private static void leave(ProcessGroup group) {
    group.barrier("together");
    if (group.rank() != group.size() - 1) {
      group.allReduceSum(Tensor.ones(4));
      throw new AssertionError("summed with somebody who left");
    }
  }

  // ------------------------------------------------------------------ training

  /** A network with a weight that nobody uses. */
  private static final class Net {
    final Parameters p = Parameters.on(Device.CPU, Precision.FLOAT32);
    final List<Linear> layers = new ArrayList<>();

    Net() {
      for (int i = 0; i < 6; i++) {
        layers.add(new Linear(p.at("layers." + i), 9, 9, true));
      }
      p.declare("idle", Parameters.Init.ones(), 4);
      p.initialise(Rng.of(3));
      p.trainable(true);
    }

    Tensor loss(int update, int item) {
      Tensor x = Rng.of(5).fork("x").fork(update * 1000L + item).normal(1, 9);
      Tensor y = x;
      for (Linear layer : layers) {
        y = layer.forward(y).silu();
      }
      return y.sub(x).square().sum();
    }
  }

  /** Items of a batch of 12, those of this rank, in micro-batches over workers. */
  private static void backward(Net net, int rank, int size, int update, int workers) {
    Engine.threads(workers);
    List<Integer> mine = new ArrayList<>();
    for (int item = 0; item < 12; item++) {
      if (item % size == rank) {
        mine.add(item);
      }
    }
    List<List<Integer>> shares = new ArrayList<>();
    for (int w = 0; w < workers; w++) {
      shares.add(mine.subList(mine.size() * w / workers, mine.size() * (w + 1) / workers));
    }
    WorkerPool.each(
        shares,
        share -> {
          for (int item : share) {
            try (Scope s = Scope.open()) {
              net.loss(update, item).backward();
            }
          }
        });
  }

  /** Reduced gradients are those of a process that has all ranks' gradients and adds them up. */
  private static void reduce(ProcessGroup group) {
    Net net = new Net();
    Net reference = new Net();
    try (GradientBuckets buckets = new GradientBuckets(group, net.p, net.p.all(), BUCKET)) {
      int early = 0;
      for (int update = 0; update < 8; update++) {
        // The number of workers changes: what was expected does not come, or more comes.
        int workers = update < 4 ? 1 : update < 6 ? 2 : 3;
        buckets.begin();
        backward(net, group.rank(), group.size(), update, workers);
        if (update == 7) { // one more than ever before, on one rank
          Engine.threads(1);
          if (group.rank() == 0) {
            net.loss(update, 99).backward();
          }
        }
        Tensor norm = buckets.finish();
        early += buckets.sentEarly();
        require(update > 0 || early == 0, "nothing is known in the first update");
        float[][] sums = sums(reference, group.size(), update, workers, update == 7);
        List<Parameter> all = net.p.all();
        for (int i = 0; i < all.size(); i++) {
          Parameter p = all.get(i);
          Tensor g = gradient(p);
          if (buckets.owned().contains(p) && !p.name().equals("idle")) {
            require(
                g != null && Arrays.equals(g.reshape(-1).toFloats(), sums[i]), p.name() + update);
          } else {
            require(g == null, p.name() + " has a gradient left");
          }
        }
        double square = 0;
        for (float[] sum : sums) {
          for (float f : sum) {
            square += (double) f * f;
          }
        }
        require(Math.abs(norm.item() / Math.sqrt(square) - 1) < 1e-5, "norm " + norm.item());
        List<String> norms = group.gatherText("norm", Double.toHexString(norm.item()));
        require(norms.stream().distinct().count() == 1, "norms " + norms);
        net.p.clearGradients();
      }
      System.out.println("EARLY " + early);
      require(
          group.size() == 1
              || group.gatherText("early", "" + early).stream().mapToInt(Integer::parseInt).sum()
                  > 0,
          "nothing was sent early");
    }
    System.out.println("DONE");
  }

  private static Tensor gradient(Parameter p) {
    try (Autograd off = Autograd.off()) {
      return p.value().grad();
    }
  }

  /** Sums over ranks in their order of what each adds up over its workers in theirs. */
  private static float[][] sums(Net net, int size, int update, int workers, boolean more) {
    List<Parameter> all = net.p.all();
    float[][] sums = new float[all.size()][];
    for (int rank = 0; rank < size; rank++) {
      net.p.clearGradients();
      backward(net, rank, size, update, workers);
      if (more && rank == 0) {
        Engine.threads(1);
        net.loss(update, 99).backward();
      }
      Gradients.norm(net.p); // adds workers' up
      for (int i = 0; i < sums.length; i++) {
        Tensor g = gradient(all.get(i));
        float[] one = g == null ? new float[0] : g.reshape(-1).toFloats();
        if (sums[i] == null) {
          sums[i] = one;
        } else {
          for (int k = 0; k < one.length; k++) {
            sums[i][k] += one[k];
          }
        }
      }
    }
    return sums;
  }

  /**
   * Trains with gradients that sum up to the same bits for any number of ranks, resumes and saves.
   */
  private static void train(
      ProcessGroup group, Path folder, String from, String to, int first, int updates) {
    Net net = new Net();
    if (group.rank() != 0) {
      net.p.initialise(Rng.of(99)); // to be overwritten by rank 0's
    }
    try (ShardedOptimiser optimiser =
        new ShardedOptimiser(
            group, net.p, net.p.all(), new AdamW.Settings(0.9, 0.99, 1e-8, 0.01), 0.9, BUCKET)) {
      if (!from.equals("-")) {
        load(group, folder.resolve(from), net, optimiser);
      }
      long before = group.bytesSent();
      for (int update = first; update < first + updates; update++) {
        try (Scope s = Scope.open()) {
          optimiser.buckets().begin();
          wholeNumbers(net, group, update);
          Tensor norm = optimiser.buckets().finish();
          optimiser.step(0.01, new Gradients.Clip(norm, 10));
          net.p.clearGradients();
        }
      }
      System.out.println(
          "BYTES " + (group.bytesSent() - before) / updates + " OF " + 4 * net.p.count());
      require(optimiser.steps() == first + updates, "steps " + optimiser.steps());
      save(group, folder.resolve(to), net, optimiser);
    }
    group.barrier("saved");
    System.out.println("DONE");
  }

  /**
   * Gradients whose sums over ranks are exact: whole numbers, dealt over the ranks. The idle weight
   * gets none; one layer's are from one rank alone.
   */
  private static void wholeNumbers(Net net, ProcessGroup group, int update) {
    for (Parameter p : net.p.all()) {
      if (p.name().equals("idle")) {
        continue;
      }
      float[] whole = new float[(int) p.value().count()];
      float[] own = new float[whole.length];
      Rng rng = Rng.of(11).fork(p.name()).fork(update);
      float[] noise = rng.normal(whole.length).toFloats();
      for (int i = 0; i < whole.length; i++) {
        int total = Math.round(noise[i] * 100);
        int part = total / group.size();
        own[i] = group.rank() == 0 ? total - part * (group.size() - 1) : part;
      }
      if (!p.name().startsWith("layers.2")) {
        p.addGradient(own);
      } else if (group.rank() == group.size() - 1) {
        for (int i = 0; i < whole.length; i++) {
          whole[i] = Math.round(noise[i] * 100);
        }
        p.addGradient(whole);
      }
    }
  }

  private static void save(ProcessGroup group, Path file, Net net, ShardedOptimiser optimiser) {
    Map<String, Tensor> all = new LinkedHashMap<>();
    optimiser.state().forEach((n, t) -> all.put("optimiser." + n, t));
    optimiser.ema().forEach((n, t) -> all.put("ema." + n, t));
    if (group.isFirst()) {
      net.p.values().forEach((n, t) -> all.put("weights." + n, t));
      TensorFiles.write(
          file,
          all,
          new TreeMap<>(
              Map.of(
                  "steps", Long.toString(optimiser.steps()),
                  "emaUpdates", Long.toString(optimiser.emaUpdates()))));
    } else {
      require(all.isEmpty(), "only rank 0 writes");
    }
  }

  private static void load(ProcessGroup group, Path file, Net net, ShardedOptimiser optimiser) {
    Map<String, Tensor> all = new LinkedHashMap<>();
    long steps = 0;
    long updates = 0;
    if (group.isFirst()) {
      all.putAll(TensorFiles.read(file));
      steps = Long.parseLong(TensorFiles.metadata(file).get("steps"));
      updates = Long.parseLong(TensorFiles.metadata(file).get("emaUpdates"));
      net.p.load(under("weights.", all));
    }
    optimiser.broadcastWeights();
    optimiser.restore(under("optimiser.", all), steps);
    optimiser.restoreEma(under("ema.", all), updates);
  }

  private static Map<String, Tensor> under(String prefix, Map<String, Tensor> all) {
    Map<String, Tensor> some = new LinkedHashMap<>();
    all.forEach(
        (n, t) -> {
          if (n.startsWith(prefix)) {
            some.put(n.substring(prefix.length()), t);
          }
        });
    return some;
  }
}
