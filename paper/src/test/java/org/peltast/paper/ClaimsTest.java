package org.peltast.paper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.peltast.evaluate.Measure;

class ClaimsTest {
  /** What runs are measured by beside the judge's measures. */
  private static final Set<String> OWN =
      Set.of(
          "latentVariance",
          "latentVarianceToTeacher",
          "trend.latentVariance",
          "drop.alignment",
          "change.centroid",
          "retention.real",
          "retention.surplus");

  @Test
  void allEightAreRegisteredWithThreeSeeds() {
    List<Claims.Claim> claims = Claims.registered().claims();
    assertThat(claims)
        .extracting(Claims.Claim::id)
        .containsExactly("C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8");
    assertThat(claims).allSatisfy(claim -> assertThat(claim.seeds()).hasSizeGreaterThan(2));
  }

  @Test
  void everyCheckIsOfARunThatThereIsAndOfAMeasureThatItHas() {
    Set<String> runs = new HashSet<>();
    for (Experiment experiment : Experiments.of(List.of("all"))) {
      experiment.variants().forEach(v -> runs.add(Evidence.name(experiment, v)));
    }
    Claims.registered().claims().stream()
        .flatMap(claim -> claim.checks().stream())
        .forEach(
            check -> {
              assertThat(runs).contains(check.run());
              if (check.against() != null) {
                assertThat(runs).contains(check.against());
              }
              assertThat(
                      OWN.contains(check.measure()) || Measure.ofKey(check.measure()).isPresent())
                  .as(check.measure())
                  .isTrue();
            });
  }

  @Test
  void aCheckSaysWhatItCompares() {
    Claims.Check check = Claims.registered().claims().get(0).checks().get(1);
    assertThat(check.words()).isEqualTo("alignment of fig2/ca-1 (best) − fig2/dm-1 (best)");
    assertThat(check.limit()).isEqualTo("> 2.0");
  }

  @Test
  void mistakesAreNamed() {
    Stream.of(
            "claims: [{id: C1, statement: s, place: p, seeds: [1], checks: []}]",
            "claims: [{id: C1, statement: s, place: p, seeds: [1], checks: [{run: fig2, at: end,"
                + " measure: alignment, relation: above, threshold: 1, says: s}]}]",
            "claims: [{id: C1, statement: s, place: p, seeds: [1], checks: [{run: fig2/a, at: end,"
                + " measure: alignment, scale: ratio, relation: above, threshold: 1, says: s}]}]")
        .forEach(
            yaml ->
                assertThatThrownBy(() -> Claims.read(yaml))
                    .isInstanceOf(RuntimeException.class)
                    .hasMessageContaining("claims.yaml"));
  }
}
