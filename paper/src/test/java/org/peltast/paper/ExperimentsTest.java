package org.peltast.paper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.peltast.runs.Recipes;
import org.peltast.training.MethodRecipe;
import org.peltast.training.TeacherRecipe;

class ExperimentsTest {
  private static Job job(String experiment, String variant, long seed, String... base) {
    Experiment of = Experiments.of(List.of(experiment)).get(0);
    return Job.of(of, of.variant(variant), List.of(base), 1, seed, "identity");
  }

  @Test
  void everyVariantIsARecipeWithANameOfItsOwn() {
    for (Experiment experiment : Experiments.of(List.of("all"))) {
      Set<String> names = new HashSet<>();
      Set<String> keys = new HashSet<>();
      for (Experiment.Variant variant : experiment.variants()) {
        assertThat(names.add(variant.name())).as(variant.name()).isTrue();
        Job job = Job.of(experiment, variant, List.of(), 1, 7, "identity");
        assertThat(keys.add(job.key())).as("%s is run twice", job.title()).isTrue();
        assertThat(job.recipe().seed()).isEqualTo(7);
        assertThat(job.recipe().data().validation()).isTrue();
      }
      if (experiment.teacher() != null) {
        assertThat(Recipes.with(TeacherRecipe.defaults(), experiment.teacher())).isNotNull();
      }
    }
  }

  @Test
  void variantsAreWhatTheySay() {
    MethodRecipe.DecoupledDmd ca = decoupled("fig2", "ca-1");
    assertThat(ca.dm().weight()).isZero();
    assertThat(ca.ca().weight()).isPositive();
    assertThat(decoupled("fig2", "dm-4").ca().weight()).isZero();
    assertThat(decoupled("fig4a", "noisy").ca().tau()).containsExactly(0.0, 0.3);
    MethodRecipe.DecoupledDmd observed = decoupled("fig4b", "observer");
    assertThat(observed.fake().observes()).isTrue();
    assertThat(observed.dm().weight()).isZero();
    MethodRecipe.DecoupledDmd pixels = decoupled("fig3", "mean-variance-pixels");
    assertThat(pixels.meanVariance().space()).isEqualTo(MethodRecipe.Space.PIXELS);
    assertThat(pixels.meanVariance().moments()).isEqualTo(MethodRecipe.Moments.MEASURED);
    MethodRecipe.Dmd2 hybrid =
        (MethodRecipe.Dmd2) job("table2", "dmd2-hybrid", 1).recipe().method();
    MethodRecipe.Dmd2 own = (MethodRecipe.Dmd2) job("table2", "dmd2", 1).recipe().method();
    assertThat(hybrid.renoising()).hasToString("decoupled-hybrid");
    assertThat(own.renoising()).hasToString("coupled-shared");
    assertThat(hybrid.gan()).isEqualTo(own.gan());
  }

  private static MethodRecipe.DecoupledDmd decoupled(String experiment, String variant) {
    return (MethodRecipe.DecoupledDmd) job(experiment, variant, 1).recipe().method();
  }

  /** CA alone in one step is in Fig. 2 and in Fig. 3: it is run once. */
  @Test
  void experimentsShareRuns() {
    assertThat(job("fig2", "ca-1", 2).key()).isEqualTo(job("fig3", "none", 2).key());
    assertThat(job("fig2", "both-1", 2).key()).isEqualTo(job("fig3", "dm", 2).key());
  }

  @Test
  void aRunIsKnownByAllThatDecidesItAndByNothingElse() {
    String key = job("fig2", "ca-1", 1).key();
    assertThat(
            job("fig2", "ca-1", 1, "teacher=elsewhere", "data.images=/there", "device=cpu").key())
        .as("places")
        .isEqualTo(key);
    assertThat(job("fig2", "ca-1", 2).key()).as("seed").isNotEqualTo(key);
    assertThat(job("fig2", "ca-1", 1, "run.batch=4").key()).as("recipe").isNotEqualTo(key);
    Experiment fig2 = Experiments.of(List.of("fig2")).get(0);
    assertThat(Job.of(fig2, fig2.variant("ca-1"), List.of(), 1, 1, "other").key())
        .as("subject")
        .isNotEqualTo(key);
    assertThat(Job.of(fig2, fig2.variant("ca-1"), List.of(), 0.5, 1, "identity").key())
        .as("scale")
        .isNotEqualTo(key);
  }

