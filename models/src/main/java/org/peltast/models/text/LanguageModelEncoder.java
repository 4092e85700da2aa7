package org.peltast.models.text;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelException;
import org.peltast.models.files.Component;
import org.peltast.models.files.FileSample;
import org.peltast.models.files.JsonConfig;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * A text encoder that is a language model, Qwen3 or Gemma 2, as Z-Image and Lumina-Image-2.0 have
 * it: a prompt's features are the input of the last layer, which is therefore not computed, for
 * each token of the framed prompt.
 *
 * <p>Each prompt is run by itself, unpadded: attention is causal, so padding on the right, as the
 * pipelines have it, changes nothing, and neither do neighbours in a batch.
 *
 * <p>Tokenizer and weights are opened when the first prompt is encoded. Matrices are kept in the
 * dtype of products; but where that is float32, and there are more than a billion weights, in the
 * dtype of the file, and widened as they are used: slower, in half the memory.
 */
public final class LanguageModelEncoder implements TextEncoder {
  /** Weights up to which float32 products have float32 matrices: 4 GiB of them. */
  private static final long MOST_WIDE = 1L << 30;

  private final String checksum;
  private final String id;
  private final Path tokenizerFolder;
  private final DecoderFiles files;
  private final PromptFormat format;
  private final Device device;
  private final Precision precision;
  private final State state;

  /** What views with different formats share. */
  private static final class State {
    @Nullable PromptTokenizer tokenizer;
    @Nullable Decoder network;
    boolean closed;
  }

  private LanguageModelEncoder(
      String checksum,
      Path tokenizerFolder,
      DecoderFiles files,
      PromptFormat format,
      Device device,
      Precision precision,
      State state) {
    this.checksum = checksum;
    this.id =
        String.format(
            Locale.ROOT,
            "%s-%s-%d-%s-%s%s",
            files.config().architecture().modelType(),
            format.id(),
            format.maxTokens(),
            precision,
            device.kind() == Device.Kind.CPU ? "" : "cuda-",
            checksum);
    this.tokenizerFolder = tokenizerFolder;
    this.files = files;
    this.format = format;
    this.device = device;
    this.precision = precision;
    this.state = state;
  }

  /**
   * The encoder of a model's folder: Qwen3's with the tokenizer's chat template, Gemma 2's with
   * Lumina-Image-2.0's system prompt. Configuration, headers of the weights and presence of the
   * tokenizer are checked now.
   *
   * @param component with {@code config.json} and weights
   * @param tokenizer with {@code tokenizer.json}
   * @param precision of products
   * @throws ModelException if something is missing, malformed or not supported
   */
  public static LanguageModelEncoder open(
      Component component, Path tokenizer, Device device, Precision precision) {
    DecoderFiles files = DecoderFiles.open(component);
    PromptFormat format =
        files.config().isGemma() ? PromptFormat.LUMINA2_SYSTEM : PromptTokenizer.chat(tokenizer);
    return open(component, tokenizer, format, device, precision);
  }

  /** The same with a format of its own. */
  static LanguageModelEncoder open(
      Component component,
      Path tokenizer,
      PromptFormat format,
      Device device,
      Precision precision) {
    PromptTokenizer.check(tokenizer);
    DecoderFiles files = DecoderFiles.open(component);
    try {
      List<Path> all = new ArrayList<>(component.files());
      all.addAll(Component.of(tokenizer).files());
      String checksum = FileSample.of(all);
      return new LanguageModelEncoder(
          checksum, tokenizer, files, format, device, precision, new State());
    } catch (IOException e) {
      throw new ModelException(component.folder() + " cannot be read (" + e.getMessage() + ")", e);
    }
  }

  /**
   * What the encoder of a folder takes, by its configuration alone.
   *
   * @param folder with {@code config.json}
   */
  public static TextOutline outline(Path folder, Precision precision) {
    DecoderConfig config = DecoderFiles.config(folder);
    PromptFormat format = config.isGemma() ? PromptFormat.LUMINA2_SYSTEM : PromptFormat.QWEN3_CHAT;
    boolean narrow = precision == Precision.BF16 || config.weights() > MOST_WIDE;
    return new TextOutline(format.maxTokens(), config.weights() * (narrow ? 2 : Float.BYTES), true);
  }

