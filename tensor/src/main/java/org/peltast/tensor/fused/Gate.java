package org.peltast.tensor.fused;

import jdk.incubator.vector.FloatVector;
import org.peltast.tensor.Floats;

/** SwiGLU's middle, {@code y = silu(u) ⊙ v} with {@code silu(u) = u σ(u)}. */
public final class Gate {
  /** Numbers a piece, between whose loops what they share lies in an array. */
  private static final int PIECE = 1024;

  private Gate() {}

  /** {@code y = silu(u) ⊙ v}; all of one size, a multiple of the vector's. */
  public static void forward(Floats u, Floats v, Floats y) {
    Fused.require(v, u.count());
    Fused.require(y, u.count());
    forwardRow(u.memory(), v.memory(), y.memory(), u.count() * Float.BYTES);
  }

  private static void forwardRow(Object u, Object v, Object y, int width) {
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
    float[] silus = new float[PIECE];
    float[] slopes = new float[PIECE];
    int size = u.count() * Float.BYTES;
    for (int at = 0; at < size; at += PIECE * Float.BYTES) {
      int end = Math.min(size, at + PIECE * Float.BYTES);
      siluRow(u.memory(), at, end, silus, slopes);
      pullRow(v.memory(), dy.memory(), at, end, silus, slopes);
      storeRow(slopes, u.memory(), at, end);
    }
  }

  /** silu(u) and its derivative. */
  private static void siluRow(Object u, int at, int end, float[] silus, float[] slopes) {
    for (int i = at, k = 0; i < end; i += Lanes.STEP, k += Lanes.WIDTH) {
      FloatVector a = Lanes.load(u, i);
      FloatVector sigmoid = sigmoid(a);
      FloatVector silu = a.mul(sigmoid);
      silu.intoArray(silus, k);
      silu.sub(silu.mul(sigmoid)).add(sigmoid).intoArray(slopes, k);
    }
  }

  /** dv and y in their places; du in place of the slopes. */
  private static void pullRow(Object v, Object dy, int at, int end, float[] silus, float[] slopes) {
    for (int i = at, k = 0; i < end; i += Lanes.STEP, k += Lanes.WIDTH) {
      FloatVector b = Lanes.load(v, i);
      FloatVector g = Lanes.load(dy, i);
      FloatVector silu = FloatVector.fromArray(Lanes.SPECIES, silus, k);
      FloatVector slope = FloatVector.fromArray(Lanes.SPECIES, slopes, k);
      Lanes.store(g.mul(silu), v, i);
      Lanes.store(silu.mul(b), dy, i);
      g.mul(b).mul(slope).intoArray(slopes, k);
    }
  }

  private static void storeRow(float[] from, Object to, int at, int end) {
    for (int i = at, k = 0; i < end; i += Lanes.STEP, k += Lanes.WIDTH) {
      Lanes.store(FloatVector.fromArray(Lanes.SPECIES, from, k), to, i);
    }
  }

  private static FloatVector sigmoid(FloatVector x) {
    FloatVector e = Lanes.exp(x.neg());
    return FloatVector.broadcast(Lanes.SPECIES, 1f).div(e.add(1f));
  }
}
