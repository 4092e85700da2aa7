package org.peltast.training;

import java.util.ArrayList;
import java.util.List;
import org.peltast.data.Batches;
import org.peltast.data.Prompts;
import org.peltast.distill.Batch;
import org.peltast.distill.BatchSource;
import org.peltast.models.text.Captions;
import org.peltast.tensor.Range;

/** Batches of captions alone, for methods that need no data. */
final class PromptBatches implements BatchSource {
  private final Prompts prompts;
  private final Captions captions;
  private final Batches batches;
  private final int batch;
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
    this.batch = batch;
    this.latent = latent;
    this.unconditional = unconditional;
  }

  @Override
  public int size() {
    return batch;
  }

  @Override
  public Batch at(long draw, Range items) {
    int[] indices = batches.indices(draw);
    List<String> chosen = new ArrayList<>();
    for (int i = items.from(); i < items.end(); i++) {
      chosen.add(unconditional ? "" : prompts.caption(indices[i], batches.captionDraw(draw, i)));
    }
    return new Batch(
        captions.of(chosen), captions.empty(chosen.size()), null, latent, items.from());
  }
}
