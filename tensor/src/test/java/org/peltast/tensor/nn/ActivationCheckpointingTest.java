package org.peltast.tensor.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
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
  /** Runs a block, with or without keeping its inner tensors. */
  private interface Runner {
    Tensor run(Parameters network, Function<List<Tensor>, Tensor> body, List<Tensor> inputs);
  }

  private static Tensor block(
      Parameters network, Function<List<Tensor>, Tensor> body, List<Tensor> inputs) {
    return ActivationCheckpointing.block(network, body, inputs.toArray(Tensor[]::new));
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
    final List<Linear> sides = new ArrayList<>();

    Network(Precision precision) {
      parameters = Parameters.on(Device.CPU, precision);
      time = new Linear(parameters.at("time"), 4, 8, true);
      for (int i = 0; i < 4; i++) {
        sides.add(new Linear(parameters.at("sides." + i), 8, 8, true));
        modulations.add(new Linear(parameters.at("modulations." + i), 8, 8, true));
        blocks.add(new SwiGlu(parameters.at("blocks." + i), 8, 16));
      }
      parameters.initialise(Rng.of(5));
      parameters.trainable(true);
    }

    Tensor loss(Tensor x, Tensor t, Runner runner) {
      Tensor embedded = time.forwardFloat32(t).silu();
      Tensor other = x.mul(0.5);
      for (int i = 0; i < blocks.size(); i++) {
        SwiGlu block = blocks.get(i);
        Linear side = sides.get(i);
        Tensor factor = modulations.get(i).forwardFloat32(embedded).add(1);
        Tensor out =
            runner.run(
                parameters,
                in -> {
                  Tensor a = in.get(0);
                  Tensor y = a.add(block.forward(a.mul(in.get(1))).to(DType.FLOAT32));
                  Tensor z = side.forward(in.get(2)).to(DType.FLOAT32).tanh();
                  return Tensor.cat(List.of(y, z), 0);
                },
                List.of(x, factor, other));
        x = out.narrow(0, 0, 6);
        if (i % 2 == 0) {
          other = out.narrow(0, 6, 6).mul(embedded);
        }
      }
      return x.mul(embedded).add(other).square().mean();
    }
  }

  private static Map<String, float[]> gradients(Precision precision, boolean again, Runner runner) {
    Map<String, float[]> gradients = new LinkedHashMap<>();
    Network network = new Network(precision);
    try (Scope scope = Scope.open();
        Parameters p = network.parameters.checkpointing(again)) {
      Tensor x = Rng.of(1).normal(6, 8).requireGrad(true);
      Tensor t = Rng.of(2).normal(6, 4);
      for (int repeat = 0; repeat < 2; repeat++) { // gradients add up, and nothing is left over
        network.loss(x.mul(1), t, runner).backward();
      }
      gradients.put("x", x.grad().toFloats());
      for (Parameter w : p.all()) {
        gradients.put(w.name(), w.value().grad().toFloats());
      }
    }
    return gradients;
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void givesTheSameGradientsBitForBit(Precision precision) {
    Map<String, float[]> plain = gradients(precision, false, ActivationCheckpointingTest::block);
    Map<String, float[]> again = gradients(precision, true, ActivationCheckpointingTest::block);
    assertThat(again).containsOnlyKeys(plain.keySet());
    plain.forEach(
        (name, gradient) -> {
          if (!name.matches("sides\\.[13].*")) { // whose answers are not used
            assertThat(gradient).as(name).isNotEqualTo(new float[gradient.length]);
          }
          assertThat(again.get(name)).as(name).containsExactly(gradient);
        });
  }

  @Test
  void segmentsMayLieInEachOther() {
    Map<String, float[]> plain =
        gradients(Precision.FLOAT32, false, ActivationCheckpointingTest::block);
    Map<String, float[]> nested =
        gradients(
            Precision.FLOAT32,
            true,
            (network, body, inputs) -> block(network, in -> block(network, body, in), inputs));
    plain.forEach((name, g) -> assertThat(nested.get(name)).as(name).containsExactly(g));
  }

  /** Native memory that a forward pass holds, and the most that the backward pass saw, in MiB. */
  private static long[] memory(boolean checkpointed) {
    // Tensors of 36 MiB: always mapped and unmapped by themselves, so the figures are exact.
    int n = 9 << 20;
    try (Scope scope = Scope.open()) {
      Tensor x = Tensor.full(0.5, DType.FLOAT32, Device.CPU, n).requireGrad(true);
      long[] most = {0, 0};
      long before = Pointer.physicalBytes();
      Function<List<Tensor>, Tensor> body =
          in -> {
            Tensor y = in.get(0).tanh().sigmoid().square().exp();
            most[1] = Math.max(most[1], Pointer.physicalBytes() - before);
            return y;
          };
      Tensor y = x;
      for (int i = 0; i < 5; i++) {
        Tensor in = y;
        y =
            checkpointed
                ? ActivationCheckpointing.run(body, List.of(in))
                : Scope.compute(() -> body.apply(List.of(in)));
      }
      Tensor loss = y.mean();
      most[0] = Pointer.physicalBytes() - before;
      loss.backward();
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
        Autograd off = Autograd.off()) {
      Tensor y = squared(Tensor.full(3, DType.FLOAT32, Device.CPU));
      assertThat(y.item()).isEqualTo(9);
      assertThat(y.requiresGrad()).isFalse();
    }
  }

  private static Tensor squared(Tensor x) {
    return ActivationCheckpointing.run(in -> in.get(0).square(), List.of(x));
  }

  @Test
  void leavesNoTensorsBehind() {
    try (Scope scope = Scope.open()) {
      Tensor x = Tensor.ones(3).requireGrad(true);
      Tensor loss = squared(x).sum();
      int before = scope.size();
      loss.backward();
      assertThat(scope.size()).isEqualTo(before);
      assertThat(x.grad().toFloats()).containsOnly(2);
    }
  }

  /** Weights may ask for gradients where no input does, and nothing at all may ask. */
  @Test
  void weightsAloneMayAsk() {
    try (Scope scope = Scope.open()) {
      Tensor w = Tensor.full(3, DType.FLOAT32, Device.CPU, 2).requireGrad(true);
      Tensor x = Tensor.full(5, DType.FLOAT32, Device.CPU, 2);
      ActivationCheckpointing.run(in -> in.get(0).mul(w), List.of(x)).sum().backward();
      assertThat(w.grad().toFloats()).containsExactly(5, 5);
      squared(x).sum().add(w.sum()).backward();
      assertThat(w.grad().toFloats()).containsExactly(6, 6);
    }
  }

  @Test
  void aFailureOfTheSecondRunComesBack() {
    try (Scope scope = Scope.open()) {
      Tensor x = Tensor.ones(3).requireGrad(true);
      int[] runs = {0};
      Tensor y =
          ActivationCheckpointing.run(
              in -> {
                if (runs[0]++ > 0) {
                  throw new TensorException("the second run");
                }
                return in.get(0).square();
              },
              List.of(x));
      assertThatThrownBy(() -> y.sum().backward())
          .isInstanceOf(TensorException.class)
          .hasMessage("the second run");
      squared(x).sum().backward(); // nothing is left of it
      assertThat(x.grad().toFloats()).containsOnly(2);
    }
  }
}
