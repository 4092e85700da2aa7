package org.peltast.bench.kernels;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.nn.Parameters;

/** Every {@link Operator}, forward alone and with its backward pass, on one thread. */
@State(org.openjdk.jmh.annotations.Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class OperatorBenchmark {
  /** Which. */
  @Param public Operator operator = Operator.LINEAR;

  /** Of the products. */
  @Param({"float32", "bf16"})
  public String precision = "float32";

  /** Items; half of the standard update's, as each of two threads has them. */
  @Param("24")
  public int batch;

  /** Rows of an item. */
  @Param("96")
  public int tokens;

  /** Width. */
  @Param("256")
  public int dim;

  /** Attention heads. */
  @Param("4")
  public int heads;

  /** Threads of one operation. */
  @Param("1")
  public int threads;

  private Parameters parameters;
  private Scope kept;
  private Operator.Passes passes;

  /** Weights and input. */
  @Setup(Level.Trial)
  public void prepare() {
    Engine.threads(threads);
    Precision products = Precision.parse(precision, Device.CPU);
    parameters = Parameters.on(Device.CPU, products);
    kept = Scope.detached();
    passes =
        operator.prepare(
            parameters, new Operator.Sizes(batch, tokens, dim, heads, products.products()), kept);
  }

  /** Frees them. */
  @TearDown(Level.Trial)
  public void free() {
    parameters.close();
    kept.close();
  }

  /** Without gradient. */
  @Benchmark
  public void forward() {
    passes.forward().run();
  }

  /** With gradients of input and weights. */
  @Benchmark
  public void forwardAndBack() {
    passes.forwardAndBack().run();
  }
}
