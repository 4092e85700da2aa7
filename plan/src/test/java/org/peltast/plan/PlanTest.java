package org.peltast.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.models.ModelSource;
import org.peltast.runs.ByteSize;
import org.peltast.runs.Recipes;
import org.peltast.runs.RunException;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.testing.TinyModel;
import org.peltast.training.DistillRecipe;
import org.peltast.training.UpdateOutline;
import org.peltast.training.UpdateOutline.Holding;
import org.peltast.training.UpdateOutline.PhaseOutline;

class PlanTest {
  private static final Path RECIPES = Path.of("..", "recipes", "distill");
  private static final Path PUBLISHED = Path.of("src", "test", "resources", "published");

  @TempDir static Path folder;
  private static Path tiny;

  @BeforeAll
  static void write() {
    tiny = folder.resolve("tiny");
    TinyModel.write(tiny);
  }

  private static DistillRecipe recipe(String name, String... sets) {
    return Recipes.over(DistillRecipe.defaults())
        .read(RECIPES.resolve(name + ".yaml"), List.of(sets));
  }

  private static Plan plan(Path teacher, String memory, String recipe, String... sets) {
    DistillRecipe r = recipe(recipe, sets);
    return Plan.of(r, ModelSource.of(teacher), Target.of(r.device(), ByteSize.parse(memory)));
  }

