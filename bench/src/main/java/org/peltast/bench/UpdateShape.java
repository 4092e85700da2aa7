package org.peltast.bench;

import java.util.List;
import org.peltast.models.zimage.ZImageConfig;

/**
 * What an update is measured on.
 *
 * @param batch captions
 * @param dim width of a token
 * @param layers blocks over the joint sequence; there are two refiner blocks on either side
 * @param heads attention heads
 * @param imageTokens a square number; patches are single latents
 * @param captionTokens tokens of each caption
 * @param fakeUpdates updates of the fake for each of the generator; 0 leaves the regulariser out,
 *     so that two networks are in memory instead of three
 */
public record UpdateShape(
    int batch,
    int dim,
    int layers,
    int heads,
    int imageTokens,
    int captionTokens,
    int fakeUpdates) {
  private static final int CHANNELS = 32;
  private static final int CAPTION_DIM = 384;
  private static final int REFINERS = 2;
  private static final int TIME_SINUSOIDS = 256;
  private static final int TIME_HIDDEN = 1024;

  /** Checks the ranges. */
  public UpdateShape {
    within("--batch", batch, 1, 4096);
    within("--layers", layers, 1, 256);
    within("--tokens", imageTokens, 1, 65_536);
    within("--caption", captionTokens, 1, 4096);
    within("--fake", fakeUpdates, 0, 10);
    int edge = (int) Math.round(Math.sqrt(imageTokens));
    if (edge * edge != imageTokens) {
      throw new BenchException(
          "--tokens must be a square number, as 64 is for 8 x 8 patches, not " + imageTokens + ".");
    }
    within("--heads", heads, 1, 256);
    if (dim < 1 || dim > 16_384 || dim % (2 * heads) != 0 || dim / heads < 6) {
      throw new BenchException(
          "--dim must be an even multiple of --heads (%d), at least 6 a head and at most 16384, not %d."
              .formatted(heads, dim));
    }
  }

  private static void within(String option, int value, int low, int high) {
    if (value < low || value > high) {
      throw new BenchException(
          option + " must be from " + low + " to " + high + ", not " + value + ".");
    }
  }

  /** The shape of the published study: 64 image and 32 caption tokens, 10.7 M parameters. */
  public static UpdateShape standard() {
    return new UpdateShape(48, 256, 6, 4, 64, 32, 2);
  }

  /** The same with one measure changed, named as the command's option is. */
  public UpdateShape with(String axis, int value) {
    return switch (axis) {
      case "batch" ->
          new UpdateShape(value, dim, layers, heads, imageTokens, captionTokens, fakeUpdates);
      case "dim" ->
          new UpdateShape(batch, value, layers, heads, imageTokens, captionTokens, fakeUpdates);
      case "layers" ->
          new UpdateShape(batch, dim, value, heads, imageTokens, captionTokens, fakeUpdates);
      case "tokens" ->
          new UpdateShape(batch, dim, layers, heads, value, captionTokens, fakeUpdates);
      case "caption" -> new UpdateShape(batch, dim, layers, heads, imageTokens, value, fakeUpdates);
      case "fake" -> new UpdateShape(batch, dim, layers, heads, imageTokens, captionTokens, value);
      default ->
          throw new BenchException(
              "cost can be swept over batch, dim, layers, tokens, caption and fake, not '"
                  + axis
                  + "'.");
    };
  }

  /** The transformer of this shape. */
  ZImageConfig config() {
    int head = dim / heads;
    int other = Math.max(2, head * 3 / 8 / 2 * 2); // rows and columns; the rest is the caption's
    int first = head - 2 * other;
    return new ZImageConfig(
        List.of(1),
        CHANNELS,
        dim,
        layers,
        REFINERS,
        heads,
        1e-5,
        true,
        CAPTION_DIM,
        256,
        1000,
        List.of(first, other, other),
        List.of(2 * filled(captionTokens) + 64, edge(), edge()));
  }

  /** One image's latents, (C, h, w). */
  List<Integer> latent() {
    return List.of(CHANNELS, edge(), edge());
  }

  private int edge() {
    return (int) Math.round(Math.sqrt(imageTokens));
  }

  /** Width of the captions' features. */
  int captionDim() {
    return CAPTION_DIM;
  }

  private static int filled(int tokens) {
    int m = ZImageConfig.SEQUENCE_MULTIPLE;
    return (tokens + m - 1) / m * m;
  }

  /** Floating-point operations of reading so many captions, without gradients. */
  double readOperations(int captions) {
    int rows = filled(captionTokens);
    double embedding = 2.0 * rows * CAPTION_DIM * dim;
    return captions * (embedding + REFINERS * blockOperations(rows));
  }

  /** Floating-point operations of evaluating the network on so many images, without gradients. */
  double forwardOperations(int images) {
    ZImageConfig config = config();
    int rows = filled(imageTokens);
    int joint = rows + filled(captionTokens);
    double time = TIME_SINUSOIDS * (double) TIME_HIDDEN + TIME_HIDDEN * config.modulationDim();
    double modulations = (REFINERS + layers) * 4.0 * dim * config.modulationDim();
    double embedderAndHead = 2.0 * imageTokens * CHANNELS * dim;
    return images
        * (2 * (time + modulations + embedderAndHead)
            + REFINERS * blockOperations(rows)
            + (layers - 1) * blockOperations(joint)
            + blockOperations(joint, imageTokens));
  }

  private double blockOperations(int rows) {
    return blockOperations(rows, rows);
  }

  /**
   * One item's, of a block: keys and values of all rows; queries, the output's projection, the
   * three of the feed-forward, scores and values of those asked for, in the last layer the image's.
   */
  private double blockOperations(int rows, int asked) {
    double ofAsked = 2.0 * dim * dim + 3.0 * dim * config().feedForwardDim();
    return 2 * (rows * 2.0 * dim * dim + asked * ofAsked) + 4.0 * asked * rows * dim;
  }
}
