package org.peltast.models.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelException;
import org.peltast.models.files.JsonConfig;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * CLIP's tokenizer (Radford et al., 2021), byte-level BPE of lower-cased text whose words end in
 * {@code </w>}, built from a folder's {@code vocab.json} and {@code merges.txt} for Hugging Face's
 * tokenizers library. Its ids are those of transformers' {@code CLIPTokenizer}.
 *
 * <p>The special tokens are found in the text of a prompt too, so where the padding token is "!",
 * as in SDXL's second tokenizer, a "!" in a prompt is that token's id.
 */
public final class ClipTokenizer implements AutoCloseable {
  private static final String BEGIN = "<|startoftext|>";
  private static final String END = "<|endoftext|>";
  private static final String WORDS =
      "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

  private final HuggingFaceTokenizer tokenizer;
  private final int length;
  private final long end;
  private final long pad;

  private ClipTokenizer(HuggingFaceTokenizer tokenizer, int length, long end, long pad) {
    this.tokenizer = tokenizer;
    this.length = length;
    this.end = end;
    this.pad = pad;
  }

  /**
   * Reads a tokenizer's folder.
   *
   * @param folder {@code tokenizer} or {@code tokenizer_2} of a model
   * @param positions that the text encoder has; no prompt is longer
   * @throws ModelException naming file and key, if anything is missing or malformed
   */
  public static ClipTokenizer open(Path folder, int positions) {
    JsonConfig settings = JsonConfig.read(folder.resolve("tokenizer_config.json"));
    Path mapFile = folder.resolve("special_tokens_map.json");
    @Nullable JsonConfig map = Files.exists(mapFile) ? JsonConfig.read(mapFile) : null;
    ObjectNode model = model(folder);
    JsonNode vocabulary = model.path("vocab");
    Special begin = Special.of(settings, map, "bos_token", BEGIN);
    Special end = Special.of(settings, map, "eos_token", END);
    Special pad = Special.of(settings, map, "pad_token", END);
    Special unknown = Special.of(settings, map, "unk_token", END);
    model.put("unk_token", unknown.content());
    Map<String, Special> added = new LinkedHashMap<>();
    for (JsonNode node : settings.object("added_tokens_decoder")) {
      if (node.path("content").isString()) {
        Special listed = Special.listed(node);
        added.put(listed.content(), listed);
      }
    }
    for (Special special : List.of(begin, end, unknown, pad)) {
      added.putIfAbsent(special.content(), special);
    }
    for (String content : added.keySet()) {
      if (!vocabulary.path(content).isIntegralNumber()) {
        throw new ModelException(folder + ": the vocabulary lacks the special token " + content);
      }
    }
    long beginId = vocabulary.path(begin.content()).longValue();
    long endId = vocabulary.path(end.content()).longValue();
    ObjectNode json = JsonConfig.JSON.createObjectNode();
    json.put("version", "1.0");
    json.putNull("truncation");
    json.putNull("padding");
    ArrayNode tokens = json.putArray("added_tokens");
    added.values().stream()
        .sorted(java.util.Comparator.comparingLong(s -> vocabulary.path(s.content()).longValue()))
        .forEach(s -> s.write(tokens.addObject(), vocabulary.path(s.content()).longValue()));
    normalizer(json.putObject("normalizer"));
    preTokenizer(json.putObject("pre_tokenizer"));
    ObjectNode post = json.putObject("post_processor");
    post.put("type", "RobertaProcessing");
    post.putArray("sep").add(end.content()).add(endId);
    post.putArray("cls").add(begin.content()).add(beginId);
    post.put("trim_offsets", false);
    post.put("add_prefix_space", false);
    byteLevel(json.putObject("decoder"));
    json.set("model", model);
    double most = settings.number("model_max_length", (double) positions);
    int length = (int) Math.min(most, positions);
    if (length < 2) {
      throw new ModelException(
          settings.file() + ": model_max_length must be 2 or more, but is " + length);
    }
    return new ClipTokenizer(
        open(folder, JsonConfig.JSON.writeValueAsBytes(json)),
        length,
        endId,
        vocabulary.path(pad.content()).longValue());
  }

