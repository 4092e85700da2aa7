package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.nn.AdamW;

/** Roles over parts of a network, groups with rates of their own, target networks, own updates. */
@ExtendWith(OneThread.class)
class RoleTest {
  private static final int CLASSES = 3;
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Role.Settings settings(double rate, double ema) {
    return new Role.Settings(
        new LearningRate(rate, 0, 0), new AdamW.Settings(0, 0.999, 1e-8, 0), 1e9, ema);
  }

  private static Batch data() {
    return Toys.points(CLASSES, Mixture.sample(new int[] {0, 1, 2, 0}, Rng.of(6)), 0, 1, 2, 0);
  }

  private static Metrics update(Mlp network, Role role) {
    try (FlowMatching method =
        new FlowMatching(Toys.denoiser(network), role, FlowMatching.Settings.defaults())) {
      return ToyDmd.update(method, 1, data(), Rng.of(2));
    }
  }

  private static Map<String, float[]> values(Mlp network) {
    Map<String, float[]> values = new LinkedHashMap<>();
    network.parameters().values().forEach((n, t) -> values.put(n, t.toFloats()));
    return values;
  }

  /** A subset learns; what is not in it is frozen: unchanged, and without gradients. */
  @Test
  void aRoleMayBeAPartOfANetwork() {
    Mlp network = new Mlp(2, CLASSES, 8, Rng.of(1));
    Map<String, float[]> before = values(network);
    Role role =
        new Role(
            "last",
            network.parameters().subset(name -> name.startsWith("last.")),
            settings(1e-2, 0));
    update(network, role);
    values(network)
        .forEach(
            (name, now) -> {
              if (name.startsWith("last.")) {
                assertThat(now).as(name).isNotEqualTo(before.get(name));
              } else {
                assertThat(now).as(name).isEqualTo(before.get(name));
              }
            });
    network.parameters().all().forEach(p -> assertThat(p.value().grad()).as(p.name()).isNull());
    assertThat(role.state().keySet())
        .containsExactly(
            "weights.last.weight",
            "weights.last.bias",
            "optimiser.exp_avg.last.weight",
            "optimiser.exp_avg_sq.last.weight",
            "optimiser.exp_avg.last.bias",
            "optimiser.exp_avg_sq.last.bias");
  }

  /** AdamW's first step is rate · sign(g): a group's factor is seen in how far its weights move. */
  @Test
  void groupsHaveRatesOfTheirOwn() {
    Mlp network = new Mlp(2, CLASSES, 8, Rng.of(1));
    Map<String, float[]> before = values(network);
    Role role =
        new Role(
            "all",
            List.of(
                new Role.Group(network.parameters().subset(n -> n.startsWith("last.")), 0.1),
                new Role.Group(network.parameters().subset(n -> !n.startsWith("last.")), 1)),
            settings(1e-2, 0.5));
    Metrics metrics = update(network, role);
    assertThat(metrics.get("all.gradientNorm")).isPositive();
    values(network)
        .forEach(
            (name, now) -> {
              double moved = 0;
              for (int i = 0; i < now.length; i++) {
                moved = Math.max(moved, Math.abs(now[i] - before.get(name)[i]));
              }
              double rate = name.startsWith("last.") ? 1e-3 : 1e-2;
              assertThat(moved).as(name).isCloseTo(rate, within(1e-2 * rate));
            });
    Mlp other = new Mlp(2, CLASSES, 8, Rng.of(3));
    Role same =
        new Role(
            "all",
            List.of(
                new Role.Group(other.parameters().subset(n -> n.startsWith("last.")), 0.1),
                new Role.Group(other.parameters().subset(n -> !n.startsWith("last.")), 1)),
            settings(1e-2, 0.5));
    same.restore(role.state(), role.counts());
    assertThat(same.counts()).isEqualTo(role.counts());
    role.state()
        .forEach(
            (name, tensor) ->
                assertThat(same.state().get(name).toFloats())
                    .as(name)
                    .isEqualTo(tensor.toFloats()));
  }

  /** The target computes with the average: e ← d·e + (1 − d)·w, with the warm-up of d. */
  @Test
  void aTargetNetworkIsTheMovingAverage() {
    Mlp network = new Mlp(2, CLASSES, 8, Rng.of(1));
    Mlp target = new Mlp(2, CLASSES, 8, Rng.of(9));
    Role role = new Role("student", network, settings(1e-2, 0));
    role.averageInto(target.parameters(), 0.95);
    Map<String, float[]> before = values(network);
    assertThat(values(target)).usingRecursiveComparison().isEqualTo(before);
    update(network, role);
    double decay = Math.min(0.95, 2.0 / 11);
    Map<String, float[]> after = values(network);
    values(target)
        .forEach(
            (name, average) -> {
              for (int i = 0; i < average.length; i++) {
                double expected = decay * before.get(name)[i] + (1 - decay) * after.get(name)[i];
                assertThat((double) average[i]).as(name).isCloseTo(expected, within(1e-6));
              }
            });
    assertThat(role.state()).containsKey("target.last.weight");
    assertThat(role.counts()).containsEntry("targetUpdates", "1");
    assertThatThrownBy(() -> role.averageInto(target.parameters(), 0.9))
        .isInstanceOf(IllegalStateException.class);
  }

  /** Three fake updates for each of the generator's: the fake's decay runs over all of its own. */
  @Test
  void aLearningRateRunsOverTheRolesOwnUpdates() {
    Mlp student = new Mlp(2, CLASSES, 8, Rng.of(1));
    Mlp fake = new Mlp(2, CLASSES, 8, Rng.of(3));
    Role.Settings falling =
        new Role.Settings(
            new LearningRate(1e-2, 6, 0.5), new AdamW.Settings(0, 0.999, 1e-8, 0), 1e9, 0);
    Role fakeRole = new Role("fake", fake, falling);
    try (Method method =
        ToyDmd.of(org.peltast.distill.dmd.Renoising.DECOUPLED_HYBRID, 1, 1)
            .method(
                Mixture.teacher(),
                student,
                Toys.gradientOf("student", student),
                fake,
                fakeRole,
                3)) {
      Batch batch = Toys.points(CLASSES, null, 0, 1, 2, 0);
      double[] last = new double[4];
      for (int u = 0; u < 4; u++) {
        Metrics metrics = ToyDmd.update(method, 1, u, 4, batch, Rng.of(4).fork(u));
        last[u] = metrics.get("fake.learningRate");
      }
      // Of 12 updates: 6 of warm-up, and half of them falling.
      assertThat(last[0]).isCloseTo(1e-2 * 3 / 6, within(1e-9));
      assertThat(last[1]).isCloseTo(1e-2, within(1e-9));
      assertThat(last[2]).isCloseTo(1e-2 * 4 / 6, within(1e-9));
      assertThat(last[3]).isCloseTo(1e-2 * 1 / 6, within(1e-9));
      assertThat(fakeRole.steps()).isEqualTo(12);
      assertThat(fakeRole.state().keySet()).noneMatch(name -> name.startsWith("ema."));
    }
  }

  @Test
  void settingsOutOfRangeAreRefused() {
    assertThatThrownBy(() -> settings(1e-2, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Role("none", List.of(), settings(1e-2, 0)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no parameters");
    Mlp network = new Mlp(2, CLASSES, 8, Rng.of(1));
    assertThatThrownBy(() -> new Role.Group(network.parameters(), -1))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
