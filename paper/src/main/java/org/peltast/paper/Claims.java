package org.peltast.paper;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.peltast.runs.Recipes;

/**
 * The paper's claims as they were registered before the runs, in {@code claims.yaml}.
 *
 * @param claims C1 to C8
 */
record Claims(List<Claim> claims) {
  private static final String FILE = "claims.yaml";

  /** Copies the list. */
  Claims {
    claims = List.copyOf(claims);
  }

  /**
   * A claim.
   *
   * @param id as C1
   * @param statement in a sentence
   * @param place in the paper
   * @param seeds that it is judged over
   * @param checks all of which are to hold
   */
  record Claim(String id, String statement, String place, List<Long> seeds, List<Check> checks) {
    /** Copies the lists. */
    Claim {
      seeds = List.copyOf(seeds);
      checks = List.copyOf(checks);
      if (checks.isEmpty()) {
        throw new IllegalArgumentException("a claim needs a check");
      }
    }
  }

  /** The moment of a run that a number is of. */
  enum At {
    /** The teacher's weights, in the student's steps. */
    START,
    /** The moment of the best alignment on validation prompts. */
    BEST,
    END
  }

  /** How two numbers are compared. */
  enum Scale {
    DIFFERENCE,
    RATIO
  }

  /** On which side of the threshold a number is to lie. */
  enum Relation {
    ABOVE,
    BELOW,
    /** Between −threshold and threshold. */
    WITHIN
  }

  /**
   * A check of one number.
   *
   * @param run {@code EXPERIMENT/VARIANT}
   * @param at the moment
   * @param against another run of the same seed; null for a number by itself
   * @param againstAt that run's moment; null for the same
   * @param measure by its key
   * @param scale of the comparison; null for the difference
   * @param relation to the threshold
   * @param threshold of the difference, the ratio, or the number itself
   * @param says what it checks, in words
   */
  record Check(
      String run,
      At at,
      @Nullable String against,
      @Nullable At againstAt,
      String measure,
      @Nullable Scale scale,
      Relation relation,
      double threshold,
      String says) {
    /** Checks that the parts fit. */
    Check {
      if (!run.matches("[a-z0-9]+/[a-z0-9-]+") || (against == null && scale == Scale.RATIO)) {
        throw new IllegalArgumentException(
            "a check names a run as EXPERIMENT/VARIANT, and a ratio is to another run");
      }
      if (scale == Scale.RATIO && !(threshold > 0)) {
        throw new IllegalArgumentException("a ratio's threshold is above 0");
      }
    }

    /** Whether numbers are compared by their logarithms. */
    boolean isRatio() {
      return scale == Scale.RATIO;
    }

    /** The moment of the other run. */
    At otherAt() {
      return againstAt == null ? at : againstAt;
    }

    /** "alignment of fig2/ca-1 (best) − fig2/dm-1 (best)". */
    String words() {
      String first = String.format(Locale.ROOT, "%s of %s (%s)", measure, run, word(at));
      return against == null
          ? first
          : String.format(
              Locale.ROOT, "%s %s %s (%s)", first, isRatio() ? "÷" : "−", against, word(otherAt()));
    }

    /** "> 5". */
    String limit() {
      return switch (relation) {
        case ABOVE -> "> " + threshold;
        case BELOW -> "< " + threshold;
        case WITHIN -> "within ± " + threshold;
      };
    }

    private static String word(At at) {
      return at.name().toLowerCase(Locale.ROOT);
    }
  }

  /** Those that come with this module. */
  static Claims registered() {
    try (InputStream in = Claims.class.getResourceAsStream(FILE)) {
      if (in == null) {
        throw new IllegalStateException(FILE + " is missing from the jar");
      }
      return read(new String(in.readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Reads YAML. */
  static Claims read(String yaml) {
    return Recipes.of(Claims.class).parse(yaml, FILE, List.of());
  }
}
