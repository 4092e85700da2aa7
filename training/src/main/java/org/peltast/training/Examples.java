package org.peltast.training;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.peltast.data.Batches;
import org.peltast.data.CaptionedImages;
import org.peltast.data.Prompts;
import org.peltast.evaluate.Prompt;
import org.peltast.tensor.Tensor;

/**
 * Some of a collection's prompts, to look at or to measure on, with their real pictures if it has
 * any.
 *
 * @param indices in the collection
 */
public record Examples(Prompts collection, List<Integer> indices) {
  /** So many spread evenly over a collection. */
  static Examples evenly(Prompts collection, int count) {
    return new Examples(collection, Corpus.spread(collection.size(), count));
  }

  /** So many drawn at random, the same ones each time: pictures may take turns in a folder. */
  static Examples drawn(Prompts collection, int count) {
    int[] indices = new Batches(collection.size(), count, 0).indices(0);
    return new Examples(collection, Arrays.stream(indices).sorted().boxed().toList());
  }

  /** Those from one place in their order to before another. */
  public Examples part(int from, int to) {
    return new Examples(collection, indices.subList(from, to));
  }

  /** All of the collection that these are not. */
  Examples others() {
    Set<Integer> these = Set.copyOf(indices);
    return new Examples(
        collection,
        IntStream.range(0, collection.size()).filter(i -> !these.contains(i)).boxed().toList());
  }

  /** How many. */
  public int size() {
    return indices.size();
  }

  /** The plainest caption of each. */
  public List<String> captions() {
    List<String> all = new ArrayList<>();
    indices.forEach(i -> all.add(collection.captions(i).get(0)));
    return all;
  }

  /** Caption and family of each, as measures want them. */
  public List<Prompt> prompts() {
    List<Prompt> all = new ArrayList<>();
    indices.forEach(
        i ->
            all.add(
                new Prompt(
                    collection.captions(i).get(0),
                    collection instanceof CaptionedImages images ? images.item(i).family() : "")));
    return all;
  }

  /**
   * The real pictures, [n, 3, H, W] in [0, 1], in the caller's scope.
   *
   * @throws IllegalStateException if the collection has none
   */
  public Tensor real() {
    if (collection instanceof CaptionedImages images) {
      return LatentCorpus.pixels(images, indices.stream().mapToInt(Integer::intValue).toArray());
    }
    throw new IllegalStateException(collection.name() + " has no pictures.");
  }
}
