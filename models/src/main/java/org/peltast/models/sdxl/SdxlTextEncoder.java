package org.peltast.models.sdxl;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelException;
import org.peltast.models.ModelSource;
import org.peltast.models.files.Component;
import org.peltast.models.text.ClipTextModel;
import org.peltast.models.text.ClipTokenizer;
import org.peltast.models.text.TextEncoder;
import org.peltast.models.text.TextOutline;
import org.peltast.models.text.TokenFeatures;
import org.peltast.tensor.Device;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.WorkerPool;

/**
 * SDXL's text side, two CLIP text encoders: a token's feature is both models' penultimate hidden
 * states, one after the other; the pooled feature is the second model's projection of the text's
 * end. Prompts are padded to the tokenizers' length, and the padding is attended to, as the
 * networks were trained.
 *
 * <p>It runs on the processor. The models are opened when features are first asked for, and closed
 * by {@link #rest}. Prompts are run one by one, so that a prompt's features do not depend on its
 * neighbours.
 */
final class SdxlTextEncoder implements TextEncoder {
  /** The components that it is made of. */
  static final List<String> COMPONENTS =
      List.of("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2");

  private final ModelSource source;
  private final boolean zerosForEmpty;
  private final ClipTextModel.Shape first;
  private final ClipTextModel.Shape second;
  private @Nullable String id;
  private @Nullable Models models;
  private boolean closed;

  /** What is open while it is used. */
  private record Models(
      ClipTokenizer tokenizer1,
      ClipTokenizer tokenizer2,
      ClipTextModel model1,
      ClipTextModel model2) {
    void close() {
      tokenizer1.close();
      tokenizer2.close();
      model1.close();
      model2.close();
    }
  }

  /**
   * The text side of a model, whose configurations are read at once.
   *
   * @param zerosForEmpty whether the empty prompt's features are zeros, as the pipeline's {@code
   *     force_zeros_for_empty_prompt} says
   * @throws ModelException if a configuration is missing or not supported
   */
  SdxlTextEncoder(ModelSource source, boolean zerosForEmpty) {
    this.source = source;
    this.zerosForEmpty = zerosForEmpty;
    Path folder = source.folder();
    first = ClipTextModel.shape(folder.resolve("text_encoder"));
    second = ClipTextModel.shape(folder.resolve("text_encoder_2"));
    if (first.positions() != second.positions()) {
      throw new ModelException(
          String.format(
              Locale.ROOT,
              "%s: the text encoders take %d and %d tokens, which must be as many",
              folder,
              first.positions(),
              second.positions()));
    }
  }

  /** The model that it is read from. */
  ModelSource source() {
    return source;
  }

  boolean zerosForEmpty() {
    return zerosForEmpty;
  }

  @Override
  public synchronized String id() {
    String known = id;
    if (known == null) {
      known = "sdxl-" + checksum();
      id = known;
    }
    return known;
  }

