package org.peltast.training;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongFunction;
import org.peltast.data.Batches;
import org.peltast.data.BucketBatches;
import org.peltast.data.CaptionedImages;
import org.peltast.distill.Batch;
import org.peltast.distill.BatchSource;
import org.peltast.models.codec.Normalisation;
import org.peltast.models.text.Captions;
import org.peltast.tensor.Device;
import org.peltast.tensor.Range;
import org.peltast.tensor.Tensor;

/**
 * Batches of captions with their pictures' normalised latents, for methods that learn from data;
 * each batch of one size.
 */
final class PictureBatches implements BatchSource {
  private final List<LatentCorpus> groups;
  private final Captions captions;
  private final Normalisation normalisation;
  private final Device device;
  private final LongFunction<Choice> choices;
  private final int batch;
  private final boolean unconditional;

  /** The pictures of an update: their group, their numbers in it, and the draws of captions. */
  private record Choice(int group, List<Integer> indices, List<Long> captionDraws) {}

  PictureBatches(
      List<LatentCorpus> groups,
      Captions captions,
      int batch,
      long seed,
      Normalisation normalisation,
      Device device,
      boolean unconditional) {
    this.batch = batch;
    this.unconditional = unconditional;
    this.groups = groups;
    this.captions = captions;
    this.normalisation = normalisation;
    this.device = device;
    this.choices = choices(groups.stream().map(g -> g.images().size()).toList(), batch, seed);
  }

  /** One group needs no order of groups. */
  private static LongFunction<Choice> choices(List<Integer> sizes, int batch, long seed) {
    if (sizes.size() == 1) {
      Batches batches = new Batches(sizes.get(0), batch, seed);
      return update ->
          choice(0, batches.indices(update), place -> batches.captionDraw(update, (int) place));
    }
    BucketBatches batches = new BucketBatches(sizes, batch, seed);
    return update -> {
      BucketBatches.Batch chosen = batches.at(update);
      return choice(
          chosen.group(), chosen.indices(), place -> batches.captionDraw(update, (int) place));
    };
  }

  private static Choice choice(int group, int[] indices, LongFunction<Long> draw) {
    List<Integer> numbers = new ArrayList<>();
    List<Long> draws = new ArrayList<>();
    for (int i = 0; i < indices.length; i++) {
      numbers.add(indices[i]);
      draws.add(draw.apply(i));
    }
    return new Choice(group, numbers, draws);
  }

  @Override
  public int size() {
    return batch;
  }

  @Override
  public Batch at(long draw, Range items) {
    Choice choice = choices.apply(draw);
    LatentCorpus group = groups.get(choice.group());
    CaptionedImages images = group.images();
    List<String> prompts = new ArrayList<>();
    int[] indices = new int[items.count()];
    for (int i = 0; i < indices.length; i++) {
      int place = items.from() + i;
      indices[i] = choice.indices().get(place);
      prompts.add(
          unconditional ? "" : images.caption(indices[i], choice.captionDraws().get(place)));
    }
    Tensor clean = normalisation.normalise(group.select(indices)).to(device);
    return new Batch(
        captions.of(prompts), captions.empty(indices.length), clean, group.latent(), items.from());
  }
}