  private static Holding holding(Plan plan, String name) {
    return plan.outline().holdings().stream()
        .filter(h -> h.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  /** The whole update of the published networks, from their configurations. */
  @ParameterizedTest
  @CsvSource({
    "z-image, 6154908736, none", // "6 B"
    "lumina2, 2609769152, none", // "2.6 B"
    "sdxl, 2567463684, none", // the count of its checkpoint
    "z-image, 6154908736, blocks",
    "lumina2, 2609769152, blocks",
    "sdxl, 2567463684, blocks"
  })
  void computesTheUpdateOfThePublishedNetworks(String family, long weights, String checkpointing) {
    UpdateOutline outline =
        UpdateOutline.of(
            recipe(family, "memory.checkpointing=" + checkpointing),
            ModelSource.of(PUBLISHED.resolve(family)),
            Precision.BF16,
            Device.cuda(0),
            1);
    assertThat(outline.holdings())
        .extracting(Holding::name)
        .containsExactly("teacher", "student", "fake", "drawn average");
    assertThat(outline.holdings()).allMatch(h -> h.weights() == weights);
    Holding student = outline.holdings().get(1);
    assertThat(student.bytes()).isEqualTo(4 * weights);
    assertThat(student.gradients()).isEqualTo(4 * weights);
    assertThat(student.moments()).isEqualTo(8 * weights);
    assertThat(student.average()).isEqualTo(4 * weights);
    // bfloat16 of what products multiply: all but norms, modulations and the time's embedding
    assertThat((double) student.copies()).isBetween(1.7 * weights, 2.0 * weights);
    assertThat(outline.phases())
        .extracting(PhaseOutline::name)
        .containsExactly("generator", "fake");
    for (PhaseOutline phase : outline.phases()) {
      assertThat(phase.gradients()).isEqualTo(4 * weights);
      assertThat(phase.backward()).isBetween(1L, phase.forward());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "two-steps",
        "coupled-shared",
        "dmd2",
        "lcm",
        "mean-variance",
        "spear",
        "unconditional"
      })
  void computesTheUpdateOfEveryMethod(String method) {
    Plan plan = plan(tiny, "64GiB", method, "device=cpu", "precision=float32", "run.batch=4");
    assertThat(plan.choices()).isEmpty();
    assertThat(plan.outline().phases()).isNotEmpty().allMatch(p -> p.forward() > 0);
    assertThat(plan.lines()).anyMatch(line -> line.matches("peak +\\d+ MiB  fits the 64.0 GiB .*"));
  }

  @Test
  void countsEachRole() {
    Plan plan = plan(tiny, "64GiB", "dmd2", "device=cpu", "precision=float32", "run.batch=4");
    Holding fake = holding(plan, "fake");
    long weights = holding(plan, "teacher").weights();
    assertThat(fake.weights()).isEqualTo(weights);
    assertThat(fake.moments()).isEqualTo(2 * fake.bytes());
    assertThat(holding(plan, "teacher").gradients()).isZero();
    assertThat(holding(plan, "discriminator").weights()).isBetween(1L, weights);
    assertThat(plan.lines())
        .anyMatch(line -> line.startsWith("discriminator"))
        .anyMatch(line -> line.startsWith("activations, generator"));
  }

  @Test
  void aLoraTrainsAdaptersAlone() {
    Plan plan =
        plan(
            tiny,
            "64GiB",
            "two-steps",
            "device=cpu",
            "precision=bf16",
            "lora.rank=2",
            "run.batch=4");
    assertThat(holding(plan, "student").weights())
        .isLessThan(holding(plan, "teacher").weights() / 4);
    assertThat(holding(plan, "teacher").copies()).isPositive();
  }

  /** Blocks that run again keep their inputs alone, and their gradients are those of all. */
  @Test
  void activationCheckpointingIsASwitch() {
    String[] sets = {"device=cuda", "precision=float32", "run.batch=64"};
    Plan whole = plan(tiny, "64GiB", "two-steps", sets);
    Plan again =
        plan(
            tiny,
            "64GiB",
            "two-steps",
            Stream.concat(Stream.of(sets), Stream.of("memory.checkpointing=blocks"))
                .toArray(String[]::new));
    long all = whole.outline().phases().get(0).forward();
    long inputs = again.outline().phases().get(0).forward();
    assertThat(inputs).isLessThan(all);
    assertThat(whole.other().phases().get(0).forward()).isEqualTo(inputs);
    assertThat(again.other().phases().get(0).forward()).isEqualTo(all);
    assertThat(again.lines())
        .anyMatch(
            line ->
                line.startsWith("activations, generator")
                    && line.contains("without activation checkpointing"));
    Plan small = plan(tiny, Long.toString(whole.peak() - 1), "two-steps", sets);
    assertThat(small.choices().get(0).sets()).isEqualTo("--set memory.checkpointing=blocks");
    assertThat(small.choices().get(0).peak()).isEqualTo(again.peak());
    assertThat(small.fits(again.peak())).isTrue();
  }

  @Test
  void twiceTheItemsTakeTwiceTheActivations() {
    List<Long> forward = new ArrayList<>();
    for (int items : List.of(2, 4)) {
      forward.add(
          UpdateOutline.of(
                  recipe("two-steps"),
                  ModelSource.of(tiny),
                  Precision.FLOAT32,
                  Device.cuda(0),
                  items)
              .phases()
              .get(0)
              .forward());
    }
    assertThat(forward.get(1) / (double) forward.get(0)).isBetween(1.9, 2.1);
  }

  @Test
  void saysWhichSettingsMakeItFit() {
    String[] sets = {"device=cpu", "precision=float32", "run.batch=512"};
    Plan whole = plan(tiny, "64GiB", "two-steps", sets);
    Plan cut =
        plan(
            tiny,
            String.format(Locale.ROOT, "%d", whole.peak() - (whole.peak() - (620L << 20)) / 2),
            "two-steps",
            sets);
    assertThat(cut.fits(cut.peak())).isFalse();
    Plan.Choice parts =
        cut.choices().stream()
            .filter(c -> c.sets().startsWith("--set run.microBatches="))
            .findFirst()
            .orElseThrow();
    assertThat(cut.fits(parts.peak())).isTrue();
    List<String> with = new ArrayList<>(List.of(sets));
    with.add(parts.sets().substring("--set ".length()));
    Plan mended =
        plan(tiny, Long.toString(cut.target().memory()), "two-steps", with.toArray(new String[0]));
    assertThat(mended.fits(mended.peak())).isTrue();
    assertThat(mended.peak() / (double) parts.peak()).isBetween(0.95, 1.05);
  }

  @Test
  void aGpuThatIsNotHereIsPlannedForByItsMemory() {
    assertThatThrownBy(() -> Target.of("cuda", null))
        .isInstanceOf(RunException.class)
        .hasMessageContaining("--memory");
    Target target = Target.of("cuda", ByteSize.parse("80GB"));
    assertThat(target.memory()).isEqualTo(80_000_000_000L);
    assertThat(target.threads()).isEqualTo(1);
  }
}
