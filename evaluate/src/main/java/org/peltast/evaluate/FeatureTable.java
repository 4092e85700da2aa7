package org.peltast.evaluate;

import java.util.List;
import java.util.Locale;
import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;

/**
 * Features of n pictures, one row of d numbers each: what every measure here works on. Immutable;
 * kept outside native memory, because measures resample rows thousands of times.
 */
public final class FeatureTable {
  private final double[] values; // [n, d]
  private final int rows;
  private final int width;

  FeatureTable(double[] values, int rows, int width) {
    if (rows < 0 || width < 1 || values.length != (long) rows * width) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "A feature table of %d × %d cannot hold %d numbers.",
              rows,
              width,
              values.length));
    }
    for (double v : values) {
      if (!Double.isFinite(v)) {
        throw new EvaluationException(
            "The features hold a number that is not finite, so the pictures do too: look at the"
                + " generator's output.");
      }
    }
    this.values = values;
    this.rows = rows;
    this.width = width;
  }

  /**
   * Copies a matrix.
   *
   * @param matrix [n, d], any floating dtype
   * @throws EvaluationException if it is not a matrix, or holds NaN or infinity
   */
  public static FeatureTable of(Tensor matrix) {
    if (matrix.rank() != 2) {
      throw new EvaluationException("Features must be a matrix [n, d], but are " + matrix + ".");
    }
    return new FeatureTable(
        matrix.detach().to(DType.FLOAT64).toDoubles(),
        Math.toIntExact(matrix.size(0)),
        Math.toIntExact(matrix.size(1)));
  }

  /** Copies rows of equal length. */
  public static FeatureTable of(double[][] rows) {
    int width = rows.length == 0 ? 1 : rows[0].length;
    double[] values = new double[rows.length * width];
    for (int i = 0; i < rows.length; i++) {
      if (rows[i].length != width) {
        throw new EvaluationException("The rows of a feature table must be of equal length.");
      }
      System.arraycopy(rows[i], 0, values, i * width, width);
    }
    return new FeatureTable(values, rows.length, width);
  }

  /** The rows of several tables of one width, one table after another; at least one table. */
  public static FeatureTable joined(List<FeatureTable> parts) {
    int rows = 0;
    int width = parts.get(0).width;
    for (FeatureTable part : parts) {
      if (part.width != width) {
        throw new EvaluationException("Only feature tables of one width can be joined.");
      }
      rows += part.rows;
    }
    double[] values = new double[rows * width];
    int at = 0;
    for (FeatureTable part : parts) {
      System.arraycopy(part.values, 0, values, at, part.values.length);
      at += part.values.length;
    }
    return new FeatureTable(values, rows, width);
  }

  /** n. */
  public int rows() {
    return rows;
  }

  /** d. */
  public int width() {
    return width;
  }

  /** Feature {@code column} of picture {@code row}. */
  public double at(int row, int column) {
    return values[row * width + column];
  }

  /** The rows of these numbers, in this order; a row may come several times. */
  public FeatureTable rows(int... chosen) {
    double[] part = new double[chosen.length * width];
    for (int i = 0; i < chosen.length; i++) {
      System.arraycopy(values, chosen[i] * width, part, i * width, width);
    }
    return new FeatureTable(part, chosen.length, width);
  }

  /** ‖a − b‖ between two rows. */
  double distance(int a, int b) {
    double sum = 0;
    for (int j = 0; j < width; j++) {
      double d = at(a, j) - at(b, j);
      sum += d * d;
    }
    return Math.sqrt(sum);
  }

  /** The scalar product of a row of this table with a row of another of the same width. */
  double dot(int row, FeatureTable other, int otherRow) {
    double sum = 0;
    for (int j = 0; j < width; j++) {
      sum += at(row, j) * other.at(otherRow, j);
    }
    return sum;
  }
}
