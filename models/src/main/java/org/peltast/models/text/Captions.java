package org.peltast.models.text;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.models.ModelException;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Tensor;

/** Turns prompts into conditions: token features padded to a batch, and pooled vectors stacked. */
public final class Captions {
  private final TextEncoder encoder;
  private final TextEncoder negative;
  private final Device device;

  /** Captions read by an encoder, for networks on a device. */
  public Captions(TextEncoder encoder, Device device) {
    this.encoder = encoder;
    this.negative = encoder.forNegative();
    this.device = device;
  }

  /**
   * The prompts' features [B, L, D] float32 with L the longest prompt's tokens, zero beyond each
   * prompt's own; and the encoder's vectors, [B, length] each.
   */
  public Condition of(List<String> prompts) {
    return padded(encoder.encode(prompts));
  }

  /** The empty prompt, so many times. */
  public Condition empty(int count) {
    return negative("", count);
  }

  /** What guidance leads away from, so many times, as the encoder reads negative prompts. */
  public Condition negative(String prompt, int count) {
    return padded(Collections.nCopies(count, negative.encode(prompt)));
  }

  /** Encodes prompts and a negative one, which a cache then has. */
  public void prepare(List<String> prompts, @Nullable String negativePrompt) {
    encoder.encode(prompts);
    if (negativePrompt != null) {
      negative.encode(negativePrompt);
    }
  }

  private Condition padded(List<TokenFeatures> features) {
    int longest = features.stream().mapToInt(TokenFeatures::tokens).max().orElse(0);
    if (longest == 0) {
      throw new ModelException("there must be at least one prompt");
    }
    int width = encoder.width();
    ByteBuffer bytes =
        ByteBuffer.allocateDirect(features.size() * longest * width * Float.BYTES)
            .order(ByteOrder.nativeOrder());
    FloatBuffer values = bytes.asFloatBuffer();
    List<Integer> lengths = new ArrayList<>();
    for (int i = 0; i < features.size(); i++) {
      values.position(i * longest * width);
      features.get(i).putInto(values);
      lengths.add(features.get(i).tokens());
    }
    return new Condition(
        Tensor.of(bytes, DType.FLOAT32, features.size(), longest, width).to(device),
        lengths,
        vectors(features));
  }

  private Map<String, Tensor> vectors(List<TokenFeatures> features) {
    Map<String, Tensor> stacked = new TreeMap<>();
    encoder
        .vectors()
        .forEach(
            (name, length) -> {
              FloatBuffer all = FloatBuffer.allocate(features.size() * length);
              for (TokenFeatures f : features) {
                float[] vector = f.vectors().get(name);
                if (vector == null || vector.length != length) {
                  throw new ModelException(
                      String.format(
                          Locale.ROOT,
                          "the text encoder %s promises %d numbers of %s, and gave others",
                          encoder.id(),
                          length,
                          name));
                }
                all.put(vector);
              }
              stacked.put(name, Tensor.of(all.array(), features.size(), length).to(device));
            });
    return stacked;
  }
}
