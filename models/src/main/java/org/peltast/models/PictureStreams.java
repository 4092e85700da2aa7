package org.peltast.models;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.peltast.tensor.Rng;

/** The random streams that pictures take their noise from, one each. */
public final class PictureStreams {
  private PictureStreams() {}

  /**
   * Streams by number: that of picture i is a function of (seed, i).
   *
   * @param first the number of the first picture
   */
  public static List<Rng> numbered(long seed, int first, int count) {
    return IntStream.range(first, first + count).mapToObj(i -> Rng.of(seed).fork(i)).toList();
  }

  /**
   * Streams by prompt: a picture's is a function of the seed, its prompt, and how many pictures of
   * the same prompt come before it. Other prompts beside it and their order do not change it.
   */
  public static List<Rng> ofPrompts(long seed, List<String> prompts) {
    Map<String, Integer> drawn = new HashMap<>();
    List<Rng> streams = new ArrayList<>();
    for (String prompt : prompts) {
      int before = drawn.merge(prompt, 1, Integer::sum) - 1;
      streams.add(Rng.of(seed).fork("prompt").fork(prompt).fork(before));
    }
    return streams;
  }
}
