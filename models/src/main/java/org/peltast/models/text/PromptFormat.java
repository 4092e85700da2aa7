package org.peltast.models.text;

import java.nio.file.Path;
import java.util.List;
import org.peltast.models.ModelException;

/**
 * What a pipeline makes of a prompt before it is tokenised.
 *
 * @param id names it in the ids of encoders, and changes when it does
 * @param before put before a prompt
 * @param after put after it
 * @param framesEmpty whether the empty prompt, which stands for "no condition", is framed too
 * @param framesNegative whether negative prompts are, which guidance leads away from
 * @param maxTokens of a framed prompt, special tokens included; what is beyond is cut
 */
public record PromptFormat(
    String id,
    String before,
    String after,
    boolean framesEmpty,
    boolean framesNegative,
    int maxTokens) {
  private static final String PROBE = " a message 1 ";

  /**
   * Qwen3's chat template for one message of a user, with thinking enabled and the answer to
   * follow, as Z-Image's pipeline applies it, to negative and empty prompts too; up to 512 tokens.
   */
  public static final PromptFormat QWEN3_CHAT =
      new PromptFormat(
          "chat", "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n", true, true, 512);

  /**
   * The system prompt of Lumina-Image-2.0's pipeline, before prompts, but not before negative and
   * empty ones; up to 256 tokens.
   */
  public static final PromptFormat LUMINA2_SYSTEM =
      new PromptFormat(
          "lumina2",
          "You are an assistant designed to generate superior images with the superior degree of"
              + " image-text alignment based on textual prompts or user prompts. <Prompt Start> ",
          "",
          false,
          false,
          256);

  /**
   * The format of a chat template for one message of a user, with thinking enabled and the answer
   * to follow, as Z-Image's pipeline applies whatever template the tokenizer has.
   *
   * @throws ModelException if the template is not understood, or changes the message
   */
  static PromptFormat chat(Path file, String template) {
    try {
      ChatTemplate read = ChatTemplate.of(template);
      String framed = read.user(PROBE);
      int at = framed.indexOf(PROBE);
      if (at < 0 || framed.indexOf(PROBE, at + 1) >= 0) {
        throw new ChatTemplate.TemplateException("it does not hold the message once");
      }
      String before = framed.substring(0, at);
      String after = framed.substring(at + PROBE.length());
      for (String message : List.of("", " blanks \n", "<tool_response>x</tool_response>")) {
        if (!read.user(message).equals(before + message + after)) {
          throw new ChatTemplate.TemplateException("it changes the message");
        }
      }
      return before.equals(QWEN3_CHAT.before) && after.equals(QWEN3_CHAT.after)
          ? QWEN3_CHAT
          : new PromptFormat("chat-own", before, after, true, true, QWEN3_CHAT.maxTokens);
    } catch (ChatTemplate.TemplateException e) {
      throw new ModelException(
          file + ": the chat template cannot be applied here: " + e.getMessage(), e);
    }
  }

  /** A prompt as it is tokenised. */
  public String apply(String prompt) {
    return prompt.isEmpty() && !framesEmpty ? prompt : before + prompt + after;
  }

  /** The format of negative prompts. */
  public PromptFormat negative() {
    return framesNegative
        ? this
        : new PromptFormat(id + "-negative", "", "", false, false, maxTokens);
  }
}
