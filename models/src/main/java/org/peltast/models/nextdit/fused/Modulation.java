package org.peltast.models.nextdit.fused;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Matrices;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.kernels.Factor;
import org.peltast.tensor.kernels.Modulations;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameter;

/**
 * A block's factors, out of its norms' weights and the time, and their gradient by hand. Where time
 * matters every item has factors of its own:
 *
 * <pre>
 *   s₁, g₁, s₂, g₂ = time Wᵀ + b
 *   f₁, f₂, f₃, f₄ = w₁ (1 + s₁), w₂ tanh(g₁), w₃ (1 + s₂), w₄ tanh(g₂)
 * </pre>
 *
 * <p>All of it is in float32: it is little, and everything is multiplied by it.
 */
final class Modulation {
  private final List<Parameter> norms; // w₁ … w₄
  private final Parameter query;
  private final Parameter key;
  private final @Nullable Linear linear;
  private final List<Parameter> weights; // all of them
  private final float queryScale;

  Modulation(BlockWeights w, int headDim) {
    norms = List.of(w.attentionIn(), w.attentionOut(), w.feedForwardIn(), w.feedForwardOut());
    query = w.query();
    key = w.key();
    linear = w.modulation();
    weights = new ArrayList<>(norms);
    weights.add(query);
    weights.add(key);
    if (linear != null) {
      weights.add(linear.weight());
      weights.add(Objects.requireNonNull(linear.bias(), "a modulation without bias"));
    }
    queryScale = (float) (1 / Math.sqrt(headDim));
  }

  /** The factors of a batch, and what the backward half needs. */
  final class Kept {
    final Factors factors;
    private final @Nullable Tensor time; // [B, M]
    private final float @Nullable [] activated; // [B, 4 · dim]

    private Kept(@Nullable Tensor time) {
      this.time = time;
      Factor[] f = new Factor[norms.size()];
      if (linear == null) {
        activated = null;
        for (int i = 0; i < f.length; i++) {
          f[i] = Factor.shared(norms.get(i).numbers());
        }
      } else {
        float[] a = activated(linear, given(time));
        activated = a;
        for (int i = 0; i < f.length; i++) {
          float[] w = norms.get(i).numbers();
          f[i] = Factor.each(Modulations.factors(a, i, w), w.length);
        }
      }
      factors = new Factors(f[0], f[1], f[2], f[3], scaled(query.numbers()), key.numbers());
    }

    @Nullable Tensor time() {
      return time;
    }
  }

  private static Tensor given(@Nullable Tensor time) {
    return Objects.requireNonNull(time, "a modulated block needs the time's embedding");
  }

  private static float[] activated(Linear linear, Tensor time) {
    Parameter bias = Objects.requireNonNull(linear.bias(), "a modulation without bias");
    Tensor m = Tensor.zeros(time.size(0), bias.numbers().length);
    Matrices.of(m).assignLinear(Matrices.of(time), linear.weight().matrix());
    float[] a = new float[(int) m.count()];
    m.get(a, 0);
    Modulations.activate(a, bias.numbers());
    return a;
  }

  private float[] scaled(float[] numbers) {
    float[] scaled = new float[numbers.length];
    for (int i = 0; i < scaled.length; i++) {
      scaled[i] = numbers[i] * queryScale;
    }
    return scaled;
  }

  /**
   * The forward half.
   *
   * @param time [B, M] float32, to live as long as what is kept; null where there is no modulation
   */
  Kept forward(@Nullable Tensor time) {
    return new Kept(time);
  }

  /**
   * Space for the gradients by the factors, zero; none where neither a weight behind them nor the
   * time asks for any.
   *
   * @param into which weights ask
   * @param byTime whether the time asks
   */
  Gradients gradients(int items, WeightGradients into, boolean byTime) {
    return byTime || weights.stream().anyMatch(into::asksFor)
        ? new Gradients(linear == null ? 1 : items)
        : new Gradients();
  }

  /** The gradients by the factors. */
  final class Gradients {
    final Factors factors; // adds to the arrays
    private final boolean asked;
    private final float[][] four = new float[4][];
    private final float[] dQuery;
    private final float[] dKey;

    private Gradients() {
      asked = false;
      factors = Factors.NONE;
      dQuery = factors.query();
      dKey = factors.key();
    }

    private Gradients(int items) {
      asked = true;
      Factor[] f = new Factor[four.length];
      for (int i = 0; i < four.length; i++) {
        int dim = norms.get(i).numbers().length;
        four[i] = new float[items * dim];
        f[i] = linear == null ? Factor.shared(four[i]) : Factor.each(four[i], dim);
      }
      dQuery = new float[query.numbers().length];
      dKey = new float[key.numbers().length];
      factors = new Factors(f[0], f[1], f[2], f[3], dQuery, dKey);
    }
  }

  /**
   * The backward half; uses up what was kept.
   *
   * @param into adds to the gradients of the weights
   * @param dTime the gradient by the time, [B, M] float32, to which this block's is added; null
   *     where nobody asks for it
   */
  void backward(Kept kept, Gradients g, WeightGradients into, @Nullable Tensor dTime) {
    if (!g.asked) {
      return;
    }
    into.add(query, scaled(g.dQuery));
    into.add(key, g.dKey);
    float[] a = kept.activated;
    if (linear == null || a == null) {
      for (int i = 0; i < norms.size(); i++) {
        into.add(norms.get(i), g.four[i]);
      }
      return;
    }
    for (int i = 0; i < norms.size(); i++) {
      float[] w = norms.get(i).numbers();
      float[] dw = new float[w.length];
      Modulations.back(a, i, w, g.four[i], dw);
      into.add(norms.get(i), dw);
    }
    Parameter bias = Objects.requireNonNull(linear.bias());
    into.add(bias, Modulations.sum(a, bias.numbers().length));
    Tensor time = given(kept.time);
    Matrices dm = Matrices.of(Tensor.of(a, time.size(0), bias.numbers().length));
    into.add(linear.weight(), dm, Matrices.of(time));
    if (dTime != null) {
      Matrices.of(dTime).addLinearBack(dm, linear.weight().matrix());
    }
  }
}
