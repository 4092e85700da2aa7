package org.peltast.models.text;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A text encoder that remembers: in memory up to a budget, the least recently used prompts
 * forgotten first; and, if it is given a folder, on disk, in one file an encoder {@link
 * TextEncoder#id id}. What it answers is, to the bit, what the encoder itself would.
 *
 * <p>A cache must not stop a run: if its file cannot be read or written, that is logged once, and
 * the prompts are encoded anew.
 */
public final class CachedTextEncoder implements TextEncoder {
  private static final Logger LOG = LoggerFactory.getLogger(CachedTextEncoder.class);

  private final TextEncoder encoder;
  private final @Nullable Path folder;
  private final long maxBytes;
  private final Map<String, TokenFeatures> memory = new LinkedHashMap<>(16, 0.75f, true);
  private long memoryBytes;
  private @Nullable FeatureFile disk;
  private long encoded;
  private @Nullable CachedTextEncoder negative; // of the same encoder, if it frames these otherwise

  private CachedTextEncoder(
      TextEncoder encoder, @Nullable Path folder, @Nullable FeatureFile disk, long maxBytes) {
    if (maxBytes < 0) {
      throw new IllegalArgumentException("maxBytes must be 0 or more, but is " + maxBytes + ".");
    }
    this.encoder = encoder;
    this.folder = folder;
    this.disk = disk;
    this.maxBytes = maxBytes;
  }

  /**
   * A cache in memory.
   *
   * @param encoder closed with the cache
   * @param maxBytes of features to hold
   */
  public static CachedTextEncoder inMemory(TextEncoder encoder, long maxBytes) {
    return new CachedTextEncoder(encoder, null, null, maxBytes);
  }

  /**
   * A cache in memory and on disk.
   *
   * @param encoder closed with the cache
   * @param folder made if need be; may be shared by encoders, and by processes, which then encode
   *     each prompt once between them
   * @param maxBytes of features to hold in memory; the disk holds all
   */
  public static CachedTextEncoder onDisk(TextEncoder encoder, Path folder, long maxBytes) {
    Path file = folder.resolve(encoder.id() + ".features");
    FeatureFile disk = null;
    try {
      disk = FeatureFile.open(file, encoder.width(), encoder.vectors(), encoder.maxTokens());
    } catch (IOException e) {
      LOG.warn("Text features are not kept on disk: {} cannot be opened ({}).", file, e.toString());
    }
    return new CachedTextEncoder(encoder, folder, disk, maxBytes);
  }

  @Override
  public String id() {
    return encoder.id();
  }

  @Override
  public int width() {
    return encoder.width();
  }

  @Override
  public Map<String, Integer> vectors() {
    return encoder.vectors();
  }

  @Override
  public int maxTokens() {
    return encoder.maxTokens();
  }

  @Override
  public int specialTokens() {
    return encoder.specialTokens();
  }

  @Override
  public int tokens(String prompt) {
    return encoder.tokens(prompt);
  }

  /** How many prompts had to be encoded so far, as they were in neither memory nor file. */
  public synchronized long encodedCount() {
    return encoded;
  }

  @Override
  public List<TokenFeatures> encode(List<String> prompts) {
    Map<String, TokenFeatures> answers = new HashMap<>();
    Set<String> missing = new LinkedHashSet<>();
    synchronized (this) {
      for (String prompt : prompts) {
        TokenFeatures known = answers.containsKey(prompt) ? answers.get(prompt) : find(prompt);
        if (known == null) {
          missing.add(prompt);
        } else {
          answers.put(prompt, known);
        }
      }
    }
    if (!missing.isEmpty()) {
      List<String> order = List.copyOf(missing);
      List<TokenFeatures> fresh = encoder.encode(order);
      synchronized (this) {
        encoded += order.size();
        for (int i = 0; i < order.size(); i++) {
          answers.put(order.get(i), fresh.get(i));
          remember(order.get(i), fresh.get(i));
          store(order.get(i), fresh.get(i));
        }
      }
    }
    List<TokenFeatures> inOrder = new ArrayList<>(prompts.size());
    for (String prompt : prompts) {
      TokenFeatures answer = answers.get(prompt);
      if (answer != null) { // always: each prompt was either known or missing
        inOrder.add(answer);
      }
    }
    return inOrder;
  }

  private @Nullable TokenFeatures find(String prompt) {
    TokenFeatures known = memory.get(prompt);
    if (known == null && disk != null) {
      try {
        known = disk.get(prompt);
      } catch (IOException e) {
        giveUpDisk(e);
      }
      if (known != null) {
        remember(prompt, known);
      }
    }
    return known;
  }

  private void remember(String prompt, TokenFeatures features) {
    long bytes = bytes(prompt, features);
    if (bytes > maxBytes || memory.put(prompt, features) != null) {
      return;
    }
    memoryBytes += bytes;
    var oldest = memory.entrySet().iterator();
    while (memoryBytes > maxBytes) {
      Map.Entry<String, TokenFeatures> entry = oldest.next();
      memoryBytes -= bytes(entry.getKey(), entry.getValue());
      oldest.remove();
    }
  }

  private long bytes(String prompt, TokenFeatures features) {
    long values = (long) features.tokens() * features.width();
    for (int length : encoder.vectors().values()) {
      values += length;
    }
    return 2L * prompt.length() + Float.BYTES * values;
  }

  private void store(String prompt, TokenFeatures features) {
    if (disk != null) {
      try {
        disk.put(prompt, features);
      } catch (IOException e) {
        giveUpDisk(e);
      }
    }
  }

  private void giveUpDisk(IOException e) {
    LOG.warn("Text features are no longer kept on disk ({}).", e.toString());
    closeDisk();
  }

  private void closeDisk() {
    if (disk != null) {
      try {
        disk.close();
      } catch (IOException e) {
        LOG.debug("Closing the cache of text features", e);
      }
      disk = null;
    }
  }

  @Override
  public boolean isLarge() {
    return encoder.isLarge();
  }

  /** Lets the encoder rest; what is kept answers on. */
  @Override
  public void rest() {
    encoder.rest();
  }

  /** The encoder of negative prompts with a cache of the same kind, one for all who ask. */
  @Override
  public synchronized CachedTextEncoder forNegative() {
    TextEncoder other = encoder.forNegative();
    if (other == encoder) {
      return this;
    }
    CachedTextEncoder known = negative;
    if (known == null) {
      known = folder == null ? inMemory(other, maxBytes) : onDisk(other, folder, maxBytes);
      negative = known;
    }
    return known;
  }

  /** Closes the files and the encoder. */
  @Override
  public synchronized void close() {
    if (negative != null) {
      negative.closeDisk();
    }
    closeDisk();
    memory.clear();
    memoryBytes = 0;
    encoder.close();
  }
}
