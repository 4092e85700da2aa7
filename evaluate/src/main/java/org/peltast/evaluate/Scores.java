package org.peltast.evaluate;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * What was measured on one set of pictures; the definitions are in {@code docs/evaluation.md}. A
 * measure that the set does not allow (a family accuracy without families, a diversity without two
 * pictures of a prompt, or beside real pictures that are all alike) is absent, never zero.
 *
 * @param judge whose features and embeddings they are: print it beside the figures
 * @param images n; Fréchet distances and retrieval compare for equal n alone
 * @param frechetBiasFree distance to the reference statistics of real pictures, extrapolated to
 *     infinitely many pictures; may be negative, low is good
 * @param frechet the same as measured at n, ≥ 0
 * @param kid squared maximum mean discrepancy to the real pictures of the same prompts, unbiased,
 *     so that it may be negative; low is good
 * @param kidError standard error of {@code kid}
 * @param alignment 100 · mean cosine of picture and caption
 * @param retrievalAt10 share of pictures whose own caption is among the 10 nearest of the set's
 * @param familyAccuracy share of pictures that look like the family asked for
 * @param diversity of the pictures of one prompt; 1 = as any two real pictures
 * @param vendi effective number of different pictures of one prompt
 * @param mean of the pixels, in [0, 1]
 * @param variance of the pixels of a picture
 * @param saturation mean of max − min over channels
 * @param colourCast spread of the channels' means
 * @param intervals 95 % confidence intervals, by the names above
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Scores(
    String judge,
    int images,
    @Nullable Double frechetBiasFree,
    double frechet,
    @Nullable Double kid,
    @Nullable Double kidError,
    double alignment,
    double retrievalAt10,
    @Nullable Double familyAccuracy,
    @Nullable Double diversity,
    @Nullable Double vendi,
    double mean,
    double variance,
    double saturation,
    double colourCast,
    Map<String, Interval> intervals) {

  /** Keeps the intervals in order. */
  public Scores {
    intervals = Collections.unmodifiableMap(new LinkedHashMap<>(intervals));
  }

  /** The figures as a JSON object, for {@code metrics.json}; more may be put beside them. */
  public ObjectNode toJson() {
    return JsonMapper.builder().build().valueToTree(this);
  }

  /** One of the figures, or null if it was not measured. */
  public @Nullable Double of(Measure measure) {
    return switch (measure) {
      case FRECHET_BIAS_FREE -> frechetBiasFree;
      case FRECHET -> frechet;
      case KID -> kid;
      case ALIGNMENT -> alignment;
      case RETRIEVAL -> retrievalAt10;
      case FAMILY_ACCURACY -> familyAccuracy;
      case DIVERSITY -> diversity;
      case VENDI -> vendi;
      case MEAN -> mean;
      case VARIANCE -> variance;
      case SATURATION -> saturation;
      case COLOUR_CAST -> colourCast;
    };
  }
}
