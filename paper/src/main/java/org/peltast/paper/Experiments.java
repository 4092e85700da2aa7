package org.peltast.paper;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.peltast.paper.Experiment.Analysis;
import org.peltast.paper.Experiment.Pictured;
import org.peltast.paper.Experiment.Variant;

/**
 * The paper's experiments, and those around it, as values. Each is at most twenty minutes a seed on
 * two cores at the size of the shipped teacher: a hundred updates of eight pictures, by which a
 * student has most of its teacher's alignment, or half of that where an update costs thrice as
 * much.
 */
public final class Experiments {
  private Experiments() {}

  /** What every run has in common: small steps, and no guard, as some are meant to fall apart. */
  private static final List<String> COMMON =
      List.of(
          "precision=float32",
          "data.validation=true",
          "guard.explosion=0",
          "student.learningRate=3e-4",
          "student.decay=0.3",
          "student.beta2=0.95",
          "student.clip=0.4",
          "run.batch=8",
          "run.looksEvery=0",
          "run.keepCheckpoints=1",
          "run.checkpointEvery=60s");

  /** Keys of {@code decoupled-dmd} in common; DMD2 has none of them. */
  private static final List<String> FAKE =
      List.of("method.fake.role.learningRate=6e-4", "method.fake.role.clip=0.4");

  private static final String NO_DM = "method.dm.weight=0";
  private static final String NO_CA = "method.ca.weight=0";

  /**
   * The four schedules by the intervals of τ_CA and τ_DM; a schedule's name stands for the pair.
   */
  private static final List<String> SCHEDULES =
      List.of("coupled-shared", "decoupled-full", "decoupled-constrained", "decoupled-hybrid");

  private static final List<String> NUMBERS = List.of("①", "②", "③", "④");

  private static final List<String> QUALITY =
      List.of("alignment", "frechetBiasFree", "latentVariance", "saturation");

  private static final List<Experiment> ALL =
      List.of(
          fig2(),
          fig3(),
          fig4a(),
          fig4b(),
          fig5(),
          table2(),
          gan(),
          normalisers(),
          watch(),
          unconditional(),
          pixels());

  /** All, in the order of the paper, then those beyond it. */
  public static List<String> ids() {
    return ALL.stream().map(Experiment::id).toList();
  }

  /** One line for each: its name, its title and its place. */
  public static List<List<String>> described() {
    return ALL.stream()
        .map(
            e ->
                List.of(
                    e.id(),
                    e.title(),
                    e.place(),
                    String.format(Locale.ROOT, "%d runs a seed", e.variants().size())))
        .toList();
  }

  /**
   * The experiments of some names.
   *
   * @param names of experiments, or {@code all}; figures and tables that share an experiment have
   *     its name too, as {@code table1}
   * @throws IllegalArgumentException if there is none of a name
   */
  static List<Experiment> of(List<String> names) {
    List<Experiment> all = new ArrayList<>();
    for (String name : names) {
      if (name.equals("all")) {
        return ALL;
      }
      String id =
          switch (name) {
            case "fig6" -> "fig3";
            case "table1", "table6", "table7" -> "fig5";
            default -> name;
          };
      Experiment found =
          ALL.stream()
              .filter(e -> e.id().equals(id))
              .findFirst()
              .orElseThrow(
                  () ->
                      new IllegalArgumentException(
                          String.format(
                              Locale.ROOT,
                              "there is no experiment '%s'; there are %s, fig6 (in fig3), table1, table6 and table7 (in fig5), and all.",
                              name,
                              ids().stream().collect(Collectors.joining(", ")))));
      if (!all.contains(found)) {
        all.add(found);
      }
    }
    return all;
  }

  /** All changes to the default recipe of a variant of an experiment. */
  static List<String> sets(Variant variant) {
    List<String> all = new ArrayList<>(COMMON);
    if (variant.sets().stream().noneMatch(set -> set.startsWith("method={kind: dmd2"))) {
      all.addAll(FAKE);
    }
    all.addAll(variant.sets());
    return all;
  }

