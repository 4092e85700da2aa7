package org.peltast.tensor.fused;

import java.nio.ByteBuffer;
import jdk.incubator.vector.FloatVector;
import org.peltast.tensor.Floats;

/** SwiGLU's middle, {@code y = silu(u) ⊙ v} with {@code silu(u) = u σ(u)}. */
public final class Gate {
  private Gate() {}

  /** {@code y = silu(u) ⊙ v}; all of one size, a multiple of the vector's. */
  public static void forward(Floats u, Floats v, Floats y) {
    Fused.require(v, u.count());
    Fused.require(y, u.count());
    forward(u.bytes(), v.bytes(), y.bytes(), u.count() * Float.BYTES);
  }

  private static void forward(ByteBuffer u, ByteBuffer v, ByteBuffer y, int width) {
    for (int i = 0; i < width; i += Lanes.STEP) {
      FloatVector a = Lanes.load(u, i);
      Lanes.store(a.mul(sigmoid(a)).mul(Lanes.load(v, i)), y, i);
    }
  }

  /**
   * The gradients, {@code dv = dy ⊙ silu(u)} and {@code du = dy ⊙ v ⊙ σ(u) (1 + u (1 − σ(u)))}.
   *
   * @param u overwritten with du
   * @param v overwritten with dv
   * @param dy overwritten with y, which the gradient of the next layer's weight needs
   */
  public static void backward(Floats u, Floats v, Floats dy) {
    Fused.require(v, u.count());
    Fused.require(dy, u.count());
    backward(u.bytes(), v.bytes(), dy.bytes(), u.count() * Float.BYTES);
  }

  private static void backward(ByteBuffer u, ByteBuffer v, ByteBuffer dy, int width) {
    for (int i = 0; i < width; i += Lanes.STEP) {
      FloatVector a = Lanes.load(u, i);
      FloatVector b = Lanes.load(v, i);
      FloatVector g = Lanes.load(dy, i);
      FloatVector sigmoid = sigmoid(a);
      FloatVector silu = a.mul(sigmoid);
      FloatVector slope = sigmoid.add(silu.mul(sigmoid.neg().add(1f)));
      Lanes.store(g.mul(b).mul(slope), u, i);
      Lanes.store(g.mul(silu), v, i);
      Lanes.store(silu.mul(b), dy, i);
    }
  }

  private static FloatVector sigmoid(FloatVector x) {
    FloatVector e = Lanes.exp(x.neg());
    return FloatVector.broadcast(Lanes.SPECIES, 1f).div(e.add(1f));
  }
}