  private static HuggingFaceTokenizer open(Path folder, byte[] json) {
    TokenizerLibrary.stayOffline();
    Map<String, String> options =
        Map.of("padding", "false", "truncation", "false", "addSpecialTokens", "true");
    try {
      return HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(json), options);
    } catch (IOException | RuntimeException | LinkageError e) {
      throw new ModelException(
          String.format(
              Locale.ROOT,
              "%s: the tokenizer cannot be made of its vocabulary and merges (%s)",
              folder,
              e.getMessage()),
          e);
    }
  }

  /** Vocabulary and merges: of their own two files, or of a {@code tokenizer.json}. */
  private static ObjectNode model(Path folder) {
    ObjectNode model = JsonConfig.JSON.createObjectNode();
    model.put("type", "BPE");
    model.putNull("dropout");
    model.put("continuing_subword_prefix", "");
    model.put("end_of_word_suffix", "</w>");
    model.put("fuse_unk", false);
    model.put("byte_fallback", false);
    model.put("ignore_merges", false);
    Path vocabulary = folder.resolve("vocab.json");
    if (!Files.exists(vocabulary) && Files.exists(folder.resolve("tokenizer.json"))) {
      JsonConfig whole = JsonConfig.read(folder.resolve("tokenizer.json"));
      ObjectNode inner = whole.object("model");
      if (!inner.path("vocab").isObject() || !inner.path("merges").isArray()) {
        throw new ModelException(
            whole.file() + ": model must hold vocab and merges, as byte-level BPE does");
      }
      model.set("vocab", inner.path("vocab"));
      model.set("merges", inner.path("merges"));
      return model;
    }
    model.set("vocab", JsonConfig.read(vocabulary).root());
    merges(folder.resolve("merges.txt"), model.putArray("merges"));
    return model;
  }

  private static void merges(Path file, ArrayNode to) {
    List<String> lines;
    try {
      lines = Files.readAllLines(file);
    } catch (NoSuchFileException e) {
      throw new ModelException(file + " is missing from the model folder: fetch it again");
    } catch (MalformedInputException e) {
      throw new ModelException(file + " is not UTF-8: fetch it again", e);
    } catch (IOException e) {
      throw new ModelException(file + " cannot be read (" + e.getMessage() + ")", e);
    }
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i);
      if (line.isEmpty() || (i == 0 && line.startsWith("#version"))) {
        continue;
      }
      String[] pair = line.split(" ", -1);
      if (pair.length != 2 || pair[0].isEmpty() || pair[1].isEmpty()) {
        throw new ModelException(
            String.format(
                Locale.ROOT, "%s: line %d is not two symbols with a space between", file, i + 1));
      }
      to.addArray().add(pair[0]).add(pair[1]);
    }
  }

  private static void normalizer(ObjectNode json) {
    json.put("type", "Sequence");
    ArrayNode steps = json.putArray("normalizers");
    steps.addObject().put("type", "NFC");
    ObjectNode spaces = steps.addObject();
    spaces.put("type", "Replace");
    spaces.putObject("pattern").put("Regex", "\\s+");
    spaces.put("content", " ");
    steps.addObject().put("type", "Lowercase");
  }

  private static void preTokenizer(ObjectNode json) {
    json.put("type", "Sequence");
    ArrayNode steps = json.putArray("pretokenizers");
    ObjectNode split = steps.addObject();
    split.put("type", "Split");
    split.putObject("pattern").put("Regex", WORDS);
    split.put("behavior", "Removed");
    split.put("invert", true);
    byteLevel(steps.addObject());
  }

  private static void byteLevel(ObjectNode json) {
    json.put("type", "ByteLevel");
    json.put("add_prefix_space", false);
    json.put("trim_offsets", true);
    json.put("use_regex", true);
  }

  /**
   * A special token.
   *
   * @param normalized whether it is looked for in the normalised text, where case does not matter
   */
  private record Special(String content, boolean normalized, boolean word, boolean special) {
    /** As the tokenizer's settings name it, else the map of special tokens, else the default. */
    static Special of(JsonConfig settings, @Nullable JsonConfig map, String key, String otherwise) {
      for (JsonConfig json : map == null ? List.of(settings) : List.of(settings, map)) {
        JsonNode node = json.root().path(key);
        JsonNode content = node.isObject() ? node.path("content") : node;
        if (content.isString()) {
          return new Special(content.stringValue(), false, false, true);
        }
      }
      return new Special(otherwise, false, false, true);
    }

    /** As {@code added_tokens_decoder} lists it, which alone says more than its text. */
    static Special listed(JsonNode node) {
      return new Special(
          node.path("content").stringValue(),
          node.path("normalized").asBoolean(false),
          node.path("single_word").asBoolean(false),
          node.path("special").asBoolean(true));
    }

    void write(ObjectNode json, long id) {
      json.put("id", id);
      json.put("content", content);
      json.put("single_word", word);
      json.put("lstrip", false);
      json.put("rstrip", false);
      json.put("normalized", normalized);
      json.put("special", special);
    }
  }

  /** The tokens of every prompt after padding or cutting. */
  public int length() {
    return length;
  }

  /** All ids of a text, between those that begin and end it: neither padded nor cut. */
  public long[] ids(String text) {
    return tokenizer.encode(TokenizerLibrary.wellFormed(text)).getIds();
  }

  /** The ids of a prompt, {@link #length} of them: cut before its end, or padded behind it. */
  public long[] padded(String text) {
    long[] all = ids(text);
    long[] ids = Arrays.copyOf(all, length);
    if (all.length > length) {
      ids[length - 1] = end;
    } else {
      Arrays.fill(ids, all.length, length, pad);
    }
    return ids;
  }

  @Override
  public void close() {
    tokenizer.close();
  }
}
