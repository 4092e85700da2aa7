package org.peltast.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Values against closed forms in Java's own arithmetic. */
class TensorTest {
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Tensor of(double... values) {
    return Tensor.of(values, values.length);
  }

  private static void is(Tensor t, double... expected) {
    assertThat(t.toDoubles()).containsExactly(expected, within(1e-12));
  }

  private static Tensor counting(long... shape) {
    long n = 1;
    for (long s : shape) {
      n *= s;
    }
    return Tensor.arange(n).to(DType.FLOAT64).reshape(shape);
  }

  private static void each(UnaryOperator<Tensor> operation, DoubleUnaryOperator expected) {
    double[] x = {0.1, 0.5, 1, 2.5, 7};
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      y[i] = expected.applyAsDouble(x[i]);
    }
    assertThat(operation.apply(of(x)).toDoubles()).containsExactly(y, within(1e-9));
  }

  @Test
  void elementwise() {
    each(t -> t.add(2).sub(0.5).mul(3).div(4), x -> (x + 1.5) * 3 / 4);
    each(t -> t.add(t).sub(t.square()).mul(t).div(t.sqrt()), x -> (2 * x - x * x) * Math.sqrt(x));
    each(t -> t.addScaled(t.exp(), 0.25), x -> x + Math.exp(x) / 4);
    each(Tensor::neg, x -> -x);
    each(t -> t.sub(1).abs(), x -> Math.abs(x - 1));
    each(Tensor::rsqrt, x -> 1 / Math.sqrt(x));
    each(Tensor::log, Math::log);
    each(Tensor::sin, Math::sin);
    each(Tensor::cos, Math::cos);
    each(Tensor::tanh, Math::tanh);
    each(Tensor::sigmoid, x -> 1 / (1 + Math.exp(-x)));
    each(Tensor::silu, x -> x / (1 + Math.exp(-x)));
    each(t -> t.sub(1).relu(), x -> Math.max(0, x - 1));
    each(Tensor::softplus, x -> Math.log1p(Math.exp(x)));
    each(t -> t.pow(1.5), x -> Math.pow(x, 1.5));
    each(t -> t.clamp(0.3, 2), x -> Math.min(2, Math.max(0.3, x)));
    each(t -> t.minimum(t.square()), x -> Math.min(x, x * x));
    each(t -> t.maximum(t.square()), x -> Math.max(x, x * x));
    each(t -> t.where(t.lessThan(1), t.mul(10)), x -> x < 1 ? x : 10 * x);
    each(t -> t.equalTo(t.clamp(0.5, 5)).to(DType.FLOAT64), x -> x >= 0.5 && x <= 5 ? 1 : 0);
    is(of(Double.NaN, 1, Double.POSITIVE_INFINITY).finiteOr(-2), -2, 1, -2);
    assertThat(of(1, 2).allFinite()).isTrue();
    assertThat(of(1, Double.NaN).allFinite()).isFalse();
  }

  @Test
  void reductions() {
    Tensor x = counting(2, 3); // [[0, 1, 2], [3, 4, 5]]
    is(x.sum(), 15);
    is(x.sum(false, 0), 3, 5, 7);
    is(x.mean(), 2.5);
    is(x.mean(true, 1), 1, 4);
    assertThat(x.mean(true, 1).shape()).containsExactly(2, 1);
    is(x.variance(false, 1), 2 / 3.0, 2 / 3.0);
    is(x.norm(false, 0, 1), Math.sqrt(55));
    is(x.max(false, -1), 2, 5);
    assertThat(x.argmax(0).toLongs()).containsExactly(1, 1, 1);
    is(x.softmax(0).sum(false, 0), 1, 1, 1);
    is(x.softmax(1).log().sub(x.logSoftmax(1)), 0, 0, 0, 0, 0, 0);
    double z = 1 + Math.E + Math.exp(2);
    is(x.crossEntropy(Tensor.of(new long[] {2, 0}, 2)), Math.log(z) - 1);
  }

  @Test
  void shapes() {
    Tensor x = counting(2, 3);
    is(x.transpose(0, 1), 0, 3, 1, 4, 2, 5);
    is(counting(1, 2, 2).permute(2, 0, 1), 0, 2, 1, 3);
    is(x.narrow(1, 1, 2), 1, 2, 4, 5);
    is(x.select(0, 1), 3, 4, 5);
    is(x.indexSelect(1, Tensor.of(new long[] {2, 2, 0}, 3)), 2, 2, 0, 5, 5, 3);
    is(x.chunk(3, 1).get(2), 2, 5);
    is(Tensor.cat(List.of(x, x.select(0, 0).unsqueeze(0)), 0), 0, 1, 2, 3, 4, 5, 0, 1, 2);
    is(Tensor.stack(List.of(of(1, 2), of(3, 4)), 1), 1, 3, 2, 4);
    is(of(1, 2).unsqueeze(1).expand(-1, 2), 1, 1, 2, 2);
    assertThat(x.reshape(3, -1).shape()).containsExactly(3, 2);
    assertThat(counting(2, 3, 4).flatten(0, 1).shape()).containsExactly(6, 4);
    assertThat(counting(2, 1, 4).squeeze(1).shape()).containsExactly(2, 4);
  }

  @Test
  void products() {
    Tensor a = counting(2, 3);
    Tensor b = counting(3, 2);
    is(a.matmul(b), 10, 13, 28, 40);
    is(a.linear(a, of(1, 2)), 6, 16, 15, 52);
    Tensor turned = Tensor.of(new float[] {1, 2, 3, 4}, 4).asComplex(); // 1 + 2i, 3 + 4i
    is(turned.mul(turned).asReal(), -3, 4, -7, 24);
    is(Tensor.of(new double[] {2, 1, 1, 2}, 2, 2).symmetricEigenvalues(), 1, 3);
    is(counting(1, 1, 2, 2).averagePool(2), 1.5);
    is(counting(1, 1, 1, 2).upsampleNearest(2, 4), 0, 0, 1, 1, 0, 0, 1, 1);
  }

  @Test
  void bytesAreACopy() {
    Tensor x = Tensor.of(new float[] {1, 2, 3, 4}, 2, 2);
    ByteBuffer bytes = x.transpose(0, 1).bytes();
    assertThat(bytes.order()).isEqualTo(ByteOrder.nativeOrder());
    assertThat(bytes.asFloatBuffer().get(1)).isEqualTo(3);
    is(Tensor.of(bytes, DType.FLOAT32, 4), 1, 3, 2, 4);
    x.zeroInPlace();
    assertThat(bytes.asFloatBuffer().get(1)).isEqualTo(3);
  }

  @Test
  void inPlace() {
    Tensor x = of(1, 2);
    is(x.scaleInPlace(3).lerpInPlace(of(0, 0), 0.5), 1.5, 3);
    is(x.copyFrom(Tensor.of(new float[] {7, 8}, 2)), 7, 8);
    Tensor leaf = of(1, 2).requireGrad(true);
    assertThatThrownBy(() -> leaf.scaleInPlace(2))
        .isInstanceOf(TensorException.class)
        .hasMessageContaining("Autograd.off()");
    try (Autograd off = Autograd.off()) {
      is(leaf.scaleInPlace(2), 2, 4);
      assertThat(leaf.square().requiresGrad()).isFalse();
      try (Autograd on = Autograd.on()) {
        assertThat(leaf.square().requiresGrad()).isTrue();
      }
    }
    assertThat(Autograd.isOn()).isTrue();
  }

  @Test
  void gradientsAddUpAndCanBeDropped() {
    Tensor x = of(3).requireGrad(true);
    assertThat(x.grad()).isNull();
    x.square().sum().backward();
    x.square().sum().backward();
    is(x.grad(), 12);
    x.clearGrad();
    assertThat(x.grad()).isNull();
    x.mul(x.detach()).sum().backward();
    is(x.grad(), 3);
    assertThat(x.mul(2).grad()).as("what is no leaf has none").isNull();
  }

  @Test
  void mistakesAreOneSentence() {
    Tensor x = Tensor.ones(2, 3);
    assertThatThrownBy(() -> x.add(Tensor.ones(2, 2)))
        .hasMessage("add: the shapes [2, 3] and [2, 2] do not broadcast");
    assertThatThrownBy(() -> x.add(x.to(DType.BFLOAT16)))
        .hasMessageContaining("the dtypes differ; convert one with to(DType)");
    assertThatThrownBy(() -> x.matmul(x)).hasMessageContaining("do not fit as matrices");
    assertThatThrownBy(() -> x.to(Device.cuda(99))).hasMessageContaining("cuda:99");
    assertThatThrownBy(() -> x.sum(false, 2)).hasMessageContaining("no dimension 2");
    assertThatThrownBy(() -> Tensor.full(0.5, DType.INT64, Device.CPU, 1))
        .hasMessageContaining("0.5 does not fit");
    assertThatThrownBy(() -> Tensor.full(1e30, DType.INT64, Device.CPU, 1))
        .hasMessageContaining("does not fit");
  }
}
