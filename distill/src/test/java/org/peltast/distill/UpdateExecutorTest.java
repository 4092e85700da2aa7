package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/** A phase that trains several roles, as DMD2's fake model and discriminator are trained. */
@ExtendWith(OneThread.class)
class UpdateExecutorTest {
  private Scope scope;
  private Mlp first;
  private Mlp second;
  private Role firstRole;
  private Role secondRole;
  private boolean broken;

  @BeforeEach
  void open() {
    scope = Scope.open();
    first = new Mlp(2, 3, 8, Rng.of(1));
    second = new Mlp(2, 3, 8, Rng.of(2));
    firstRole = Toys.gradientOf("first", first);
    secondRole = Toys.gradientOf("second", second);
  }

  @AfterEach
  void close() {
    scope.close();
  }

  /** A finite loss of both networks; if it is broken, the second's gradient is NaN. */
  private final class Both implements Phase, Method {
    @Override
    public String name() {
      return "both";
    }

    @Override
    public List<Role> trains() {
      return List.of(firstRole, secondRole);
    }

    @Override
    public List<Phase> phases() {
      return List.of(this);
    }

    @Override
    public Tensor loss(MicroBatch part, Rng rng, Metrics metrics) {
      Tensor loss = answer(first, part).add(answer(second, part));
      // The root's slope at 0 is infinite, and 0 · ∞ is NaN.
      return broken ? loss.add(answer(second, part).mul(0).sqrt()) : loss;
    }

    private Tensor answer(Mlp network, MicroBatch part) {
      Batch batch = part.batch();
      Tensor t = Tensor.ones(batch.size());
      return network.forward(batch.images(), t, network.read(batch.condition())).square().mean();
    }
  }

  private List<float[]> weights(Mlp network) {
    return network.parameters().values().values().stream().map(Tensor::toFloats).toList();
  }

  @Test
  void noRoleOfAPhaseStepsIfOneOfThemHasNoFiniteGradient() {
    List<float[]> before = weights(first);
    List<String> changes = new ArrayList<>();
    UpdateExecutor executor = new UpdateExecutor(new Both(), 1);
    List<Batch> batch = List.of(Toys.points(3, Rng.of(3).normal(2, 2, 1, 1), 0, 1));
    broken = true;
    assertThatThrownBy(() -> executor.update(0, 2, batch, Rng.of(4), () -> changes.add("changed")))
        .isInstanceOf(DivergedException.class)
        .hasMessageContaining("second's gradient norm");
    assertThat(changes).isEmpty();
    assertThat(firstRole.steps()).isZero();
    assertThat(secondRole.steps()).isZero();
    assertThat(weights(first)).usingRecursiveComparison().isEqualTo(before);
    firstRole
        .state()
        .forEach(
            (name, t) -> {
              if (name.startsWith("optimiser.")) {
                assertThat(t.toFloats()).as(name).containsOnly(0);
              }
            });

    broken = false;
    first.parameters().clearGradients();
    second.parameters().clearGradients();
    Metrics metrics = executor.update(1, 2, batch, Rng.of(4), () -> changes.add("changed"));
    assertThat(changes).containsExactly("changed");
    assertThat(firstRole.steps()).isEqualTo(1);
    assertThat(secondRole.steps()).isEqualTo(1);
    assertThat(metrics.get("first.gradientNorm")).isPositive();
    assertThat(weights(first)).usingRecursiveComparison().isNotEqualTo(before);
  }
}
