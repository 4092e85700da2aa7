package org.peltast.paper;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An experiment as a value: which recipes are run, and which figure is drawn of them.
 *
 * @param id as in commands: {@code fig2}
 * @param title in a few words
 * @param place in the paper, with what is to be seen there
 * @param shows what the figure shows, in sentences
 * @param variants what is run, each for every seed
 * @param curves measures that are drawn over updates, on validation prompts
 * @param values measures that are drawn as values with intervals, on test prompts
 * @param pictured the moments whose pictures are shown
 * @param byFamily whether alignment is also shown for each style group
 * @param published the paper's own figures, as lines of a Markdown table; empty for none
 * @param teacher changes to the recipe of a teacher of the experiment's own, which is trained
 *     first; null for the teacher that is given
 */
record Experiment(
    String id,
    String title,
    String place,
    String shows,
    List<Variant> variants,
    List<String> curves,
    List<String> values,
    Pictured pictured,
    boolean byFamily,
    List<String> published,
    @Nullable List<String> teacher) {
  /** Which pictures a figure shows of each run. */
  enum Pictured {
    /** The same prompts at the end. */
    END,
    /** One prompt at each moment. */
    MOMENTS
  }

  /** What is measured of a finished student beside its pictures. */
  enum Analysis {
    NONE,
    /** The spectrum of what training changed in the pictures (Fig. 4a). */
    CHANGE,
    /** What real's and fake's predictions keep of an artefact (Fig. 4b). */
    ARTEFACT
  }

  /**
   * A recipe with its place in the figure.
   *
   * @param name in {@code claims.yaml} and in tables of data
   * @param title in the figure
   * @param style colour and marker
   * @param sets changes to the recipe that all variants share, as {@code --set} takes them
   * @param analysis of the finished student
   */
  record Variant(String name, String title, int style, List<String> sets, Analysis analysis) {
    /** Copies the list. */
    Variant {
      sets = List.copyOf(sets);
    }

    /** Without an analysis. */
    Variant(String name, String title, int style, String... sets) {
      this(name, title, style, List.of(sets), Analysis.NONE);
    }

    /** The same, analysed. */
    Variant with(Analysis other) {
      return new Variant(name, title, style, sets, other);
    }
  }

  /** Copies the lists. */
  Experiment {
    variants = List.copyOf(variants);
    curves = List.copyOf(curves);
    values = List.copyOf(values);
    published = List.copyOf(published);
    teacher = teacher == null ? null : List.copyOf(teacher);
  }

  /** The variant of a name. */
  Variant variant(String name) {
    return variants.stream()
        .filter(v -> v.name().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException(id + " has no variant " + name));
  }
}
