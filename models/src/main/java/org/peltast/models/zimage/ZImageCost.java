package org.peltast.models.zimage;

import org.peltast.models.ItemCost;

/** What an item of a batch costs a Z-Image transformer, by its configuration. */
final class ZImageCost {
  /**
   * What a block keeps for its backward pass, in float32 values a row: so many of the model's
   * width, of the feed-forward's, and of the scores. Fitted to the growth of peak memory with the
   * batch in float32 (40 MiB an item at width 256, 6 layers, 96 rows) and rounded up; a block that
   * keeps less stays below the budget.
   */
  private static final double WIDTHS = 32;

  private static final double HIDDENS = 7;
  private static final double SCORES = 4;

  private final ZImageConfig config;
  private final int patch;
  private final int imageTokens;
  private final int image; // rows, pad rows included
  private final int caption;

  private ZImageCost(ZImageConfig config, int patch, int imageTokens, int captionTokens) {
    this.config = config;
    this.patch = patch;
    this.imageTokens = imageTokens;
    this.image = ZImageTransformer.filled(imageTokens);
    this.caption = ZImageTransformer.filled(captionTokens);
  }

  /** The cost of one item. */
  static ItemCost of(ZImageConfig config, int patch, int imageTokens, int captionTokens) {
    ZImageCost cost = new ZImageCost(config, patch, imageTokens, captionTokens);
    return new ItemCost(cost.trainingBytes(), cost.readOperations(), cost.forwardOperations());
  }

  private long trainingBytes() {
    double values =
        config.refinerLayers() * (blockValues(image) + blockValues(caption))
            + config.layers() * blockValues(image + caption);
    return (long) (values * Float.BYTES);
  }

  private double blockValues(int rows) {
    return rows
        * (WIDTHS * config.dim()
            + HIDDENS * config.feedForwardDim()
            + SCORES * config.heads() * rows);
  }

  private double readOperations() {
    double embedding = 2.0 * caption * config.captionDim() * config.dim();
    return embedding + config.refinerLayers() * blockOperations(caption, caption);
  }

  private double forwardOperations() {
    int dim = config.dim();
    int joint = image + caption;
    double time =
        ZImageTransformer.TIME_SINUSOIDS * (double) ZImageTransformer.TIME_HIDDEN
            + ZImageTransformer.TIME_HIDDEN * config.modulationDim();
    double modulations =
        (config.refinerLayers() + config.layers()) * 4.0 * dim * config.modulationDim();
    double embedderAndHead = 2.0 * imageTokens * patch * patch * config.inChannels() * dim;
    return 2 * (time + modulations + embedderAndHead)
        + config.refinerLayers() * blockOperations(image, image)
        + (config.layers() - 1) * blockOperations(joint, joint)
        + blockOperations(joint, imageTokens);
  }

  /**
   * One block's: keys and values of all rows; queries, the output's projection, the three of the
   * feed-forward, scores and values of those asked for, in the last layer the image's.
   */
  private double blockOperations(int rows, int asked) {
    double dim = config.dim();
    double ofAsked = 2.0 * dim * dim + 3.0 * dim * config.feedForwardDim();
    return 2 * (rows * 2.0 * dim * dim + asked * ofAsked) + 4.0 * asked * rows * dim;
  }
}
