package org.peltast.training;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.peltast.data.Prompts;
import org.peltast.models.text.CachedTextEncoder;
import org.peltast.models.text.TextEncoder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The text features of a distillation by a large text encoder, which encodes every prompt before
 * training begins, to a file in the run's folder, and then gives its memory back.
 */
final class StudentText {
  private static final Logger LOG = LoggerFactory.getLogger(StudentText.class);

  /** Beyond so many bytes of features prompts are encoded as they are asked for. */
  private static final long DISK = 64L << 30;

  private static final int AT_ONCE = 64;

  private StudentText() {}

  /**
   * A filled cache over an encoder.
   *
   * @param folder of the run
   */
  static CachedTextEncoder of(
      TextEncoder encoder, Corpus corpus, DistillRecipe recipe, Path folder) {
    Set<String> all = new LinkedHashSet<>(List.of(""));
    long each = (long) encoder.maxTokens() * encoder.width() * Float.BYTES;
    Prompts prompts = corpus.captions();
    for (int i = 0; i < prompts.size() && !recipe.unconditional(); i++) {
      all.addAll(prompts.captions(i));
      if (all.size() * each > DISK) {
        LOG.warn(
            "The features of {} prompts and more are too many to keep; they are encoded as they are asked for.",
            all.size());
        return CachedTextEncoder.inMemory(encoder, StudentTraining.TEXT_MEMORY);
      }
    }
    CachedTextEncoder cached =
        CachedTextEncoder.onDisk(encoder, folder.resolve("text"), StudentTraining.TEXT_MEMORY);
    List<String> order = new ArrayList<>(all);
    for (int from = 0; from < order.size(); from += AT_ONCE) {
      cached.encode(order.subList(from, Math.min(order.size(), from + AT_ONCE)));
    }
    cached.forNegative().encode(""); // what guidance leads away from
    cached.rest();
    LOG.info(
        String.format(
            Locale.ROOT,
            "Text features of %d prompts are kept in %s.",
            order.size(),
            folder.resolve("text")));
    return cached;
  }
}
