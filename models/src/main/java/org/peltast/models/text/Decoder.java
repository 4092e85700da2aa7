package org.peltast.models.text;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelException;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Embedding;
import org.peltast.tensor.nn.Parameters;
import org.peltast.tensor.nn.RmsNorm;

/**
 * A decoder-only language model without its head: Qwen3 (2025) or Gemma 2 (2024), as transformers'
 * {@code Qwen3Model} and {@code Gemma2Model} compute it.
 */
final class Decoder implements TextNetwork {
  private final Parameters parameters;
  private final DecoderConfig config;
  private final Embedding embedding; // [vocabulary, width]
  private final List<DecoderLayer> layers = new ArrayList<>();
  private final RmsNorm norm;

  /** Declares the weights. */
  Decoder(Parameters parameters, DecoderConfig config) {
    this.parameters = parameters;
    this.config = config;
    embedding = new Embedding(parameters.at("embed_tokens"), config.vocabulary(), config.width());
    for (int i = 0; i < config.layers(); i++) {
      layers.add(new DecoderLayer(parameters.at("layers").at("" + i), config));
    }
    norm = new RmsNorm(parameters.at("norm"), config.width(), config.normEps());
  }

  @Override
  public Parameters parameters() {
    return parameters;
  }

  /** A norm as this architecture has it: by w, or by 1 + w. Float32. */
  static Tensor normed(RmsNorm norm, Tensor x, DecoderConfig config) {
    Tensor weight = norm.weight().value();
    return norm.normalise(x, config.isGemma() ? weight.add(1) : weight);
  }

  @Override
  public Map<String, Tensor> outputs(Tensor ids, @Nullable Tensor mask) {
    Tensor penultimate = penultimate(ids, mask);
    Run run = new Run(ids, mask);
    Tensor last = run.layer(config.layers() - 1, penultimate);
    Map<String, Tensor> outputs = new LinkedHashMap<>();
    outputs.put(PENULTIMATE, penultimate.to(DType.FLOAT32));
    outputs.put(LAST, normed(norm, last, config));
    return outputs;
  }

  /** {@link #PENULTIMATE} alone: the last layer is not computed. */
  Tensor penultimate(Tensor ids, @Nullable Tensor mask) {
    return Scope.compute(
        () -> {
          Run run = new Run(ids, mask);
          Tensor x = embedded(ids);
          for (int i = 0; i < config.layers() - 1; i++) {
            x = run.layer(i, x);
          }
          return x;
        });
  }

  /** [B, S, D] in the dtype of products. */
  private Tensor embedded(Tensor ids) {
    if (ids.rank() != 2 || ids.count() == 0) {
      throw new ModelException("a text encoder reads ids [B, S] of at least one token, got " + ids);
    }
    Tensor x = embedding.forward(ids);
    if (config.paddingToken() >= 0 && Autograd.isOn()) {
      Tensor padding =
          ids.equalTo(Tensor.full(config.paddingToken(), ids.dtype(), ids.device(), ids.shape()))
              .unsqueeze(2);
      x = x.detach().where(padding, x); // as PyTorch's padding_idx
    }
    DType products = parameters.precision().products();
    return x.to(products).mul(config.embeddingScale());
  }

  /** One pass of a batch: its positions and masks, made once for all layers, in the scope. */
  private final class Run {
    private final boolean[][] real;
    private final RotaryPositions positions;
    private final Map<Integer, CausalMask> masks = new HashMap<>();

    Run(Tensor ids, @Nullable Tensor mask) {
      int tokens = (int) ids.size(1);
      real = real(ids, mask);
      positions =
          RotaryPositions.of(
              tokens,
              config.headWidth(),
              config.ropeTheta(),
              parameters.precision().products(),
              parameters.device());
      for (int window : config.windows()) {
        masks.computeIfAbsent(
            window >= tokens ? 0 : window,
            w -> CausalMask.of(real, w, config.isGemma(), parameters.device()));
      }
    }

    Tensor layer(int i, Tensor x) {
      int window = config.windows().get(i);
      CausalMask mask = masks.get(window >= x.size(1) ? 0 : window);
      if (mask == null) {
        throw new IllegalStateException("no mask was made for layer " + i);
      }
      return Scope.compute(() -> layers.get(i).forward(x, positions, mask));
    }
  }

  /** Which tokens are no padding; one row serves all items where there is no mask. */
  private static boolean[][] real(Tensor ids, @Nullable Tensor mask) {
    int tokens = (int) ids.size(1);
    if (mask == null) {
      boolean[][] all = new boolean[1][tokens];
      java.util.Arrays.fill(all[0], true);
      return all;
    }
    if (!mask.hasShape(ids.shape())) {
      throw new ModelException("the mask " + mask + " does not fit the ids " + ids);
    }
    double[] values = mask.toDoubles();
    boolean[][] real = new boolean[(int) ids.size(0)][tokens];
    for (int i = 0; i < values.length; i++) {
      real[i / tokens][i % tokens] = values[i] != 0;
    }
    return real;
  }

  @Override
  public void close() {
    parameters.close();
  }
}
