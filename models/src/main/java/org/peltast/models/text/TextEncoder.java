package org.peltast.models.text;

import java.util.List;
import java.util.Map;

/**
 * Turns prompts into features, one vector a token.
 *
 * <p>The features of a prompt are a function of the prompt and the encoder alone: they do not
 * depend on the other prompts of the call, on the machine's load or on the number of threads. So
 * they may be kept under ({@link #id}, prompt) and used again (see {@link CachedTextEncoder}).
 *
 * <p>Encoders are safe for use by several threads until they are closed.
 */
public interface TextEncoder extends AutoCloseable {

  /**
   * A name that changes whenever the features may change: model, length and checksum of its files.
   */
  String id();

  /** D, the number of features of a token. */
  int width();

  /**
   * The vectors without a token axis that every prompt has besides, such as pooled features: their
   * names, as {@link TokenFeatures#vectors} and {@link org.peltast.diffusion.Condition#vectors}
   * have them, and lengths. None unless an encoder says so.
   */
  default Map<String, Integer> vectors() {
    return Map.of();
  }

  /** The most tokens that a prompt gives, special tokens included; what is beyond is cut. */
  int maxTokens();

  /**
   * How many of the tokens are special ones, which every prompt has; 0 unless an encoder says so.
   */
  default int specialTokens() {
    return 0;
  }

  /**
   * How many tokens a prompt has, special ones included, before it is cut to {@link #maxTokens}. An
   * encoder that cannot tell says how many are left.
   */
  default int tokens(String prompt) {
    return encode(prompt).tokens();
  }

  /**
   * The features of each prompt, in order; of as many tokens as the prompt has, without padding.
   * The empty prompt, which stands for "no condition", has features too: those of its special
   * tokens.
   *
   * @return one [L, D] float32 matrix a prompt, 1 ≤ L ≤ {@link #maxTokens}
   */
  List<TokenFeatures> encode(List<String> prompts);

  /** The features [L, D] of one prompt. */
  default TokenFeatures encode(String prompt) {
    return encode(List.of(prompt)).get(0);
  }

  /**
   * The same encoder as it reads negative prompts, which guidance leads away from: this one, unless
   * it frames them in another way. It shares its weights; closing either closes both.
   */
  default TextEncoder forNegative() {
    return this;
  }

  /**
   * Whether a run should keep features on disk, and let the encoder {@link #rest} while it trains:
   * for encoders that are large beside the network. Not unless an encoder says so.
   */
  default boolean isLarge() {
    return false;
  }

  /**
   * Gives memory back until features are next asked for: what an encoder of billions of weights
   * does before training begins. Nothing unless an encoder says so.
   */
  default void rest() {}

  /** Gives native memory back. A closed encoder answers with an {@link IllegalStateException}. */
  @Override
  void close();
}