  @Override
  public String id() {
    return id;
  }

  @Override
  public int width() {
    return files.config().width();
  }

  @Override
  public int maxTokens() {
    return format.maxTokens();
  }

  @Override
  public TextEncoder forNegative() {
    PromptFormat negative = format.negative();
    return negative.equals(format)
        ? this
        : new LanguageModelEncoder(
            checksum, tokenizerFolder, files, negative, device, precision, state);
  }

  /** The token ids of a prompt, framed, special tokens included. */
  public long[] tokenIds(String prompt) {
    synchronized (state) {
      return tokenizer().ids(format.apply(prompt), format.maxTokens());
    }
  }

  /** The tokens of the frame, and those that every text begins or ends with. */
  @Override
  public int specialTokens() {
    synchronized (state) {
      return tokenizer().ids(format.before() + format.after(), Integer.MAX_VALUE).length;
    }
  }

  @Override
  public int tokens(String prompt) {
    synchronized (state) {
      return tokenizer().ids(format.apply(prompt), Integer.MAX_VALUE).length;
    }
  }

  @Override
  public List<TokenFeatures> encode(List<String> prompts) {
    List<String> copy = List.copyOf(prompts);
    List<TokenFeatures> features = new ArrayList<>();
    synchronized (state) {
      PromptTokenizer tokenizer = tokenizer();
      Decoder network = network();
      for (String prompt : copy) {
        long[] ids = tokenizer.ids(format.apply(prompt), format.maxTokens());
        if (ids.length == 0) {
          throw new ModelException(
              "the tokenizer in "
                  + tokenizerFolder
                  + " makes no token of the prompt '"
                  + prompt
                  + "', and puts none before it");
        }
        try (Scope s = Scope.open();
            Autograd off = Autograd.off()) {
          Tensor states =
              network.penultimate(Tensor.of(ids, 1, ids.length).to(device), null); // [1, L, D]
          features.add(new TokenFeatures(states.toFloats(), ids.length, width()));
        }
      }
    }
    return features;
  }

  private PromptTokenizer tokenizer() {
    requireOpen();
    PromptTokenizer tokenizer = state.tokenizer;
    if (tokenizer == null) {
      tokenizer = PromptTokenizer.open(tokenizerFolder);
      state.tokenizer = tokenizer;
    }
    return tokenizer;
  }

  private Decoder network() {
    Decoder network = state.network;
    if (network == null) {
      boolean narrow = precision == Precision.FLOAT32 && files.config().weights() > MOST_WIDE;
      DType storage = narrow ? files.stored() : precision.products();
      network = files.load(device, precision, storage);
      state.network = network;
    }
    return network;
  }

  private void requireOpen() {
    if (state.closed) {
      throw new IllegalStateException("The text encoder " + id + " is closed.");
    }
  }

  @Override
  public boolean isLarge() {
    return true;
  }

  /** Gives back what tokenizer and weights take, until the next prompt. */
  @Override
  public void rest() {
    synchronized (state) {
      if (state.network != null) {
        state.network.close();
        state.network = null;
      }
      if (state.tokenizer != null) {
        state.tokenizer.close();
        state.tokenizer = null;
      }
    }
  }

  /** The class that {@code model_index.json} names. */
  public String className() {
    return files.config().isGemma() ? "Gemma2Model" : "Qwen3Model";
  }

  /** The tokenizer's class, as {@code model_index.json} names it. */
  public String tokenizerClass() {
    JsonConfig json = PromptTokenizer.check(tokenizerFolder);
    return json == null
        ? (files.config().isGemma() ? "GemmaTokenizerFast" : "Qwen2Tokenizer")
        : json.string(
            "tokenizer_class", files.config().isGemma() ? "GemmaTokenizerFast" : "Qwen2Tokenizer");
  }

  /** Where {@code config.json} and weights are. */
  public Component component() {
    return files.component();
  }

  /** Its tokenizer's folder. */
  public Path tokenizerFolder() {
    return tokenizerFolder;
  }

  @Override
  public void close() {
    synchronized (state) {
      rest();
      state.closed = true;
    }
  }
}
