package org.peltast.models.text;

import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The features of one prompt: a float32 matrix [L, D] = [tokens, width], row-major, and vectors
 * without a token axis, such as a pooled feature, by the name under which the network knows them. A
 * value: arrays are copied on the way in and out.
 */
public final class TokenFeatures {
  private final float[] values;
  private final int tokens;
  private final int width;
  private final SortedMap<String, float[]> vectors;

  /**
   * Features of a given shape.
   *
   * @param values L·D numbers, token by token
   * @param tokens L, at least 1
   * @param width D, at least 1
   */
  public TokenFeatures(float[] values, int tokens, int width) {
    this(values, tokens, width, Map.of());
  }

  /** Like the other constructor, with vectors by name. */
  public TokenFeatures(float[] values, int tokens, int width, Map<String, float[]> vectors) {
    if (tokens < 1 || width < 1 || values.length != (long) tokens * width) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "Token features of shape [%d, %d] cannot hold %d numbers.",
              tokens,
              width,
              values.length));
    }
    this.values = values.clone();
    this.tokens = tokens;
    this.width = width;
    this.vectors = new TreeMap<>();
    vectors.forEach((name, v) -> this.vectors.put(name, v.clone()));
  }

  /** L, at least 1. */
  public int tokens() {
    return tokens;
  }

  /** D, at least 1. */
  public int width() {
    return width;
  }

  /** A copy of the L·D numbers. */
  public float[] values() {
    return values.clone();
  }

  /** The feature d of token l. */
  public float at(int token, int feature) {
    return values[Objects.checkIndex(token, tokens) * width + Objects.checkIndex(feature, width)];
  }

  /** Writes the L·D numbers to {@code target}, without a copy in between. */
  public void putInto(FloatBuffer target) {
    target.put(values);
  }

  /** Copies of the vectors, sorted by name. */
  public SortedMap<String, float[]> vectors() {
    SortedMap<String, float[]> copies = new TreeMap<>();
    vectors.forEach((name, v) -> copies.put(name, v.clone()));
    return copies;
  }

  /** The mean over the tokens, [D]: what sentence-embedding models call mean pooling. */
  public float[] mean() {
    double[] sums = new double[width];
    for (int i = 0; i < values.length; i++) {
      sums[i % width] += values[i];
    }
    float[] mean = new float[width];
    for (int d = 0; d < width; d++) {
      mean[d] = (float) (sums[d] / tokens);
    }
    return mean;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TokenFeatures that
        && tokens == that.tokens
        && width == that.width
        && Arrays.equals(values, that.values)
        && vectors.keySet().equals(that.vectors.keySet())
        && vectors.entrySet().stream()
            .allMatch(e -> Arrays.equals(e.getValue(), that.vectors.get(e.getKey())));
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(values) + tokens;
  }

  @Override
  public String toString() {
    return "TokenFeatures[" + tokens + ", " + width + "]";
  }
}
