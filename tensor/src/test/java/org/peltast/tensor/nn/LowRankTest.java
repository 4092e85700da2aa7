package org.peltast.tensor.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;

/** Adapters compute what the sum of their weight and their change computes, over one base. */
class LowRankTest {
  private static final Adapters ALL = layer -> new Adapters.Size(3, 0.5);

  private static void spread(Parameters parameters, long seed) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      for (Parameter p : parameters.all()) {
        p.value().copyFrom(Rng.of(seed).fork(p.name()).normal(p.value().shape()).mul(0.3));
      }
    }
    parameters.changed();
  }

  /** W + ½ B A, of a layer. */
  private static Tensor merged(Parameters base, Parameters adapters, String layer) {
    Tensor w = base.find(layer + ".weight").value();
    Tensor a = adapters.find(layer + "." + LowRank.A).value();
    Tensor b = adapters.find(layer + "." + LowRank.B).value();
    Tensor change = b.reshape(b.size(0), 3).matmul(a.reshape(3, a.count() / 3));
    return w.add(change.mul(0.5).reshape(w.shape()));
  }

  private static void assertClose(Tensor a, Tensor b) {
    float[] x = a.contiguous().toFloats();
    float[] y = b.contiguous().toFloats();
    assertThat(x).hasSameSizeAs(y);
    for (int i = 0; i < x.length; i++) {
      assertThat(x[i]).isCloseTo(y[i], org.assertj.core.api.Assertions.within(2e-5f));
    }
  }

  @Test
  void itAddsItsChangeToLayersOfEveryKind() {
    try (Scope s = Scope.open();
        Parameters base = Parameters.on(Device.CPU, Precision.FLOAT32)) {
      new Linear(base.at("first"), 5, 4, true);
      new Linear(base.at("second"), 5, 2, false);
      new Conv2d(base.at("conv"), 5, 4, 3, 2, 1, true);
      spread(base, 1);
      Parameters own = base.adapted(ALL);
      Linear first = new Linear(own.at("first"), 5, 4, true);
      Linear second = new Linear(own.at("second"), 5, 2, false);
      Linear third = new Linear(base.at("third"), 5, 3, false);
      Conv2d conv = new Conv2d(own.at("conv"), 5, 4, 3, 2, 1, true);
      spread(own, 2);
      assertThat(own.names())
          .containsExactly(
              "first.lora_A.weight",
              "first.lora_B.weight",
              "second.lora_A.weight",
              "second.lora_B.weight",
              "conv.lora_A.weight",
              "conv.lora_B.weight");
      assertThat(own.find("conv.lora_A.weight").shape()).containsExactly(3, 5, 3, 3);
      assertThat(own.find("conv.lora_B.weight").shape()).containsExactly(4, 3, 1, 1);

      Tensor x = Rng.of(3).normal(7, 5);
      Tensor bias = base.find("first.bias").value();
      Tensor expected = x.linear(merged(base, own, "first"), bias);
      assertClose(first.forward(x), expected);
      assertClose(first.forwardFloat32(x), expected);
      Tensor side =
          Tensor.cat(
              List.of(
                  x.linear(merged(base, own, "second"), null),
                  x.linear(base.find("third.weight").value(), null)),
              1);
      assertClose(Linear.together(x, second, third), side);
      Tensor image = Rng.of(4).normal(2, 5, 6, 8);
      assertClose(
          conv.forward(image),
          image.conv2d(merged(base, own, "conv"), base.find("conv.bias").value(), 2, 1));
    }
  }

  /** dA = s Bᵀ dy xᵀ and dB = s dy (A x)ᵀ, and nothing reaches the frozen weight. */
  @Test
  void gradientsReachTheAdaptersAlone() {
    try (Scope s = Scope.open();
        Parameters base = Parameters.on(Device.CPU, Precision.FLOAT32)) {
      new Linear(base.at("l"), 5, 4, false);
      spread(base, 1);
      Parameters own = base.adapted(ALL);
      Linear layer = new Linear(own.at("l"), 5, 4, false);
      spread(own, 2);
      own.trainable(true);
      Tensor x = Rng.of(3).normal(7, 5);
      Tensor dy = Rng.of(5).normal(7, 4);
      layer.forward(x).backward(dy);
      Tensor a = own.find("l.lora_A.weight").value();
      Tensor b = own.find("l.lora_B.weight").value();
      Tensor d = dy.transpose(0, 1); // [4, 7]
      assertClose(a.grad(), b.detach().transpose(0, 1).matmul(d).matmul(x).mul(0.5));
      Tensor ax = x.matmul(a.detach().transpose(0, 1)); // [7, 3]
      assertClose(b.grad(), d.matmul(ax).mul(0.5));
      assertThat(base.find("l.weight").value().grad()).isNull();
      assertThat(base.isTrainable()).isFalse();
    }
  }

  @Test
  void aNetworkOfAnotherShapeIsRefusedByName() {
    try (Parameters base = Parameters.on(Device.CPU, Precision.FLOAT32)) {
      new Linear(base.at("l"), 5, 4, false);
      Parameters own = base.adapted(ALL);
      assertThatThrownBy(() -> new Linear(own.at("l"), 6, 4, false))
          .isInstanceOf(TensorException.class)
          .hasMessageContaining("l.weight [4, 6]");
    }
  }

  /** Three networks over one base of 144 MiB take no other base. */
  @Test
  void memoryIsOneBaseAndTheAdapters() {
    int width = 3072;
    try (Parameters base = Parameters.on(Device.CPU, Precision.FLOAT32)) {
      List<Linear> layers = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        layers.add(new Linear(base.at("" + i), width, width, false));
      }
      base.initialise(Rng.of(1));
      answer(layers, width); // what the engine keeps for itself is there now
      long before = Pointer.physicalBytes();
      List<Parameters> sets = new ArrayList<>();
      for (int role = 0; role < 3; role++) {
        Parameters own = base.adapted(layer -> new Adapters.Size(4, 1));
        List<Linear> adapted = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
          adapted.add(new Linear(own.at("" + i), width, width, false));
        }
        own.initialise(Rng.of(2 + role));
        assertThat(own.count()).isEqualTo(4L * 4 * 2 * width);
        assertThat(answer(adapted, width)).isEqualTo(answer(layers, width));
        sets.add(own);
      }
      long grown = Pointer.physicalBytes() - before;
      sets.forEach(Parameters::close);
      // The adapters are 1 MiB; what the bound leaves room for is the Java heap.
      assertThat(grown >> 20).as("MiB of three sets of adapters").isLessThan(64);
    }
  }

  private static float[] answer(List<Linear> layers, int width) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      Tensor x = Rng.of(9).normal(2, width);
      for (Linear layer : layers) {
        x = layer.forward(x);
      }
      return x.toFloats();
    }
  }
}
