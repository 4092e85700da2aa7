package org.peltast.diffusion;

import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Parameters;

/**
 * A text-conditioned network, as this project's mathematics sees it. What it computes from the text
 * alone does not depend on time, so it is computed once by {@link #read} and serves every
 * evaluation of the batch.
 */
public interface Network {
  /**
   * The text side of a batch, digested by this network.
   *
   * <p>Batches are joined and repeated as a whole, so a text belongs to the network and the weights
   * that read it.
   */
  interface Text {
    /** The number of captions. */
    int batch();

    /** This text's captions followed by another's, read by the same network. */
    Text followedBy(Text other);

    /** The same text, through which no gradient flows. */
    Text detached();

    /** The captions at these places, which may repeat. */
    Text select(int... indices);

    /** The same text, cut off from any graph, for as long as a scope lives. */
    Text keptBy(Scope scope);
  }

  /** Digests captions. */
  Text read(Condition condition);

  /**
   * The network's answer.
   *
   * @param x [B, C, H, W] float32
   * @param t [B] float32, the network's own (post-shift) time, 0 = noise, 1 = clean
   * @param text the same B captions
   * @return [B, C, H, W] float32, of the kind of {@link #prediction}
   */
  Tensor forward(Tensor x, Tensor t, Text text);

  /** What {@link #forward} answers. */
  Prediction prediction();

  /** The weights. */
  Parameters parameters();
}
