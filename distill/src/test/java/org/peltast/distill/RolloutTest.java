package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.RectifiedFlow;
import org.peltast.diffusion.StepGrid;
import org.peltast.diffusion.TimeShift;
import org.peltast.distill.dmd.Rollout;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Parameter;

class RolloutTest {
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @Test
  void stepsAreDrawnUniformly() {
    Rollout rollout = new Rollout(StepGrid.uniform(4));
    int[] counts = new int[4];
    for (int u = 0; u < 4000; u++) {
      counts[rollout.draw(Rng.of(7).fork(u))]++;
    }
    for (int count : counts) {
      assertThat(count).isBetween(890, 1110); // 1000 ± 4 standard deviations
    }
  }

  /** The inputs are those that the few-step sampler meets: predict, noise afresh, predict. */
  @Test
  void theWalkIsTheSamplersOwn() {
    Mlp network = new Mlp(2, 3, 8, Rng.of(1));
    TimeShift shift = new TimeShift(3);
    Denoiser generator = new Denoiser(network, new RectifiedFlow(), shift);
    Rollout rollout = new Rollout(StepGrid.of(0, 0.3, 0.6));
    Batch batch = Toys.points(3, null, 0, 1, 2, 2);
    Network.Text text = network.read(batch.condition());
    Rng rng = Rng.of(2);

    Rng noise = rng.fork("walk");
    Tensor x = batch.noise(noise.fork(0));
    double[] grid = {0, 0.3, 0.6};
    for (int k = 0; k < 3; k++) {
      Rollout.Start start = rollout.walk(generator, text, batch, k, rng);
      assertThat(start.preShift()).isEqualTo(grid[k]);
      float at = (float) shift.apply(grid[k]);
      assertThat(start.time().toFloats()).containsExactly(at, at, at, at);
      assertThat(start.xt().toFloats()).isEqualTo(x.toFloats());
      if (k < 2) {
        // By hand: x₀ = x_t + (1 − t) v, then x_s = s x₀ + (1 − s) ε.
        Tensor v = network.forward(x, start.time(), text);
        Tensor clean = x.add(v.mul(Tensor.scalar(1).sub(start.time().reshape(4, 1, 1, 1))));
        float s = (float) shift.apply(grid[k + 1]);
        x = clean.mul(s).add(batch.noise(noise.fork(k + 1)).mul(1 - s)).detach();
        assertThat(x.toFloats()).isNotEqualTo(start.xt().toFloats());
      }
    }
  }

  @Test
  void aBatchInPartsWalksTheSame() {
    Mlp network = new Mlp(2, 3, 8, Rng.of(1));
    Rollout rollout = new Rollout(StepGrid.uniform(3));
    Batch batch = Toys.points(3, null, 0, 1, 2, 2, 1);
    Tensor whole =
        rollout
            .walk(Toys.denoiser(network), network.read(batch.condition()), batch, 2, Rng.of(4))
            .xt();
    for (Batch part : batch.parts(2)) {
      Network.Text text = network.read(part.condition());
      Tensor xt = rollout.walk(Toys.denoiser(network), text, part, 2, Rng.of(4)).xt();
      float[] expected = whole.narrow(0, part.first(), part.size()).toFloats();
      for (int i = 0; i < expected.length; i++) {
        assertThat(xt.toFloats()[i]).isCloseTo(expected[i], within(1e-6f));
      }
    }
  }

  /** No gradient through the walk, though gradients are on and the text has one. */
  @Test
  void gradientFlowsThroughTheLastStepAlone() {
    Mlp network = new Mlp(2, 3, 8, Rng.of(1));
    network.parameters().trainable(true);
    Batch batch = Toys.points(3, null, 0, 1);
    Network.Text text = network.read(batch.condition());
    Rollout.Start start =
        new Rollout(StepGrid.uniform(2)).walk(Toys.denoiser(network), text, batch, 1, Rng.of(4));
    assertThat(start.xt().requiresGrad()).isFalse();

    Tensor images = Toys.denoiser(network).clean(start.xt(), start.time(), text);
    images.square().mean().backward();
    for (Parameter p : network.parameters().all()) {
      assertThat(p.value().grad()).as(p.name()).isNotNull();
    }
  }
}
