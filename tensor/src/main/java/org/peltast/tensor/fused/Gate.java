package org.peltast.tensor.fused;

import jdk.incubator.vector.FloatVector;
import org.peltast.tensor.Floats;

/** SwiGLU's middle, {@code y = silu(u) ⊙ v} with {@code silu(u) = u σ(u)}. */
public final class Gate {
  /** Numbers a piece: between the loops over it, what they share lies in the nearest cache. */
  private static final int PIECE = 1024;

  private Gate() {}

  /** {@code y = silu(u) ⊙ v}; all of one size, a multiple of the vector's, in either dtype. */
  public static void forward(Floats u, Floats v, Floats y) {
    Fused.require(v, u.count());
    Fused.require(y, u.count());
    Window us = Window.on(u, PIECE);
    Window vs = Window.on(v, PIECE);
    Window ys = Window.on(y, PIECE);
    for (int at = 0; at < u.count(); at += PIECE) {
      int count = Math.min(PIECE, u.count() - at);
      us.read(at, count);
      vs.read(at, count);
      forwardRows(us.floats, vs.floats, ys.floats, count);
      ys.write(at, count);
    }
  }

  private static void forwardRows(float[] u, float[] v, float[] y, int count) {
    for (int i = 0; i < count; i += Lanes.WIDTH) {
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
    Window us = Window.on(u, PIECE);
    Window vs = Window.on(v, PIECE);
    Window dys = Window.on(dy, PIECE);
    for (int at = 0; at < u.count(); at += PIECE) {
      int count = Math.min(PIECE, u.count() - at);
      us.read(at, count);
      vs.read(at, count);
      dys.read(at, count);
      siluRows(us.floats, silus, count);
      pullRows(us.floats, vs.floats, dys.floats, silus, count);
      us.write(at, count);
      vs.write(at, count);
      dys.write(at, count);
    }
  }

  /** silu(u), and its derivative in u's place. */
  private static void siluRows(float[] u, float[] silus, int count) {
    for (int i = 0; i < count; i += Lanes.WIDTH) {
      FloatVector a = Lanes.load(u, i);
      FloatVector sigmoid = sigmoid(a);
      FloatVector silu = a.mul(sigmoid);
      Lanes.store(silu, silus, i);
      Lanes.store(silu.sub(silu.mul(sigmoid)).add(sigmoid), u, i);
    }
  }

  /** dv and y in their places; du in that of the derivative. */
  private static void pullRows(float[] slope, float[] v, float[] dy, float[] silus, int count) {
    for (int i = 0; i < count; i += Lanes.WIDTH) {
      FloatVector b = Lanes.load(v, i);
      FloatVector g = Lanes.load(dy, i);
      FloatVector silu = Lanes.load(silus, i);
      Lanes.store(g.mul(silu), v, i);
      Lanes.store(silu.mul(b), dy, i);
      Lanes.store(g.mul(b).mul(Lanes.load(slope, i)), slope, i);
    }
  }

  private static FloatVector sigmoid(FloatVector x) {
    FloatVector e = Lanes.exp(x.neg());
    return FloatVector.broadcast(Lanes.SPECIES, 1f).div(e.add(1f));
  }
}