  private static Experiment fig2() {
    List<Variant> variants = new ArrayList<>();
    int style = 0;
    for (int steps : new int[] {1, 4}) {
      String n = "steps=" + steps;
      String in = steps == 1 ? ", 1 step" : ", 4 steps";
      variants.add(new Variant("both-" + steps, "CA + DM" + in, style++, n, "run.updates=100"));
      variants.add(
          new Variant("ca-" + steps, "CA alone" + in, style++, n, NO_DM, "run.updates=100"));
      variants.add(
          new Variant("dm-" + steps, "DM alone" + in, style++, n, NO_CA, "run.updates=100"));
    }
    return new Experiment(
        "fig2",
        "Engine and regulariser apart",
        "§3.1.1, Fig. 2",
        "CFG augmentation alone, distribution matching alone, and both, from one start, for one step and for four; under schedule ④, each term divided by its own residual.",
        variants,
        QUALITY,
        List.of("alignment", "frechetBiasFree"),
        Pictured.MOMENTS,
        false,
        List.of(),
        null);
  }

  private static Experiment fig3() {
    String steps = "steps=1";
    String updates = "run.updates=100";
    String gan = "method.gan.weight=0.05";
    String moments = "method.meanVariance.moments=measured";
    return new Experiment(
        "fig3",
        "Other regularisers for the engine",
        "§3.2, Fig. 3 and 6",
        "CFG augmentation with no regulariser, with the mean–variance divergence (of latents, and of pictures), with a GAN on the teacher's features, with distribution matching, and with the last two.",
        List.of(
            new Variant("none", "CA alone", 1, steps, NO_DM, updates),
            new Variant(
                "mean-variance",
                "CA + mean–variance",
                2,
                steps,
                NO_DM,
                "method.meanVariance.weight=1",
                moments,
                updates),
            new Variant(
                "mean-variance-pixels",
                "CA + mean–variance of pictures",
                3,
                steps,
                NO_DM,
                "method.meanVariance.weight=1",
                "method.meanVariance.space=pixels",
                moments,
                updates),
            new Variant("gan", "CA + GAN", 4, steps, NO_DM, gan, updates),
            new Variant("dm", "CA + DM", 0, steps, updates),
            new Variant("dm-gan", "CA + DM + GAN", 5, steps, gan, updates)),
        QUALITY,
        QUALITY,
        Pictured.MOMENTS,
        false,
        List.of(),
        null);
  }

  private static Experiment fig4a() {
    List<Variant> variants = new ArrayList<>();
    int style = 0;
    String[][] bands = {
      {"noisy", "τ in [0, 0.3]", "[0, 0.3]"},
      {"to-half", "τ in [0, 0.5]", "[0, 0.5]"},
      {"to-three-quarters", "τ in [0, 0.75]", "[0, 0.75]"},
      {"full", "τ in [0, 1]", "[0, 1]"},
      {"middle", "τ in [0.3, 0.7]", "[0.3, 0.7]"},
      {"clean", "τ in [0.7, 1]", "[0.7, 1]"}
    };
    for (String[] band : bands) {
      variants.add(
          new Variant(
                  band[0],
                  band[1],
                  style++,
                  "steps=1",
                  NO_DM,
                  "method.ca.tau=" + band[2],
                  "student.learningRate=1e-4",
                  "student.decay=0",
                  "run.updates=60")
              .with(Analysis.CHANGE));
    }
    return new Experiment(
        "fig4a",
        "The engine's τ",
        "§4.1, Fig. 4a",
        "A one-step generator trained by CFG augmentation alone, its τ restricted to bands that grow from the noisy end, and to the middle and the clean end; below, the radial power spectra of what training changed in the pictures.",
        variants,
        List.of("alignment", "latentVariance"),
        List.of("change.centroid", "alignment"),
        Pictured.END,
        false,
        List.of(),
        null);
  }

  private static Experiment fig4b() {
    return new Experiment(
        "fig4b",
        "What an observing fake model sees",
        "§4.2, Fig. 4b",
        "A generator gone bad by CFG augmentation alone, with a fake model that learns from it and pushes nothing: its images noised to rising τ, and what the real and the fake model predict of them. Retention is how much of the images' high frequencies a prediction keeps (1 is all).",
        List.of(
            new Variant(
                    "observer",
                    "CA alone, observed",
                    1,
                    "steps=1",
                    NO_DM,
                    "method.fake.observes=true",
                    "method.fake.updates=4",
                    "method.fake.role.learningRate=9e-4",
                    "student.learningRate=2e-4",
                    "student.decay=0",
                    "run.updates=60")
                .with(Analysis.ARTEFACT)),
        List.of("alignment", "latentVariance"),
        List.of("retention.real", "retention.fake"),
        Pictured.MOMENTS,
        false,
        List.of(),
        null);
  }

