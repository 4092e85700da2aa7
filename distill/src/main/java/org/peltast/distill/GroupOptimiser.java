package org.peltast.distill;

import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.AdamW;
import org.peltast.tensor.nn.Ema;
import org.peltast.tensor.nn.Gradients;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.Parameters;
import org.peltast.tensor.parallel.ProcessGroup;
import org.peltast.tensor.parallel.ShardedOptimiser;

/** A group's optimiser and average: in one process, or dealt out over several. */
interface GroupOptimiser extends AutoCloseable {
  /** The weights, and their learning rate factor. */
  Role.Group group();

  long steps();

  long emaUpdates();

  /** Before a backward pass. */
  void begin();

  /** Adds the gradients up. */
  Tensor norm();

  void step(double rate, Gradients.Clip clip, Consumer<Parameter> then);

  Map<String, Tensor> optimiserState();

  /** The moving average, if there is one. */
  Map<String, Tensor> averages();

  void restore(Map<String, Tensor> moments, long steps);

  void restoreAverages(Map<String, Tensor> averages, long updates);

  @Override
  void close();

  default Parameters parameters() {
    return group().parameters();
  }

  /** All of it in this process. */
  record Whole(Role.Group group, AdamW optimiser, @Nullable Ema ema) implements GroupOptimiser {
    static Whole of(Role.Group group, Role.Settings settings) {
      Parameters p = group.parameters().trainable(true);
      return new Whole(
          group,
          new AdamW(p, settings.adam()),
          settings.ema() > 0 ? new Ema(p, settings.ema()) : null);
    }

    @Override
    public long steps() {
      return optimiser.steps();
    }

    @Override
    public long emaUpdates() {
      return ema == null ? 0 : ema.updates();
    }

    @Override
    public void begin() {}

    @Override
    public Tensor norm() {
      return Gradients.norm(parameters());
    }

    @Override
    public void step(double rate, Gradients.Clip clip, Consumer<Parameter> then) {
      optimiser.step(rate, clip, ema == null ? then : ema.next().andThen(then));
    }

    @Override
    public Map<String, Tensor> optimiserState() {
      return optimiser.state();
    }

    @Override
    public Map<String, Tensor> averages() {
      return ema == null ? Map.of() : ema.values();
    }

    @Override
    public void restore(Map<String, Tensor> moments, long steps) {
      optimiser.restore(moments, steps);
    }

    @Override
    public void restoreAverages(Map<String, Tensor> averages, long updates) {
      if (ema != null) {
        ema.restore(averages, updates);
      }
    }

    @Override
    public void close() {
      optimiser.close();
      if (ema != null) {
        ema.close();
      }
    }
  }

  /** Each weight's moments and average with one of several processes (ZeRO stage 1). */
  record Sharded(Role.Group group, ShardedOptimiser optimiser, boolean averaged)
      implements GroupOptimiser {
    @Override
    public long steps() {
      return optimiser.steps();
    }

    @Override
    public long emaUpdates() {
      return optimiser.emaUpdates();
    }

    @Override
    public void begin() {
      optimiser.buckets().begin();
    }

    @Override
    public Tensor norm() {
      return optimiser.buckets().finish();
    }

    @Override
    public void step(double rate, Gradients.Clip clip, Consumer<Parameter> then) {
      optimiser.step(rate, clip);
      parameters().all().forEach(then);
    }

    @Override
    public Map<String, Tensor> optimiserState() {
      return optimiser.state();
    }

    @Override
    public Map<String, Tensor> averages() {
      return averaged ? optimiser.ema() : Map.of();
    }

    @Override
    public void restore(Map<String, Tensor> moments, long steps) {
      optimiser.broadcastWeights();
      optimiser.restore(moments, steps);
    }

    @Override
    public void restoreAverages(Map<String, Tensor> averages, long updates) {
      if (averaged) {
        optimiser.restoreEma(averages, updates);
      }
    }

    static Sharded of(Role.Group group, Role.Settings settings, ProcessGroup processes) {
      Parameters p = group.parameters();
      return new Sharded(
          group,
          new ShardedOptimiser(processes, p, p.all(), settings.adam(), settings.ema()),
          settings.ema() > 0);
    }

    @Override
    public void close() {
      optimiser.close();
    }
  }
}
