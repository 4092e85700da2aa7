package org.peltast.training;

import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.peltast.distill.BatchSource;
import org.peltast.models.GenerationSettings;
import org.peltast.models.TextToImage;
import org.peltast.models.codec.NormalisedCodec;
import org.peltast.models.text.Captions;
import org.peltast.runs.Progress;
import org.peltast.runs.RunException;

/**
 * The batches of a distillation: captions alone, or captions with their pictures' latents where the
 * method learns from images. Latents are the teacher's codec's, normalised as the teacher has them.
 */
final class DistillBatches implements AutoCloseable {
  private final BatchSource source;
  private final @Nullable LatentGroups latents;

  private DistillBatches(BatchSource source, @Nullable LatentGroups latents) {
    this.source = source;
    this.latents = latents;
  }

  /**
   * Those of a recipe.
   *
   * @throws RunException if images are needed, and the corpus has none or of another size than the
   *     teacher's
   */
  static DistillBatches of(
      DistillRecipe recipe, TextToImage teacher, Corpus corpus, Captions captions) {
    GenerationSettings size = teacher.defaults();
    int factor = teacher.codec().factor();
    List<Integer> latent =
        List.of(teacher.codec().channels(), size.height() / factor, size.width() / factor);
    if (!recipe.method().learnsFromImages()) {
      return new DistillBatches(
          new PromptBatches(
              corpus.captions(),
              captions,
              recipe.run().batch(),
              recipe.seed(),
              latent,
              recipe.unconditional()),
          null);
    }
    if (corpus.pictures().isEmpty()) {
      throw new RunException(
          "this method learns from captioned images, but data.images names prompts alone: name a"
              + " folder of captioned pictures, or choose a method that needs captions alone"
              + " (method.kind: decoupled-dmd with method.gan.weight: 0)");
    }
    LatentGroups latents =
        LatentGroups.of(corpus.pictures(), teacher.codec(), teacher.device(), Progress.NONE);
    for (LatentCorpus group : latents.groups()) {
      if (!group.latent().equals(latent)) {
        latents.close();
        throw new RunException(
            String.format(
                Locale.ROOT,
                "the teacher draws %d × %d pictures, but those of data.images are %d × %d: set data.size",
                size.width(),
                size.height(),
                group.images().width(),
                group.images().height()));
      }
    }
    return new DistillBatches(
        new PictureBatches(
            latents.groups(),
            captions,
            recipe.run().batch(),
            recipe.seed(),
            NormalisedCodec.of(teacher.codec()).normalisation(),
            teacher.device(),
            recipe.unconditional()),
        latents);
  }

  /** The source. */
  BatchSource source() {
    return source;
  }

  @Override
  public void close() {
    if (latents != null) {
      latents.close();
    }
  }
}