  private static List<Variant> schedules(String prefix, String title, String... more) {
    List<Variant> variants = new ArrayList<>();
    for (int i = 0; i < SCHEDULES.size(); i++) {
      List<String> sets = new ArrayList<>(List.of("method.renoising=" + SCHEDULES.get(i)));
      sets.addAll(List.of(more));
      variants.add(
          new Variant(
              prefix + SCHEDULES.get(i),
              NUMBERS.get(i) + " " + SCHEDULES.get(i) + title,
              i,
              sets,
              Analysis.NONE));
    }
    return variants;
  }

  private static Experiment fig5() {
    return new Experiment(
        "fig5",
        "The four re-noising schedules",
        "§4.3, Fig. 5, Table 1, 6 and 7",
        "Four steps under schedules ① to ④, by style group as the paper's Tables 6 and 7 are by category. Each term is divided by its own residual under all of them, so ① is not DMD2's gradient, which shares the divisor too.",
        schedules("", "", "steps=4", "run.updates=100"),
        QUALITY,
        List.of("alignment", "frechetBiasFree", "saturation", "diversity"),
        Pictured.END,
        true,
        List.of(
            "| Lumina-Image-2.0, 4 steps | DPG-Bench | HPS v2.1 | HPS v3 |",
            "| --- | --- | --- | --- |",
            "| teacher, 50 steps | 87.20 | 30.20 | 9.62 |",
            "| ① | 83.90 | 30.61 | 10.34 |",
            "| ② | 83.77 | 30.69 | 10.32 |",
            "| ③ | 85.64 | 31.71 | 11.08 |",
            "| ④ | 85.85 | 32.29 | 11.59 |"),
        null);
  }

  private static Experiment table2() {
    String[] common = {"steps=4", "student.learningRate=2e-4", "run.updates=50"};
    List<Variant> variants = new ArrayList<>();
    variants.add(dmd2("dmd2", "DMD2", 0, "coupled-shared", common));
    variants.add(dmd2("dmd2-hybrid", "DMD2 with ④", 1, "decoupled-hybrid", common));
    return new Experiment(
        "table2",
        "DMD2's complete configuration with schedule ④",
        "§4.3, Table 2",
        "DMD2 with its GAN and five fake updates, and the same in which only the re-noising is replaced.",
        variants,
        QUALITY,
        List.of("frechetBiasFree", "alignment", "familyAccuracy", "diversity"),
        Pictured.END,
        false,
        List.of(
            "| SDXL, 4 steps | FID | CLIP | ImageReward |",
            "| --- | --- | --- | --- |",
            "| DMD2 | 18.95 | 33.14 | 71.01 |",
            "| the same with ④ | 17.80 | 33.62 | 78.61 |"),
        null);
  }

  private static Variant dmd2(
      String name, String title, int style, String renoising, String... more) {
    List<String> sets = new ArrayList<>();
    sets.add("method={kind: dmd2, renoising: " + renoising + "}");
    sets.addAll(List.of(more));
    return new Variant(name, title, style, sets, Analysis.NONE);
  }

  private static Experiment gan() {
    List<Variant> variants = new ArrayList<>();
    variants.add(new Variant("none", "no GAN", 0, "steps=1", NO_DM, "run.updates=100"));
    int style = 1;
    for (String weight : List.of("0.05", "0.5", "5", "50")) {
      variants.add(
          new Variant(
              "gan-" + weight,
              "w_GAN = " + weight,
              style++,
              "steps=1",
              NO_DM,
              "method.gan.weight=" + weight,
              "run.updates=100"));
    }
    return new Experiment(
        "gan",
        "How strong a GAN must be",
        "beyond the paper; §3.2's third regulariser",
        "CFG augmentation in one step with a GAN of rising weight: where it holds the engine, and at what price.",
        variants,
        QUALITY,
        List.of("alignment", "frechetBiasFree", "latentVarianceToTeacher"),
        Pictured.MOMENTS,
        false,
        List.of(),
        null);
  }

