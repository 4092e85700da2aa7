package org.peltast.tensor.nn;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

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

    Tensor forward(Tensor x, Tensor t, Tensor ids) {
      Tensor h = in.forward(x).to(DType.FLOAT32); // [4, 6, 16]
      h = h.add(time.forward(t).unsqueeze(1)).add(words.forward(ids));
      return ActivationCheckpointing.run(in -> block(in.get(0)), List.of(h));
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
          Ema ema = new Ema(p, 0.99)) {
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
              network.forward(x, t, ids);
            }
            Tensor loss = network.forward(x, t, ids).sub(y).square().mean();
            loss.backward();
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
}
