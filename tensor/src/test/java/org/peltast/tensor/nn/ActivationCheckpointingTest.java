package org.peltast.tensor.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;

class ActivationCheckpointingTest {
  /** Runs a segment, with or without keeping its inner tensors. */
  private interface Runner {
    List<Tensor> run(Function<List<Tensor>, List<Tensor>> body, List<Tensor> inputs);
  }

  /**
   * Blocks modulated by one embedding of time, which reaches each block by a graph of its own; a
   * second stream that only some blocks touch; and a head that uses the embedding too.
   */
  private static final class Network {
    final Parameters parameters;
    final Linear time;
    final List<Linear> modulations = new ArrayList<>();
    final List<SwiGlu> blocks = new ArrayList<>();
    final Linear side;

    Network(Precision precision) {
      parameters = Parameters.on(Device.CPU, precision);
      time = new Linear(parameters.at("time"), 4, 8, true);
      side = new Linear(parameters.at("side"), 8, 8, true);
      for (int i = 0; i < 4; i++) {
        modulations.add(new Linear(parameters.at("modulations." + i), 8, 8, true));
        blocks.add(new SwiGlu(parameters.at("blocks." + i), 8, 16));
      }
      parameters.initialise(Rng.of(5));
      parameters.trainable(true);
    }

    Tensor loss(Tensor x, Tensor t, Runner runner) {
      Tensor embedded = time.forwardFloat32(t).silu();
      Tensor other = x.mul(0.5);
      Tensor unused = null;
      for (int i = 0; i < blocks.size(); i++) {
        SwiGlu block = blocks.get(i);
        Tensor factor = modulations.get(i).forwardFloat32(embedded).add(1);
        List<Tensor> out =
            runner.run(
                in -> {
                  Tensor a = in.get(0);
                  Tensor y = a.add(block.forward(a.mul(in.get(1))).to(DType.FLOAT32));
                  Tensor z = side.forward(in.get(2)).to(DType.FLOAT32).tanh();
                  return List.of(y, z, y.detach());
                },
                List.of(x, factor, other));
        x = out.get(0);
        if (i % 2 == 0) {
          other = out.get(1).mul(embedded);
        }
        unused = out.get(2);
      }
      assertThat(unused).isNotNull();
      return x.mul(embedded).add(other).square().mean();
    }
  }

  private static Map<String, double[]> gradients(Precision precision, boolean checkpointed) {
    Map<String, double[]> gradients = new LinkedHashMap<>();
    Network network = new Network(precision);
    try (Scope scope = Scope.open();
        Parameters p = network.parameters;
        ActivationCheckpointing segments = new ActivationCheckpointing()) {
      Tensor x = Rng.of(1).normal(6, 8).requireGrad(true);
      Tensor t = Rng.of(2).normal(6, 4);
      for (int repeat = 0; repeat < 2; repeat++) { // gradients add up, and nothing is left over
        if (checkpointed) {
          Tensor loss = network.loss(x, t, segments::run);
          assertThat(segments.size()).isEqualTo(4);
          segments.backward(loss);
          assertThat(segments.size()).isZero();
        } else {
          network.loss(x, t, Function::apply).backward();
        }
      }
      gradients.put("x", x.grad().toDoubles());
      for (Parameter w : p.all()) {
        gradients.put(w.name(), w.value().grad().toDoubles());
      }
    }
    return gradients;
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void givesTheSameGradients(Precision precision) {
    Map<String, double[]> plain = gradients(precision, false);
    Map<String, double[]> checkpointed = gradients(precision, true);
    assertThat(checkpointed).containsOnlyKeys(plain.keySet());
    // In bfloat16 the order in which a gradient's terms are added, and rounded, differs.
    double tolerance = precision == Precision.FLOAT32 ? 1e-6 : 2e-2;
    plain.forEach(
        (name, gradient) -> {
          double largest = Arrays.stream(gradient).map(Math::abs).max().getAsDouble();
          assertThat(largest).as(name).isGreaterThan(1e-5);
          assertThat(checkpointed.get(name))
              .as(name)
              .containsExactly(gradient, within(tolerance * largest));
        });
  }

  /** Native memory that a forward pass holds, and the most that the backward pass saw, in MiB. */
  private static long[] memory(boolean checkpointed) {
    // Tensors of 36 MiB: always mapped and unmapped by themselves, so the figures are exact.
    int n = 9 << 20;
    try (Scope scope = Scope.open();
        ActivationCheckpointing segments = new ActivationCheckpointing()) {
      Tensor x = Tensor.full(0.5, DType.FLOAT32, Device.CPU, n).requireGrad(true);
      long[] most = {0, 0};
      long before = Pointer.physicalBytes();
      Function<List<Tensor>, List<Tensor>> body =
          in -> {
            Tensor y = in.get(0).tanh().sigmoid().square().exp();
            most[1] = Math.max(most[1], Pointer.physicalBytes() - before);
            return List.of(y);
          };
      Tensor y = x;
      for (int i = 0; i < 5; i++) {
        Tensor in = y;
        y =
            checkpointed
                ? segments.run(body, List.of(in)).get(0)
                : Scope.compute(() -> body.apply(List.of(in)).get(0));
      }
      Tensor loss = y.mean();
      most[0] = Pointer.physicalBytes() - before;
      if (checkpointed) {
        segments.backward(loss);
      } else {
        loss.backward();
      }
      assertThat(x.grad()).isNotNull();
      return new long[] {most[0] >> 20, most[1] >> 20};
    }
  }

  @Test
  void holdsLessMemory() {
    memory(true); // so that what the first use of anything costs is not counted
    long[] plain = memory(false);
    long[] checkpointed = memory(true);
    // Plain: 3 tensors a segment. Checkpointed: one a segment, and 4 while one is run again.
    assertThat(plain[0]).isGreaterThan(14 * 36);
    assertThat(checkpointed[0]).isLessThan(7 * 36);
    assertThat(checkpointed[1]).isLessThan(13 * 36);
  }

  @Test
  void runsPlainlyWhereGradientsAreOff() {
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off();
        ActivationCheckpointing segments = new ActivationCheckpointing()) {
      Tensor y = segments.run(Tensor::square, Tensor.full(3, DType.FLOAT32, Device.CPU));
      assertThat(y.item()).isEqualTo(9);
      assertThat(y.requiresGrad()).isFalse();
      assertThat(segments.size()).isZero();
    }
  }

  @Test
  void leavesNoTensorsBehind() {
    try (Scope scope = Scope.open();
        ActivationCheckpointing segments = new ActivationCheckpointing()) {
      Tensor x = Tensor.ones(3).requireGrad(true);
      Tensor loss = segments.run(Tensor::square, x).sum();
      int before = scope.size();
      segments.backward(loss);
      assertThat(scope.size()).isEqualTo(before);
      assertThat(x.grad().toFloats()).containsOnly(2);
    }
  }

  @Test
  void mistakesAreNamed() {
    try (Scope scope = Scope.open();
        ActivationCheckpointing segments = new ActivationCheckpointing()) {
      Tensor x = Tensor.ones(3);
      assertThatThrownBy(() -> segments.run(in -> List.of(), List.of(x)))
          .isInstanceOf(TensorException.class);
      assertThatThrownBy(() -> segments.backward(x)).isInstanceOf(TensorException.class);
    }
  }
}
