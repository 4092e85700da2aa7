package org.peltast.tensor;

import static org.assertj.core.api.Assertions.*;

import org.junit.jupiter.api.Test;

class TrainingSmokeTest {
  @Test
  void trains() {
    try (Scope s = Scope.open();
        Parameters p = Parameters.on(Device.CPU, Precision.BF16)) {
      System.out.println(Engine.version() + " threads " + Engine.threads());
      Linear l = new Linear(p, 8, 4, true);
      p.initialise(Rng.of(1));
      p.trainable(true);
      AdamW opt = new AdamW(p, AdamW.Settings.defaults());
      Tensor x = Rng.of(2).normal(64, 8);
      Tensor y = Rng.of(3).normal(64, 4);
      double firstLoss = 0, last = 0;
      for (int i = 0; i < 200; i++) {
        try (Scope t = Scope.open()) {
          Tensor loss = l.forward(x).to(DType.FLOAT32).sub(y).square().mean();
          loss.backward();
          Gradients.clip(p, 1);
          opt.step(1e-2);
          p.clearGradients();
          last = loss.item();
          if (i == 0) firstLoss = last;
        }
      }
      System.out.println(firstLoss + " -> " + last);
      assertThat(last).isLessThan(firstLoss * 0.9);
      try (Scope t = Scope.open()) {
        Rng.of(1).normal(3, 4).asComplex().mul(Rng.of(1).normal(3, 4).asComplex()).asReal();
      }
    }
  }
}
