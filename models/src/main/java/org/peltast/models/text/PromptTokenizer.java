package org.peltast.models.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelException;
import org.peltast.models.files.JsonConfig;
import tools.jackson.databind.JsonNode;

/**
 * The tokenizer of a folder with {@code tokenizer.json}, run by the Hugging Face tokenizers
 * library: its ids are those that transformers gives. What is too long is cut at its end; the
 * tokens that every sequence begins or ends with stay.
 *
 * <p>{@code tokenizer_config.json} beside it may say {@code add_bos_token} and {@code
 * add_eos_token}, which are then obeyed as transformers does.
 */
final class PromptTokenizer implements AutoCloseable {
  private static final String FILE = "tokenizer.json";
  private static final String CONFIG = "tokenizer_config.json";
  private static final String PROBE = "a";

  private final HuggingFaceTokenizer tokenizer;
  private final long[] before;
  private final long[] after;

  private PromptTokenizer(HuggingFaceTokenizer tokenizer, long[] before, long[] after) {
    this.tokenizer = tokenizer;
    this.before = before;
    this.after = after;
  }

  /**
   * Checks that a folder holds a tokenizer that can be read here, without loading it.
   *
   * @return {@code tokenizer_config.json}, or null if it is not there
   */
  static @Nullable JsonConfig check(Path folder) {
    if (!Files.isRegularFile(folder.resolve(FILE))) {
      throw new ModelException(
          folder.resolve(FILE) + " is missing from the model folder: fetch or write it again");
    }
    if (!Files.exists(folder.resolve(CONFIG))) {
      return null;
    }
    JsonConfig json = JsonConfig.read(folder.resolve(CONFIG));
    if (json.string("truncation_side", "right").equals("left")) {
      throw new ModelException(
          json.file() + ": truncation_side is left, but prompts are cut at their end alone");
    }
    if (json.bool("split_special_tokens", false)) {
      throw new ModelException(
          json.file() + ": split_special_tokens is true, which is not supported");
    }
    return json;
  }

  /**
   * How a prompt is framed by the tokenizer's chat template: that of {@code chat_template.jinja},
   * or else of {@code tokenizer_config.json}; Qwen3's where there is neither.
   *
   * @throws ModelException if the template is not understood
   */
  static PromptFormat chat(Path folder) {
    Path file = folder.resolve("chat_template.jinja");
    if (Files.exists(file)) {
      try {
        return PromptFormat.chat(file, Files.readString(file));
      } catch (IOException e) {
        throw new ModelException(file + " cannot be read (" + e.getMessage() + ")", e);
      }
    }
    JsonConfig json = check(folder);
    if (json == null || !json.has("chat_template")) {
      return PromptFormat.QWEN3_CHAT;
    }
    JsonNode template = json.node("chat_template");
    for (JsonNode named : template.isArray() ? template : List.<JsonNode>of()) {
      if (named.path("name").asString("").equals("default")) {
        template = named.path("template");
      }
    }
    if (!template.isString()) {
      throw new ModelException(
          json.file() + ": chat_template must be a text, or a list with one named default");
    }
    return PromptFormat.chat(json.file(), template.stringValue());
  }

  /**
   * Opens a tokenizer.
   *
   * @throws ModelException if there is none, it asks for what is not supported, or the library
   *     cannot read it
   */
  static PromptTokenizer open(Path folder) {
    JsonConfig json = check(folder);
    HuggingFaceTokenizer tokenizer = load(folder.resolve(FILE));
    try {
      if (json != null) {
        requireAdded(json, tokenizer);
      }
      long[] bare = ids(tokenizer, PROBE, false);
      long[] framed = ids(tokenizer, PROBE, true);
      int start = indexOf(framed, bare);
      if (start < 0) {
        throw new ModelException(
            folder.resolve(FILE)
                + ": its post_processor does more than put tokens around a prompt, which is not"
                + " supported");
      }
      long[] before = Arrays.copyOfRange(framed, 0, start);
      long[] after = Arrays.copyOfRange(framed, start + bare.length, framed.length);
      if (json != null && (json.has("add_bos_token") || json.has("add_eos_token"))) {
        before = added(json, "add_bos_token", "bos_token", tokenizer);
        after = added(json, "add_eos_token", "eos_token", tokenizer);
      }
      return new PromptTokenizer(tokenizer, before, after);
    } catch (RuntimeException e) {
      tokenizer.close();
      throw e;
    }
  }

  private static HuggingFaceTokenizer load(Path file) {
    TokenizerLibrary.stayOffline();
    try (InputStream in = Files.newInputStream(file)) {
      return HuggingFaceTokenizer.newInstance(
          in, Map.of("padding", "false", "truncation", "false"));
    } catch (IOException | RuntimeException | LinkageError e) {
      throw new ModelException(
          String.format(
              Locale.ROOT,
              "%s is no tokenizer that can be loaded (%s); fetch it again, or delete the folder .djl.ai in your home, which makes the library be unpacked anew",
              file,
              e.getMessage()),
          e);
    }
  }

  /** Tokens that only the configuration has would be split here, and not by transformers. */
  private static void requireAdded(JsonConfig json, HuggingFaceTokenizer tokenizer) {
    for (Map.Entry<String, JsonNode> e : json.object("added_tokens_decoder").properties()) {
      String token = e.getValue().path("content").asString("");
      long[] ids = token.isEmpty() ? new long[0] : ids(tokenizer, token, false);
      if (!token.isEmpty() && !(ids.length == 1 && Long.toString(ids[0]).equals(e.getKey()))) {
        throw new ModelException(
            json.file()
                + ": added_tokens_decoder says that "
                + token
                + " is token "
                + e.getKey()
                + ", but "
                + FILE
                + " does not; fetch both again");
      }
    }
  }

  private static long[] added(
      JsonConfig json, String wanted, String key, HuggingFaceTokenizer tokenizer) {
    if (!json.bool(wanted, false) || !json.has(key)) {
      return new long[0];
    }
    JsonNode node = json.node(key);
    String token = node.isObject() ? node.path("content").asString("") : node.asString("");
    long[] ids = ids(tokenizer, token, false);
    if (ids.length != 1) {
      throw new ModelException(
          json.file() + ": " + wanted + " is true, but " + FILE + " has no token " + token);
    }
    return ids;
  }

  private static int indexOf(long[] all, long[] part) {
    for (int i = 0; i + part.length <= all.length; i++) {
      if (Arrays.equals(all, i, i + part.length, part, 0, part.length)) {
        return i;
      }
    }
    return -1;
  }

  private static long[] ids(HuggingFaceTokenizer tokenizer, String text, boolean special) {
    return tokenizer.encode(text, special, false).getIds();
  }

  /**
   * The ids of a text.
   *
   * @param most how many at most; what is beyond is cut
   */
  long[] ids(String text, int most) {
    long[] all = ids(tokenizer, TokenizerLibrary.wellFormed(text), false);
    int kept = Math.min(all.length, Math.max(0, most - before.length - after.length));
    long[] ids = new long[before.length + kept + after.length];
    System.arraycopy(before, 0, ids, 0, before.length);
    System.arraycopy(all, 0, ids, before.length, kept);
    System.arraycopy(after, 0, ids, before.length + kept, after.length);
    return ids;
  }

  @Override
  public void close() {
    tokenizer.close();
  }
}
