package org.peltast.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MemoryTest {
  private static int threads;

  /** The tensors are small: a second thread would only be waited for. */
  @BeforeAll
  static void oneThread() {
    threads = Engine.threads();
    Engine.threads(1);
  }

  @AfterAll
  static void asBefore() {
    Engine.threads(threads);
  }

  /** A small transformer: every kind of layer that training goes through. */
  private static final class Network {
    final Linear in;
    final RmsNorm norm;
    final Linear qkv;
    final SwiGlu feedForward;
    final TimestepEmbedding time;
    final Embedding words;

    Network(Parameters p) {
      in = new Linear(p.at("in"), 8, 16, true);
      norm = new RmsNorm(p.at("norm"), 16, 1e-5);
      qkv = new Linear(p.at("qkv"), 16, 48, false);
      feedForward = new SwiGlu(p.at("feed_forward"), 16, 32);
      time = new TimestepEmbedding(p.at("time"), 8, 16, 16);
      words = new Embedding(p.at("words"), 10, 16);
    }

    Tensor block(Tensor h) {
      Tensor parts = qkv.forward(norm.forward(h)).reshape(4, 6, 3, 2, 8);
      Tensor bias = Attention.bias(Tensor.ones(4, 6).to(DType.BOOL));
      Tensor attended =
          Attention.of(
              parts.select(2, 0).transpose(1, 2),
              parts.select(2, 1).transpose(1, 2),
              parts.select(2, 2).transpose(1, 2),
              bias);
      Tensor y = h.add(attended.transpose(1, 2).reshape(4, 6, 16).to(DType.FLOAT32));
      return y.add(feedForward.forward(y).to(DType.FLOAT32));
    }

    Tensor forward(Tensor x, Tensor t, Tensor ids, ActivationCheckpointing segments) {
      Tensor h = in.forward(x).to(DType.FLOAT32); // [4, 6, 16]
      h = h.add(time.forward(t).unsqueeze(1)).add(words.forward(ids));
      return segments.run(this::block, h);
    }
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void aTransformerLearnsAndLeavesNoTensorBehind(Precision precision) {
    try (Scope scope = Scope.open();
        Parameters p = Parameters.on(Device.CPU, precision)) {
      Network network = new Network(p);
      p.initialise(Rng.of(1));
      p.trainable(true);
      try (AdamW optimiser = new AdamW(p, AdamW.Settings.defaults());
          Ema ema = new Ema(p, 0.99);
          ActivationCheckpointing segments = new ActivationCheckpointing()) {
        Tensor x = Rng.of(2).normal(4, 6, 8);
        Tensor y = Rng.of(3).normal(4, 6, 16);
        Tensor t = Tensor.of(new float[] {0, 250, 500, 999}, 4);
        Tensor ids = Tensor.of(new long[24], 4, 6);
        double first = 0;
        double last = 0;
        int owned = scope.size();
        int weights = p.tensors();
        for (int step = 0; step < 100; step++) {
          try (Scope inner = Scope.open()) {
            try (Autograd off = Autograd.off()) {
              network.forward(x, t, ids, segments);
            }
            Tensor loss = network.forward(x, t, ids, segments).sub(y).square().mean();
            segments.backward(loss);
            Gradients.clip(p, 1);
            optimiser.step(1e-2);
            p.clearGradients();
            ema.update();
            last = loss.item();
          }
          if (step == 0) {
            first = last;
            weights = p.tensors(); // with the casts, if there are any
          }
        }
        assertThat(last).as("the loss, from %s", first).isLessThan(0.5 * first);
        assertThat(scope.size()).isEqualTo(owned);
        assertThat(p.tensors()).isEqualTo(weights);
      }
    }
  }

  @Test
  void nativeMemoryIsFlatOverTwoThousandSteps() {
    try (Scope scope = Scope.open();
        Parameters p = Parameters.on(Device.CPU, Precision.FLOAT32)) {
      // 128 KB a weight, its gradient and moments, and as much an activation, but few products.
      Linear in = new Linear(p.at("in"), 16, 2048, true);
      RmsNorm norm = new RmsNorm(p.at("norm"), 2048, 1e-5);
      Linear out = new Linear(p.at("out"), 2048, 16, true);
      p.initialise(Rng.of(1));
      p.trainable(true);
      try (AdamW optimiser = new AdamW(p, AdamW.Settings.defaults());
          Ema ema = new Ema(p, 0.99)) {
        Tensor x = Rng.of(2).normal(16, 16);
        long before = 0;
        for (int step = 0; step < 2000; step++) {
          try (Scope inner = Scope.open()) {
            Tensor y = out.forward(norm.forward(in.forward(x)).silu());
            y.sub(x).square().mean().backward();
            Gradients.clip(p, 1);
            optimiser.step(1e-3);
            p.clearGradients();
            ema.update();
          }
          if (step == 300) {
            before = Pointer.physicalBytes();
          }
        }
        long grown = Pointer.physicalBytes() - before;
        // One of those tensors lost in each step would be 212 MiB. What the bound leaves room for
        // is the Java heap, which grows as it pleases.
        assertThat(grown >> 20).as("MiB grown in 1700 steps").isLessThan(100);
      }
    }
  }

  @Test
  void whatTheMachineCannotHoldIsRefusedInOneSentence() {
    try (Scope scope = Scope.open()) {
      long huge = 1L << 45; // 128 TiB of float32
      Map<String, Runnable> asked = new LinkedHashMap<>();
      asked.put("zeros", () -> Tensor.zeros(huge));
      asked.put("arange", () -> Tensor.arange(huge));
      asked.put("contiguous", () -> Tensor.ones(1).expand(huge).contiguous());
      asked.put("add", () -> Tensor.ones(1 << 23, 1).add(Tensor.ones(1, 1 << 23)));
      asked.put("matmul", () -> Tensor.ones(1 << 23, 1).matmul(Tensor.ones(1, 1 << 23)));
      asked.put("linear", () -> Tensor.ones(1 << 23, 1).linear(Tensor.ones(1 << 23, 1), null));
      asked.put("upsampleNearest", () -> Tensor.ones(1, 1, 1, 1).upsampleNearest(1 << 23, 1 << 23));
      asked.put(
          "conv2d",
          () -> Tensor.ones(1, 1, 1, 1).conv2d(Tensor.ones(1, 1, 1, 1), null, 1, 1 << 24));
      asked.put("cat", () -> Tensor.cat(List.of(Tensor.ones(1).expand(huge), Tensor.ones(1)), 0));
      asked.put(
          "indexSelect",
          () ->
              Tensor.ones(1, 1)
                  .expand(1, 1 << 30)
                  .indexSelect(0, Tensor.zeros(1 << 20).to(DType.INT64)));
      asked.forEach(
          (name, body) ->
              assertThatThrownBy(body::run)
                  .as(name)
                  .isInstanceOf(TensorException.class)
                  .message()
                  .contains(name)
                  .containsPattern("asked for \\d+\\.\\d GiB, more than the \\d+\\.\\d GiB"));
      assertThatThrownBy(() -> Tensor.ones(1).expand(huge).toFloats())
          .isInstanceOf(TensorException.class)
          .hasMessageContaining("Java heap");
    }
  }

  @Test
  void whatTheSystemRefusesIsToldInOneSentence() {
    String cpu =
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory:"
            + " you tried to allocate 4398046511104 bytes. Error code 12 (Cannot allocate memory)";
    String gpu = "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of …";
    assertThat(Tensor.failure("matmul", new RuntimeException(cpu)))
        .hasMessageStartingWith("matmul asked for 4096.0 GiB, which the system refused");
    assertThat(Tensor.failure("conv2d", new RuntimeException(gpu)))
        .hasMessageStartingWith("conv2d asked for 20.00 GiB, which");
    assertThat(Tensor.failure("add", new RuntimeException("std::bad_alloc")))
        .hasMessageStartingWith("add asked for more memory, which");
    assertThat(Tensor.failure("add", new RuntimeException("something else\nframe #0")))
        .hasMessage("add failed: something else");
  }

  /** What libtorch really says when the system refuses, below what our own check would refuse. */
  @Test
  void aRealRefusalIsUnderstood() {
    List<Tensor> none = new ArrayList<>();
    MemoryGuard.limitTo(Long.MAX_VALUE);
    try (Scope scope = Scope.open()) {
      assertThatThrownBy(() -> none.add(Tensor.uninitialised("empty", DType.FLOAT32, 1L << 58)))
          .isInstanceOf(TensorException.class)
          .hasMessageContaining("asked for 1073741824.0 GiB, which the system refused");
    } finally {
      MemoryGuard.limitTo(-1);
    }
    assertThat(none).isEmpty();
  }

  @Test
  void wholeNumbersAreCheckedBeforeTheyAreAddresses() {
    try (Scope scope = Scope.open()) {
      Tensor table = Tensor.ones(10, 2);
      long[] few = {3, 10};
      long[] many = new long[5000];
      many[4999] = -7;
      assertThatThrownBy(() -> table.indexSelect(0, Tensor.of(few, 2)))
          .hasMessageContaining("index 10 is outside dimension 0");
      assertThatThrownBy(() -> table.indexSelect(0, Tensor.of(many, 5000)))
          .hasMessageContaining("index -7 is outside dimension 0");
      many[4999] = 9;
      assertThat(table.indexSelect(0, Tensor.of(many, 5000)).shape()).containsExactly(5000, 2);
      assertThatThrownBy(
              () -> table.crossEntropy(Tensor.of(new long[] {0, 0, 0, 2, 0, 0, 0, 0, 0, 0}, 10)))
          .hasMessageContaining("index 2 is outside the classes of");
    }
  }
}
