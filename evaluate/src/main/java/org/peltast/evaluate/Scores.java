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
 * @param frechet distance to the reference statistics of real pictures, ≥ 0, low is good
 * @param alignment 100 · mean cosine of picture and caption
 * @param retrievalAt10 share of pictures whose own caption is among the 10 nearest of the set's
 * @param familyAccuracy share of pictures that look like the family asked for
 * @param diversity of the pictures of one prompt; 1 = as any two real pictures
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
    double frechet,
    double alignment,
    double retrievalAt10,
    @Nullable Double familyAccuracy,
    @Nullable Double diversity,
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

  /** The same figures with a diversity that was measured on pictures of its own. */
  public Scores withDiversity(double value, Interval interval) {
    Map<String, Interval> all = new LinkedHashMap<>(intervals);
    all.put("diversity", interval);
    return new Scores(
        judge,
        images,
        frechet,
        alignment,
        retrievalAt10,
        familyAccuracy,
        value,
        mean,
        variance,
        saturation,
        colourCast,
        all);
  }
}