  private static Experiment normalisers() {
    List<Variant> variants = new ArrayList<>();
    String[][] forms = {
      {"shared-", ", guided at CA", "{residual: guided, at: ca, floor: 0}"},
      {"guided-", ", guided, own", "{residual: guided, at: own, floor: 0}"},
      {"conditional-", ", conditional, own", "{residual: conditional, at: own, floor: 0}"},
      {"undivided-", ", undivided", "{residual: none, at: own, floor: 0}"}
    };
    for (String[] form : forms) {
      variants.addAll(
          schedules(
              form[0],
              form[1],
              "steps=4",
              "method.ca.normaliser=" + form[2],
              "method.dm.normaliser=" + form[2],
              "run.updates=50"));
    }
    return new Experiment(
        "normalisers",
        "The four schedules under every normaliser",
        "beyond the paper; §4.3's ordering may depend on it",
        "Schedules ① to ④ with both directions divided by DMD2's shared guided residual at CA's draw, by the guided and by the conditional residual at each term's own draw, and undivided.",
        variants,
        List.of(), // sixteen curves cannot be told apart
        List.of("alignment", "frechetBiasFree", "latentVarianceToTeacher"),
        Pictured.END,
        false,
        List.of(),
        null);
  }

  private static Experiment watch() {
    String[] weak = {"steps=1", "method.dm.weight=0.2", "run.updates=100"};
    return new Experiment(
        "watch",
        "The saturation watch",
        "the explainer, §8",
        "A regulariser too weak for its engine, as it is and with the watch that raises its weight by a tenth whenever variance or saturation exceed real data's by half, and lowers it again.",
        List.of(
            new Variant("unwatched", "w_DM = 0.2", 1, weak),
            new Variant(
                "watched",
                "w_DM from 0.2, watched",
                0,
                weak[0],
                weak[1],
                weak[2],
                "guard.variance=1.5",
                "guard.varianceEvery=5",
                "guard.varianceCap=10")),
        List.of("alignment", "latentVariance", "saturation", "training.weight.dm"),
        List.of("alignment", "latentVarianceToTeacher"),
        Pictured.MOMENTS,
        false,
        List.of(),
        null);
  }

  private static Experiment unconditional() {
    return new Experiment(
        "unconditional",
        "Without a condition",
        "the explainer, FAQ 6",
        "All captions empty: CFG augmentation vanishes, as (α − 1)(x₀(∅) − x₀(∅)) is zero, and distribution matching is left alone. The explainer says that CA then amplifies details; by equation 6 it cannot.",
        List.of(
            new Variant(
                "one-step", "DM, 1 step", 0, "steps=1", "unconditional=true", "run.updates=80"),
            new Variant(
                "four-steps", "DM, 4 steps", 1, "steps=4", "unconditional=true", "run.updates=80")),
        List.of("frechetBiasFree", "latentVariance", "saturation"),
        List.of("frechetBiasFree", "saturation"),
        Pictured.MOMENTS,
        false,
        List.of(),
        null);
  }

  private static Experiment pixels() {
    String[] two = {"steps=2", "run.updates=80"};
    return new Experiment(
        "pixels",
        "In pixel space",
        "the explainer, FAQ 5",
        "A teacher that draws pixels, trained first, and its students: the same terms without a codec.",
        List.of(
            new Variant("both", "CA + DM", 0, two),
            new Variant("ca", "CA alone", 1, two[0], two[1], NO_DM),
            new Variant(
                "mean-variance",
                "CA + mean–variance",
                2,
                two[0],
                two[1],
                NO_DM,
                "method.meanVariance.weight=1",
                "method.meanVariance.moments=measured")),
        QUALITY,
        List.of("alignment", "frechetBiasFree"),
        Pictured.MOMENTS,
        false,
        List.of(),
        List.of(
            "precision=float32",
            "data.validation=true",
            "model.codec=pixels",
            "model.patch=8",
            "run.updates=600",
            "run.batch=16",
            "run.looksEvery=0",
            "run.keepCheckpoints=1"));
  }
}
