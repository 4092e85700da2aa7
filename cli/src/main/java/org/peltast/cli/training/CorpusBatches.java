package org.peltast.cli.training;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.data.Batches;
import org.peltast.data.CaptionedImages;
import org.peltast.distill.Batch;
import org.peltast.distill.BatchSource;
import org.peltast.models.Captions;
import org.peltast.models.Normalisation;
import org.peltast.tensor.Device;
import org.peltast.tensor.Tensor;

/**
 * Batches of a collection's captions, with its normalised latents for methods that learn from data.
 */
final class CorpusBatches implements BatchSource {
  private final CaptionedImages images;
  private final Captions captions;
  private final Batches batches;
  private final int size;
  private final List<Integer> latent;
  private final @Nullable LatentCorpus latents;
  private final @Nullable Normalisation normalisation;
  private final boolean unconditional;
  private final Device device;

  CorpusBatches(
      CaptionedImages images,
      Captions captions,
      int batch,
      long seed,
      List<Integer> latent,
      @Nullable LatentCorpus latents,
      @Nullable Normalisation normalisation,
      boolean unconditional,
      Device device) {
    this.images = images;
    this.captions = captions;
    this.batches = new Batches(images.size(), batch, seed);
    this.size = batch;
    this.latent = latent;
    this.latents = latents;
    this.normalisation = normalisation;
    this.unconditional = unconditional;
    this.device = device;
  }

  @Override
  public Batch at(long update) {
    int[] indices = batches.indices(update);
    List<String> prompts = new ArrayList<>();
    for (int i = 0; i < indices.length; i++) {
      prompts.add(unconditional ? "" : images.caption(indices[i], batches.captionDraw(update, i)));
    }
    Tensor clean = null;
    if (latents != null && normalisation != null) {
      clean = normalisation.normalise(latents.select(indices)).to(device);
    }
    return new Batch(captions.of(prompts), captions.empty(size), clean, latent, 0);
  }
}
