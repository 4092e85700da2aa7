package org.peltast.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.peltast.tensor.nn.Attention;

/** Every differentiable operation's gradient against central differences in float64. */
class GradientTest {
  private static final double STEP = 1e-6;

  @TestFactory
  Stream<DynamicTest> gradients() {
    Map<String, UnaryOperator<Tensor>> all = new LinkedHashMap<>();
    all.put("add", x -> x.add(other(1, 4)).add(3).add(x));
    all.put("sub", x -> other(3, 1).sub(x).sub(2));
    all.put("mul", x -> x.mul(other(3, 4)).mul(x).mul(0.5));
    all.put("div", x -> other(4).div(x.add(3)).div(2));
    all.put("minimum", x -> x.minimum(other(3, 4)));
    all.put("maximum", x -> x.maximum(other(3, 4)));
    all.put("addScaled", x -> other(3, 4).addScaled(x, 0.3));
    all.put("neg", Tensor::neg);
    all.put("abs", Tensor::abs);
    all.put("square", Tensor::square);
    all.put("sqrt", x -> x.square().add(0.5).sqrt());
    all.put("rsqrt", x -> x.square().add(0.5).rsqrt());
    all.put("exp", Tensor::exp);
    all.put("log", x -> x.square().add(0.5).log());
    all.put("sin", Tensor::sin);
    all.put("cos", Tensor::cos);
    all.put("tanh", Tensor::tanh);
    all.put("sigmoid", Tensor::sigmoid);
    all.put("silu", Tensor::silu);
    all.put("gelu", Tensor::gelu);
    all.put("geluTanh", Tensor::geluTanh);
    all.put("relu", Tensor::relu);
    all.put("softplus", Tensor::softplus);
    all.put("pow", x -> x.pow(3));
    all.put("clamp", x -> x.clamp(-0.4, 0.6));
    all.put("finiteOr", x -> x.finiteOr(0));
    all.put("where", x -> x.where(other(3, 4).lessThan(0), x.mul(2)));
    all.put("sum", x -> x.sum().add(x.sum(false, 1)));
    all.put("mean", x -> x.mean().add(x.mean(true, 0, 1)));
    all.put("variance", x -> x.variance(true, 1));
    all.put("norm", x -> x.norm(true, -1).add(x.norm(false, 0, 1)));
    all.put("max", x -> x.max(false, 1));
    all.put("matmul", x -> x.matmul(other(2, 4, 5)));
    all.put("linear", x -> x.linear(other(5, 4), other(5)));
    all.put("linear weight", x -> other(2, 4).linear(x, null));
    all.put("symmetricEigenvalues", x -> x.matmul(x.transpose(0, 1)).symmetricEigenvalues());
    all.put("reshape", x -> x.reshape(2, -1));
    all.put("permute", x -> x.permute(1, 0));
    all.put("transpose", x -> x.transpose(0, 1).contiguous());
    all.put("expand", x -> x.unsqueeze(0).expand(2, -1, -1));
    all.put("squeeze", x -> x.unsqueeze(1).squeeze(1));
    all.put("flatten", x -> x.flatten(0, 1));
    all.put("narrow", x -> x.narrow(1, 1, 2));
    all.put("select", x -> x.select(0, 2));
    all.put("indexSelect", x -> x.indexSelect(0, Tensor.of(new long[] {2, 0, 2}, 3)));
    all.put("chunk", x -> x.chunk(2, 1).get(1));
    all.put("cat", x -> Tensor.cat(List.of(x, other(1, 4), x), 0));
    all.put("stack", x -> Tensor.stack(List.of(x, x.mul(2)), 1));
    all.put("softmax", x -> x.softmax(0));
    all.put("logSoftmax", x -> x.logSoftmax(1));
    all.put("layerNorm", x -> x.layerNorm(1e-5).add(x.layerNorm(other(4), other(4), 1e-5)));
    all.put("groupNorm", x -> x.reshape(1, 4, 3).groupNorm(2, other(4), other(4), 1e-5));
    all.put("conv2d", x -> x.reshape(1, 1, 3, 4).conv2d(other(2, 1, 3, 3), other(2), 1, 1));
    all.put("conv2d weight", x -> other(1, 1, 3, 5).conv2d(x.reshape(2, 1, 2, 3), null, 2, 1));
    all.put("upsampleNearest", x -> x.reshape(1, 1, 3, 4).upsampleNearest(6, 8));
    all.put("averagePool", x -> x.reshape(1, 3, 2, 2).averagePool(2));
    all.put("crossEntropy", x -> x.crossEntropy(Tensor.of(new long[] {0, 3, 1}, 3)));
    all.put(
        "attention",
        x ->
            Attention.of(
                x.reshape(1, 2, 2, 3),
                other(1, 2, 5, 3).mul(x.mean()),
                other(1, 2, 5, 3),
                Attention.bias(Tensor.of(new long[] {1, 0, 1, 1, 1}, 1, 5))));
    return all.entrySet().stream()
        .map(e -> DynamicTest.dynamicTest(e.getKey(), () -> check(e.getValue())));
  }

  /** A fixed random float64 tensor. */
  private static Tensor other(long... shape) {
    return Rng.of(42).fork(shape.length).normal(shape).to(DType.FLOAT64);
  }

  private static void check(UnaryOperator<Tensor> operation) {
    try (Scope scope = Scope.open()) {
      double[] at = Rng.of(7).normal(3, 4).toDoubles();
      Tensor x = Tensor.of(at, 3, 4).requireGrad(true);
      Tensor y = operation.apply(x);
      Tensor cotangent = Rng.of(8).normal(y.shape()).to(DType.FLOAT64);
      y.backward(cotangent);
      double[] gradient = x.grad().toDoubles();
      double[] differences = new double[at.length];
      for (int i = 0; i < at.length; i++) {
        differences[i] =
            (along(operation, at, i, STEP, cotangent) - along(operation, at, i, -STEP, cotangent))
                / (2 * STEP);
      }
      assertThat(gradient).containsExactly(differences, within(1e-6));
      assertThat(Golden.max(x.grad())).as("a gradient that is not zero").isGreaterThan(1e-3);
    }
  }

  private static double along(
      UnaryOperator<Tensor> operation, double[] at, int i, double step, Tensor cotangent) {
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      double[] moved = at.clone();
      moved[i] += step;
      return operation.apply(Tensor.of(moved, 3, 4)).mul(cotangent).sum().item();
    }
  }
}