  @Test
  void namesOfFiguresAndTablesAreUnderstood() {
    assertThat(Experiments.of(List.of("table1", "fig5", "table7")))
        .extracting(Experiment::id)
        .containsExactly("fig5");
    assertThat(Experiments.of(List.of("fig6", "all"))).hasSize(Experiments.ids().size());
    assertThatThrownBy(() -> Experiments.of(List.of("fig9")))
        .hasMessageContaining("there is no experiment 'fig9'; there are fig2, fig3");
  }

  @Test
  void momentsBeginAtTheStartAndEndAtTheEnd() {
    assertThat(Protocol.moments(600))
        .containsExactly(0L, 15L, 30L, 60L, 120L, 240L, 360L, 480L, 600L);
    assertThat(Protocol.moments(2)).containsExactly(0L, 1L, 2L);
  }

  @Test
  void aTrendIsARankCorrelation() {
    assertThat(RankCorrelation.trend(List.of(1.0, 2.0, 4.0, 8.0, 16.0), 20)).isEqualTo(1);
    assertThat(RankCorrelation.trend(List.of(3.0, 2.0, 1.0), 20)).isEqualTo(-1);
    assertThat(RankCorrelation.trend(List.of(1.0, 3.0, 2.0, 4.0), 20)).isEqualTo(0.8);
    assertThat(RankCorrelation.trend(List.of(1.0, 0.0, 2.0, 3.0, 9.0, 5.0), 3))
        .as("means of parts")
        .isEqualTo(1);
    assertThat(RankCorrelation.trend(List.of(1.0, 1.0, 1.0), 20)).isZero();
    assertThat(RankCorrelation.trend(List.of(1.0, 2.0), 20)).isNaN();
  }

  private static Probe.Row row(double tau, double ca, double dm) {
    return new Probe.Row(tau, ca, 0.5, 1, dm, 0.5, 0);
  }

  @Test
  void theAdviceFollowsItsRules() {
    List<Probe.Row> rows = new ArrayList<>();
    double[] ca = {0, 1, 4, 4, 0.5};
    double[] dm = {0.05, 0.1, 1, 0.5, 0.01};
    for (int i = 0; i < 5; i++) {
      rows.add(row(0.1 + 0.2 * i, ca[i], dm[i]));
    }
    Map<Double, Double> spread = new LinkedHashMap<>();
    spread.put(2.0, 1.0);
    spread.put(3.0, 1.14);
    spread.put(4.0, 1.3);
    List<Double> residuals = new ArrayList<>();
    for (int i = 100; i >= 0; i--) {
      residuals.add(i / 100.0);
    }
    Probe.Advice advice = Probe.advise(rows, spread, residuals);
    assertThat(advice.alpha()).isEqualTo(3);
    assertThat(advice.floor()).isCloseTo(0.05, within(1e-12));
    assertThat(advice.ca().get(0)).isCloseTo(0.2, within(1e-12));
    assertThat(advice.ca().get(1)).isCloseTo(0.8, within(1e-12));
    assertThat(advice.dm().get(0)).isCloseTo(0.2, within(1e-12));
    assertThat(advice.dm().get(1)).isCloseTo(0.8, within(1e-12));
    List<Probe.Row> alone = rows.stream().map(r -> row(r.tau(), r.ca(), Double.NaN)).toList();
    assertThat(Probe.advise(alone, spread, residuals).dm()).containsExactly(0.0, 1.0);
    assertThat(advice.sets()).contains("method.ca.tau=[0.20, 0.80]", "method.alpha=3.0");
  }
}
