package org.peltast.models.nextdit;

import org.peltast.models.ItemCost;

/**
 * What an item of a batch costs a transformer of this kind, by its sizes.
 *
 * @param dim width of a token
 * @param hidden the feed-forward's
 * @param heads of queries
 * @param groups heads of keys and values
 * @param layers blocks over the joint sequence
 * @param refiners blocks over the image alone, and as many over the caption alone
 * @param captionDim width of the text encoder's features
 * @param sinusoids of the time
 * @param timeHidden between the two layers that embed it
 * @param timeDim of its embedding, which modulates the blocks
 * @param patchValues numbers in a token's patch of latents
 */
public record TransformerCost(
    int dim,
    int hidden,
    int heads,
    int groups,
    int layers,
    int refiners,
    int captionDim,
    int sinusoids,
    int timeHidden,
    int timeDim,
    int patchValues) {
  /**
   * The cost of one item.
   *
   * @param tokens of the image
   * @param image its rows, pad rows included
   * @param caption the caption's rows, pad rows included
   */
  public ItemCost of(int tokens, int image, int caption) {
    return new ItemCost(readOperations(caption), forwardOperations(tokens, image, caption));
  }

  private double readOperations(int caption) {
    double embedding = 2.0 * caption * captionDim * dim;
    return embedding + refiners * blockOperations(caption, caption);
  }

  private double forwardOperations(int tokens, int image, int caption) {
    int joint = image + caption;
    double time = sinusoids * (double) timeHidden + timeHidden * (double) timeDim;
    double modulations = (refiners + layers) * 4.0 * dim * timeDim;
    double embedderAndHead = 2.0 * tokens * patchValues * dim;
    return 2 * (time + modulations + embedderAndHead)
        + refiners * blockOperations(image, image)
        + (layers - 1) * blockOperations(joint, joint)
        + blockOperations(joint, tokens);
  }

  /**
   * One block's: keys and values of all rows; queries, the output's projection, the three of the
   * feed-forward, scores and values of those asked for, in the last layer the image's.
   */
  private double blockOperations(int rows, int asked) {
    double keysAndValues = 2.0 * dim * dim * groups / heads;
    double ofAsked = 2.0 * dim * dim + 3.0 * dim * hidden;
    return 2 * (rows * keysAndValues + asked * ofAsked) + 4.0 * asked * rows * (double) dim;
  }
}
