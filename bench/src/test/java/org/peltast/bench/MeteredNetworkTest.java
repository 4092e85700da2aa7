package org.peltast.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.FeatureTaps;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.Prediction;
import org.peltast.distill.Metrics;
import org.peltast.distill.MicroBatch;
import org.peltast.distill.Phase;
import org.peltast.distill.Role;
import org.peltast.models.Backbone;
import org.peltast.models.ItemCost;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Parameters;

/** A discriminator that stands on a metered network costs what is booked for it. */
class MeteredNetworkTest {
  private static final UpdateShape TINY = new UpdateShape(2, 16, 1, 2, 4, 3, 1);
  private static final ItemCost COST = new ItemCost(1e9, 5e9);

  private final UpdateProfile profile = new UpdateProfile(1);

  /** A phase that is only its name. */
  private static final Phase GENERATOR =
      new Phase() {
        @Override
        public String name() {
          return "generator";
        }

        @Override
        public List<Role> trains() {
          return List.of();
        }

        @Override
        public Tensor loss(MicroBatch part, Rng rng, Metrics metrics) {
          throw new AssertionError("nothing is computed here");
        }
      };

  private MeteredNetwork metered(Network inside) {
    return MeteredNetwork.of(inside, COST, profile, UpdatePart.TEACHER, UpdatePart.GENERATOR);
  }

  @Test
  void featuresAreThoseOfTheNetworkInsideAndAreBooked() {
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off();
        Backbone inside =
            TINY.network()
                .create(TINY.channels(), TINY.captionDim(), Device.CPU, Precision.FLOAT32)) {
      inside.parameters().initialise(Rng.of(1));
      Network network = metered(inside);
      assertThat(network).isInstanceOf(FeatureTaps.class);
      FeatureTaps taps = (FeatureTaps) network;
      FeatureTaps own = (FeatureTaps) inside;
      List<String> names = taps.featureNames();
      assertThat(names).isNotEmpty().isEqualTo(own.featureNames());
      assertThat(taps.featureWidth(names.get(0))).isEqualTo(own.featureWidth(names.get(0)));

      List<Integer> latent = TINY.latent();
      Tensor x = Rng.of(2).normal(2, latent.get(0), latent.get(1), latent.get(2));
      Tensor t = Tensor.of(new float[] {0.2f, 0.7f}, 2);
      Condition captions =
          new Condition(
              Rng.of(3).normal(2, TINY.captionTokens(), TINY.captionDim()),
              List.of(TINY.captionTokens(), TINY.captionTokens()));
      profile.running(GENERATOR);
      Network.Text text = network.read(captions);
      FeatureTaps.Features seen = taps.features(x, t, text, names);
      FeatureTaps.Features wanted = own.features(x, t, inside.read(captions), names);
      assertThat(seen.prediction().toFloats()).isEqualTo(wanted.prediction().toFloats());
      assertThat(seen.get(names.get(0)).toFloats()).isEqualTo(wanted.get(names.get(0)).toFloats());

      UpdateMeasurement measured =
          profile.end(
              new Metrics()
                  .put("seconds", 1)
                  .put("seconds.generator", 1)
                  .put("seconds.optimiser", 0),
              List.of(GENERATOR),
              2);
      assertThat(measured.evaluations()).isEqualTo(1);
      assertThat(measured.learningEvaluations()).isZero();
      assertThat(measured.gflop()).isCloseTo(2 * 1 + 2 * 5, within(1e-9));
      assertThat(measured.parts().get(UpdatePart.TEACHER)).isPositive();
    }
  }

  @Test
  void aNetworkWithoutTapsHasNone() {
    Network plain =
        new Network() {
          @Override
          public Text read(Condition condition) {
            throw new AssertionError();
          }

          @Override
          public Tensor forward(Tensor x, Tensor t, Text text) {
            throw new AssertionError();
          }

          @Override
          public Prediction prediction() {
            return Prediction.VELOCITY;
          }

          @Override
          public Parameters parameters() {
            throw new AssertionError();
          }
        };
    assertThat(metered(plain)).isNotInstanceOf(FeatureTaps.class);
  }
}
