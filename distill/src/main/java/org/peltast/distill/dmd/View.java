package org.peltast.distill.dmd;

import java.util.function.Supplier;
import org.peltast.diffusion.Network;
import org.peltast.distill.Batch;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;

/**
 * What a generator's update shows its terms.
 *
 * @param images the generator's images x̂ [B, C, H, W], in the graph
 * @param detached the same, cut off
 * @param draws where they are noised again
 * @param batch the captions
 * @param teacher takes requests for the frozen teacher's predictions, evaluated in one batch
 * @param caption the captions, read by the teacher
 * @param empty as many empty captions, read by the teacher when they are needed
 * @param rng for draws of a term's own
 */
public record View(
    Tensor images,
    Tensor detached,
    Renoising.Draws draws,
    Batch batch,
    PredictionRequest teacher,
    Network.Text caption,
    Supplier<Network.Text> empty,
    Rng rng) {
  /** The draw at a term's place. */
  Renoising.Draw at(Term.Place place) {
    return place == Term.Place.ENGINE ? draws.engine() : draws.regulariser();
  }
}
