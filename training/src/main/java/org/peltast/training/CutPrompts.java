package org.peltast.training;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.peltast.data.Prompts;
import org.peltast.models.text.TextEncoder;

/** Tells of prompts that are longer than a text encoder reads. */
public final class CutPrompts {
  /** Captions that are looked at: to count the tokens of so many takes seconds. */
  private static final int LOOKED_AT = 100_000;

  private static final int SHOWN = 60;

  private CutPrompts() {}

  /**
   * One sentence if some of the prompts are cut: how many, and from which token on.
   *
   * @param encoder its limit is that of the model folder
   */
  public static Optional<String> of(TextEncoder encoder, List<String> prompts) {
    Set<String> all = new LinkedHashSet<>(prompts);
    List<String> cut =
        all.parallelStream()
            .filter(prompt -> mayBeCut(encoder, prompt))
            .filter(prompt -> encoder.tokens(prompt) > encoder.maxTokens())
            .toList();
    if (cut.isEmpty()) {
      return Optional.empty();
    }
    String first = cut.get(0);
    return Optional.of(
        String.format(
            Locale.ROOT,
            "%d of %d prompt%s longer than the %d tokens that this model's text encoder reads (max_tokens); what comes from token %d on is not read: \"%s\".",
            cut.size(),
            all.size(),
            (all.size() == 1 ? "" : "s") + (cut.size() == 1 ? " is" : " are"),
            encoder.maxTokens(),
            encoder.maxTokens() + 1 - encoder.specialTokens(),
            first.length() <= SHOWN ? first : first.substring(0, SHOWN) + "…"));
  }

  /** False for few letters, of which each is a token at most. */
  private static boolean mayBeCut(TextEncoder encoder, String prompt) {
    return prompt.length() >= encoder.maxTokens() - encoder.specialTokens()
        || prompt.chars().anyMatch(c -> c > 0x7f);
  }

  /** The same of captions, the first of each picture's and the others. */
  public static Optional<String> of(TextEncoder encoder, Prompts captions) {
    List<String> all = new ArrayList<>();
    for (int i = 0; i < captions.size() && all.size() < LOOKED_AT; i++) {
      all.addAll(captions.captions(i));
    }
    return of(encoder, all);
  }
}
