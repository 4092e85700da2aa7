package org.peltast.training;

import java.util.ArrayList;
import java.util.List;
import org.peltast.data.Batches;
import org.peltast.data.Prompts;
import org.peltast.distill.Batch;
import org.peltast.distill.BatchSource;
import org.peltast.models.Captions;

/** Batches of captions alone, for methods that need no data. */
final class PromptBatches implements BatchSource {
  private final Prompts prompts;
  private final Captions captions;
  private final Batches batches;
  private final List<Integer> latent;
  private final boolean unconditional;

  /**
   * Batches of so many captions.
   *
   * @param latent the shape of one image's latents, (C, h, w)
   * @param unconditional whether every caption is the empty one
   */
  PromptBatches(
      Prompts prompts,
      Captions captions,
      int batch,
      long seed,
      List<Integer> latent,
      boolean unconditional) {
    this.prompts = prompts;
    this.captions = captions;
    this.batches = new Batches(prompts.size(), batch, seed);
    this.latent = latent;
    this.unconditional = unconditional;
  }

  @Override
  public Batch at(long update) {
    int[] indices = batches.indices(update);
    List<String> chosen = new ArrayList<>();
    for (int i = 0; i < indices.length; i++) {
      chosen.add(unconditional ? "" : prompts.caption(indices[i], batches.captionDraw(update, i)));
    }
    return new Batch(captions.of(chosen), captions.empty(indices.length), null, latent, 0);
  }
}
