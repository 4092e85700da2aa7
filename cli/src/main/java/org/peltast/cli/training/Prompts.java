package org.peltast.cli.training;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.peltast.data.CaptionedImages;
import org.peltast.data.EmojiCorpus;
import org.peltast.distill.run.Progress;
import org.peltast.tensor.Tensor;

/** The emoji corpus as runs use it: captions to train on, held-out prompts with their pictures. */
public final class Prompts {
  private final EmojiCorpus corpus;

  private Prompts(EmojiCorpus corpus) {
    this.corpus = corpus;
  }

  /** Opens the corpus, drawing it on first use. */
  public static Prompts open(DataRecipe data, Progress progress) {
    return new Prompts(
        EmojiCorpus.open(
            EmojiCorpus.Options.ofSize(data.size())
                .withConcepts(data.limit())
                .withPreparation((what, done, total) -> progress.step(done, total, Map.of()))));
  }

  /** What is trained on. */
  public CaptionedImages train() {
    return corpus.train();
  }

  /** Names corpus and split, for provenance. */
  public String checksum() {
    return corpus.all().checksum() + " " + corpus.splitVersion();
  }

  /**
   * Held-out prompts, families taking turns, with their real pictures.
   *
   * @param indices in the held-out view
   */
  public record HeldOut(CaptionedImages images, List<Integer> indices) {
    /** The plainest caption of each. */
    public List<String> captions() {
      List<String> all = new ArrayList<>();
      indices.forEach(i -> all.add(images.captions(i).get(0)));
      return all;
    }

    /** Caption and family of each, as measures want them. */
    public List<org.peltast.evaluate.Prompt> prompts() {
      List<org.peltast.evaluate.Prompt> all = new ArrayList<>();
      indices.forEach(
          i ->
              all.add(
                  new org.peltast.evaluate.Prompt(
                      images.captions(i).get(0), images.item(i).family())));
      return all;
    }

    /** The real pictures, [n, 3, H, W] in [0, 1], in the caller's scope. */
    public Tensor real() {
      return LatentCorpus.pixels(images, indices.stream().mapToInt(Integer::intValue).toArray());
    }

    /** The first n. */
    public HeldOut first(int n) {
      return new HeldOut(images, indices.subList(0, Math.min(n, indices.size())));
    }
  }

  /** At most so many held-out prompts. */
  public HeldOut heldOut(int count) {
    return new HeldOut(corpus.heldOut(), corpus.evaluationOrder(count));
  }
}
