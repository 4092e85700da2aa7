package org.peltast.cli.training;

/**
 * What a run learns from.
 *
 * @param images {@code emoji}, or a folder of captioned images
 * @param size the edge of the square pictures, in pixels
 * @param limit at most so many of the emoji corpus's concepts; 0 for all
 */
public record DataRecipe(String images, int size, int limit) {
  /** All emoji at 64 px. */
  public static DataRecipe defaults() {
    return new DataRecipe("emoji", 64, 0);
  }

  /** Checks the ranges. */
  public DataRecipe {
    if (size < 8 || size > 2048 || size % 8 != 0 || limit < 0) {
      throw new IllegalArgumentException(
          "size must be a multiple of 8 from 8 to 2048, and limit not negative");
    }
  }
}
