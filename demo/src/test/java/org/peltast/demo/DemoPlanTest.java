package org.peltast.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.peltast.runs.Recipes;

class DemoPlanTest {
  private static final double UNLIMITED = Double.POSITIVE_INFINITY;

  private static DemoPlan.Wish wish(double total, double distil) {
    return new DemoPlan.Wish(total, distil, 1000, 551, true, 90, true, 14, 7, 100);
  }

  private static DemoPlan.Paces paces(double slower) {
    return new DemoPlan.Paces(0.002 * slower, 0.004 * slower, 0.25 * slower);
  }

  @Test
  void onAFastMachineEverythingFits() {
    DemoPlan plan = DemoPlan.of(wish(600, 300), paces(1), 20);
    assertThat(plan.prompts()).isEqualTo(551);
    assertThat(plan.spear()).isEqualTo(90);
    assertThat(plan.updates()).isEqualTo(1000);
    assertThat(plan.limit()).isEqualTo(Duration.ofSeconds(300));
    assertThat(plan.measure())
        .isCloseTo(551 * (14 * 0.002 + 7 * 0.004) + 100 * 0.002, within(1e-9));
    assertThat(plan.told(wish(600, 300))).hasSize(1).allMatch(s -> s.startsWith("Planned: "));
  }

  @Test
  void promptsGiveWayFirstThenTheSpearThenUpdates() {
    DemoPlan slow = DemoPlan.of(wish(600, 300), paces(6), 60);
    assertThat(slow.prompts()).isEqualTo(DemoPlan.FEW_PROMPTS);
    assertThat(slow.spear()).isEqualTo(90);
    DemoPlan slower = DemoPlan.of(wish(600, 300), paces(9), 60);
    assertThat(slower.spear()).isZero();
    assertThat(slower.updates()).isLessThan(1000);
    assertThat(slower.told(wish(600, 300))).hasSize(4);
  }

  /** The parts never take more than the whole, unless even one update is too much. */
  @ParameterizedTest
  @CsvSource({"0.3", "1", "2", "4", "7", "12", "20"})
  void theWholeIsKeptTo(double slower) {
    DemoPlan plan = DemoPlan.of(wish(600, 300), paces(slower), 50);
    double distilling = Math.min(plan.distil(), plan.updates() * plan.paces().update());
    double all = 50 + distilling + plan.alone() + plan.measure();
    assertThat(all <= 600 || plan.updates() == 1).as("%s s at %s", all, slower).isTrue();
  }

  @Test
  void whatIsAskedForIsNotCut() {
    DemoPlan.Wish insisted = new DemoPlan.Wish(600, 300, 1000, 551, false, 90, false, 14, 7, 100);
    DemoPlan plan = DemoPlan.of(insisted, paces(9), 60);
    assertThat(plan.prompts()).isEqualTo(551);
    assertThat(plan.spear()).isEqualTo(90);
  }

  @Test
  void withoutALimitNothingIsCutAndThePlanIsReadBack() {
    DemoPlan plan = DemoPlan.of(wish(UNLIMITED, UNLIMITED), paces(40), 60);
    assertThat(plan.updates()).isEqualTo(1000);
    assertThat(plan.prompts()).isEqualTo(551);
    assertThat(plan.limit()).isNull();
    Recipes<DemoPlan> plans = Recipes.of(DemoPlan.class);
    assertThat(plans.parse(plans.write(plan), "plan.yaml", java.util.List.of())).isEqualTo(plan);
  }

  @Test
  void aRunThatIsGoneOnWithKeepsToItsPlanUnlessMoreIsAskedFor() {
    DemoPlan plan = DemoPlan.of(wish(600, 300), paces(9), 60);
    assertThat(plan.insisting(null, null, true)).isEqualTo(plan);
    DemoPlan more = plan.insisting(551, 90L, false);
    assertThat(more.prompts()).isEqualTo(551);
    assertThat(more.spear()).isEqualTo(90);
    assertThat(more.limit()).isNull();
  }
}