  private String checksum() {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      sha.update((byte) (zerosForEmpty ? 1 : 0));
      for (String component : COMPONENTS) {
        for (Path file : source.component(component).files()) {
          try (InputStream in = new DigestInputStream(Files.newInputStream(file), sha)) {
            in.transferTo(java.io.OutputStream.nullOutputStream());
          }
        }
      }
      return HexFormat.of().formatHex(sha.digest(), 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JDK has SHA-256
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What the encoders of a model take, by their configurations alone. */
  static TextOutline outline(Path folder) {
    long weights = 0;
    for (String component : List.of("text_encoder", "text_encoder_2")) {
      try (ClipTextModel model =
          ClipTextModel.open(Component.of(folder.resolve(component)), Device.META)) {
        weights += model.weights();
      }
    }
    int tokens = ClipTextModel.shape(folder.resolve("text_encoder")).positions();
    return new TextOutline(tokens, weights * Float.BYTES, true);
  }

  @Override
  public int width() {
    return first.width() + second.width();
  }

  @Override
  public Map<String, Integer> vectors() {
    return Map.of(SdxlUNet.POOLED, second.pooledWidth());
  }

  @Override
  public int maxTokens() {
    return first.positions();
  }

  /** Those that begin and end a prompt. */
  @Override
  public int specialTokens() {
    return 2;
  }

  @Override
  public synchronized int tokens(String prompt) {
    return models().tokenizer1().ids(prompt).length;
  }

  /** The ids of both tokenizers, each [prompts][tokens]. */
  synchronized List<long[][]> tokenIds(List<String> prompts) {
    Models open = models();
    return List.of(
        prompts.stream().map(open.tokenizer1()::padded).toArray(long[][]::new),
        prompts.stream().map(open.tokenizer2()::padded).toArray(long[][]::new));
  }

  @Override
  public synchronized List<TokenFeatures> encode(List<String> prompts) {
    Models open = models();
    return WorkerPool.map(List.copyOf(prompts), prompt -> encode(open, prompt));
  }

  /** As the pipeline encodes a prompt that is given, the empty one too. */
  synchronized List<TokenFeatures> encodeAsText(List<String> prompts) {
    Models open = models();
    return WorkerPool.map(List.copyOf(prompts), prompt -> features(open, prompt));
  }

  private TokenFeatures encode(Models open, String prompt) {
    if (prompt.isEmpty() && zerosForEmpty) {
      int tokens = open.tokenizer1().length();
      return new TokenFeatures(
          new float[tokens * width()],
          tokens,
          width(),
          Map.of(SdxlUNet.POOLED, new float[second.pooledWidth()]));
    }
    return features(open, prompt);
  }

  private TokenFeatures features(Models open, String prompt) {
    try (Scope scope = Scope.open()) {
      ClipTextModel.Output one = open.model1().forward(ids(open.tokenizer1(), prompt), null);
      ClipTextModel.Output two = open.model2().forward(ids(open.tokenizer2(), prompt), null);
      Tensor both = Tensor.cat(List.of(one.penultimate(), two.penultimate()), 2); // [1, L, D]
      return new TokenFeatures(
          both.contiguous().toFloats(),
          (int) both.size(1),
          (int) both.size(2),
          Map.of(SdxlUNet.POOLED, two.pooled().contiguous().toFloats()));
    }
  }

  private static Tensor ids(ClipTokenizer tokenizer, String prompt) {
    return Tensor.of(tokenizer.padded(prompt), 1, tokenizer.length());
  }

  private Models models() {
    if (closed) {
      throw new IllegalStateException("The text encoder of " + source.folder() + " is closed.");
    }
    Models open = models;
    if (open == null) {
      open = open();
      models = open;
    }
    return open;
  }

  private Models open() {
    Path folder = source.folder();
    ClipTokenizer one = ClipTokenizer.open(folder.resolve("tokenizer"), first.positions());
    ClipTokenizer two = null;
    ClipTextModel model = null;
    try {
      two = ClipTokenizer.open(folder.resolve("tokenizer_2"), second.positions());
      if (one.length() != two.length()) {
        throw new ModelException(
            String.format(
                Locale.ROOT,
                "%s: the tokenizers pad to %d and %d tokens, which must be as many",
                folder,
                one.length(),
                two.length()));
      }
      model = ClipTextModel.open(source.component("text_encoder"), Device.CPU);
      return new Models(
          one, two, model, ClipTextModel.open(source.component("text_encoder_2"), Device.CPU));
    } catch (RuntimeException e) {
      one.close();
      if (two != null) {
        two.close();
      }
      if (model != null) {
        model.close();
      }
      throw e;
    }
  }

  @Override
  public boolean isLarge() {
    return true;
  }

  /** Closes the models until they are asked again. */
  @Override
  public synchronized void rest() {
    Models open = models;
    if (open != null) {
      open.close();
      models = null;
    }
  }

  @Override
  public synchronized void close() {
    rest();
    closed = true;
  }
}
