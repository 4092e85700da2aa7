package org.peltast.tensor.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.HostBuffer;
import org.peltast.tensor.Matrices;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;

/** Gradients that are brought to a weight from outside of libtorch, and products with it. */
class ParameterTest {
  @BeforeEach
  void assumeProducts() {
    String obstacle = Matrices.obstacle(DType.FLOAT32);
    Assumptions.assumeTrue(obstacle == null, () -> "" + obstacle);
  }

  private static HostBuffer filled(int seed, long... shape) {
    HostBuffer f = HostBuffer.allocate(shape);
    f.tensor().copyFrom(Rng.of(seed).normal(shape));
    return f;
  }

  /** A weight [out, in] with values, whose gradient is asked for. */
  private static Parameter weight(Parameters parameters, int out, int in) {
    Parameter w = parameters.declare("w", new Parameters.Init.Normal(1), out, in);
    parameters.initialise(Rng.of(3));
    parameters.trainable(true);
    return w;
  }

  private static void assertNear(Tensor actual, Tensor wanted) {
    double size = wanted.square().mean().sqrt().item();
    double error = actual.sub(wanted).square().mean().sqrt().item();
    assertThat(error).isLessThanOrEqualTo(2e-6 * size);
  }

  @Test
  void gradientsOfLinearLayersAreLibtorchs() {
    for (DType dtype : List.of(DType.FLOAT32, DType.BFLOAT16)) {
      if (Matrices.obstacle(dtype) != null) {
        continue;
      }
      for (int[] sizes : new int[][] {{7, 20, 12}, {40, 33, 65}, {96, 64, 170}, {1, 1, 1}}) {
        int rows = sizes[0];
        int in = sizes[1];
        int out = sizes[2];
        try (Scope scope = Scope.open();
            Parameters parameters = Parameters.on(Device.CPU, Precision.FLOAT32)) {
          Parameter w = weight(parameters, out, in);
          HostBuffer x = HostBuffer.allocate(dtype, rows, in);
          HostBuffer dy = HostBuffer.allocate(dtype, rows, out);
          x.tensor().copyFrom(Rng.of(1).normal(rows, in));
          dy.tensor().copyFrom(Rng.of(2).normal(rows, out));
          Matrices left = Matrices.one(x, rows, in);
          Matrices above = Matrices.one(dy, rows, out);
          Tensor once =
              dy.tensor().to(DType.FLOAT32).transpose(0, 1).matmul(x.tensor().to(DType.FLOAT32));
          w.addGradient(above, left);
          assertNear(w.value().grad(), once);
          w.addGradient(above, left);
          assertNear(w.value().grad(), once.mul(2));
          parameters.clearGradients();
          w.addGradient(above, left);
          assertNear(w.value().grad(), once);
        }
      }
    }
  }

  /** What libtorch has written into a gradient before is added to, not overwritten. */
  @Test
  void gradientsOfLibtorchsComeFirstOrLast() {
    try (Scope scope = Scope.open();
        Parameters parameters = Parameters.on(Device.CPU, Precision.FLOAT32)) {
      Parameter w = weight(parameters, 6, 8);
      Matrices x = Matrices.one(filled(1, 5, 8), 5, 8);
      Matrices dy = Matrices.one(filled(2, 5, 6), 5, 6);
      w.addGradient(dy, x);
      Tensor ours = w.value().grad().copy();
      w.value().sum().backward();
      assertNear(w.value().grad(), ours.add(1));
      parameters.clearGradients();
      w.value().sum().backward();
      w.addGradient(dy, x);
      assertNear(w.value().grad(), ours.add(1));
      w.addGradient(dy, x);
      assertNear(w.value().grad(), ours.mul(2).add(1));
    }
  }

  @Test
  void gradientsOfVectorsAddUpToo() {
    try (Scope scope = Scope.open();
        Parameters parameters = Parameters.on(Device.CPU, Precision.FLOAT32)) {
      Parameter v = parameters.declare("v", Parameters.Init.ones(), 3);
      parameters.initialise(Rng.of(1));
      parameters.trainable(true);
      v.addGradient(new float[] {1, 2, 3});
      v.addGradient(new float[] {10, 20, 30});
      assertThat(v.value().grad().toFloats()).containsExactly(11, 22, 33);
      v.value().sum().backward();
      assertThat(v.value().grad().toFloats()).containsExactly(12, 23, 34);
      parameters.clearGradients();
      v.value().sum().backward();
      v.addGradient(new float[] {1, 2, 3});
      assertThat(v.value().grad().toFloats()).containsExactly(2, 3, 4);
      assertThatThrownBy(() -> v.addGradient(new float[2])).isInstanceOf(TensorException.class);
      assertThat(v.numbers()).containsExactly(1, 1, 1);
    }
  }

  /** A listener hears of what libtorch adds and of what is brought, one after another. */
  @Test
  void eachContributionIsToldFromBeginToEnd() {
    try (Scope scope = Scope.open();
        Parameters parameters = Parameters.on(Device.CPU, Precision.FLOAT32)) {
      Parameter w = weight(parameters, 2, 3);
      List<String> told = new ArrayList<>();
      w.listen(
          new GradientListener() {
            @Override
            public void begins(Parameter parameter, int worker) {
              told.add("begins " + parameter.name() + worker);
            }

            @Override
            public void ends(Parameter parameter, int worker) {
              told.add("ends " + parameter.name() + worker);
            }
          });
      w.value().sum().backward();
      w.addGradient(new float[6]);
      assertThat(told).containsExactly("begins w0", "ends w0", "begins w0", "ends w0");
      w.listen(null);
      w.value().sum().backward();
      assertThat(told).hasSize(4);
    }
  }

  @Test
  void productsFollowTheWeight() {
    try (Scope scope = Scope.open();
        Parameters parameters = Parameters.on(Device.CPU, Precision.FLOAT32)) {
      Parameter w = weight(parameters, 24, 40);
      Matrices x = Matrices.one(filled(1, 8, 64), 8, 40);
      HostBuffer y = HostBuffer.allocate(8, 24);
      Matrices answer = Matrices.one(y, 8, 24);
      answer.assignLinear(x, w.matrix());
      float[] first = y.tensor().toFloats();
      try (Autograd off = Autograd.off()) {
        w.value().scaleInPlace(2);
      }
      parameters.changed();
      answer.assignLinear(x, w.matrix());
      float[] second = y.tensor().toFloats();
      for (int i = 0; i < first.length; i++) {
        assertThat(second[i]).isEqualTo(2 * first[i]);
      }
    }
  }

  @Test
  void aVectorIsNoMatrix() {
    try (Parameters parameters = Parameters.on(Device.CPU, Precision.FLOAT32)) {
      Parameter vector = parameters.declare("v", Parameters.Init.zeros(), 4);
      assertThatThrownBy(vector::matrix)
          .isInstanceOf(TensorException.class)
          .hasMessageContaining("no matrix");
      Matrices rows = Matrices.one(HostBuffer.allocate(5, 4), 5, 4);
      assertThatThrownBy(() -> vector.addGradient(rows, rows)).isInstanceOf(TensorException.class);
      Parameter w = parameters.declare("w", Parameters.Init.zeros(), 3, 4);
      assertThatThrownBy(() -> w.addGradient(rows, rows)).isInstanceOf(TensorException.class);
    }
  }
}
