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
      int width = count * Float.BYTES;
      forwardRow(
          us.memory,
          us.read(at, count),
          vs.memory,
          vs.read(at, count),
          ys.memory,
          ys.open(at),
          width);
      ys.write(at, count);
    }
  }

  private static void forwardRow(
      Object u, int uAt, Object v, int vAt, Object y, int yAt, int width) {
    int toV = vAt - uAt;
    int toY = yAt - uAt;
    for (int i = uAt; i < uAt + width; i += Lanes.STEP) {
      FloatVector a = Lanes.load(u, i);
      Lanes.store(a.mul(sigmoid(a)).mul(Lanes.load(v, i + toV)), y, i + toY);
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
    Window us = Window.on(u, PIECE);
    Window vs = Window.on(v, PIECE);
    Window dys = Window.on(dy, PIECE);
    for (int at = 0; at < u.count(); at += PIECE) {
      int count = Math.min(PIECE, u.count() - at);
      int width = count * Float.BYTES;
      int uAt = us.read(at, count);
      siluRow(us.memory, uAt, width, silus, slopes);
      pullRow(vs.memory, vs.read(at, count), dys.memory, dys.read(at, count), width, silus, slopes);
      storeRow(slopes, us.memory, uAt, width);
      us.write(at, count);
      vs.write(at, count);
      dys.write(at, count);
    }
  }

  /** silu(u) and its derivative. */
  private static void siluRow(Object u, int at, int width, float[] silus, float[] slopes) {
    for (int i = 0, k = 0; i < width; i += Lanes.STEP, k += Lanes.WIDTH) {
      FloatVector a = Lanes.load(u, at + i);
      FloatVector sigmoid = sigmoid(a);
      FloatVector silu = a.mul(sigmoid);
      silu.intoArray(silus, k);
      silu.sub(silu.mul(sigmoid)).add(sigmoid).intoArray(slopes, k);
    }
  }

  /** dv and y in their places; du in place of the slopes. */
  private static void pullRow(
      Object v, int vAt, Object dy, int dyAt, int width, float[] silus, float[] slopes) {
    for (int i = 0, k = 0; i < width; i += Lanes.STEP, k += Lanes.WIDTH) {
      FloatVector b = Lanes.load(v, vAt + i);
      FloatVector g = Lanes.load(dy, dyAt + i);
      FloatVector silu = FloatVector.fromArray(Lanes.SPECIES, silus, k);
      FloatVector slope = FloatVector.fromArray(Lanes.SPECIES, slopes, k);
      Lanes.store(g.mul(silu), v, vAt + i);
      Lanes.store(silu.mul(b), dy, dyAt + i);
      g.mul(b).mul(slope).intoArray(slopes, k);
    }
  }

  private static void storeRow(float[] from, Object to, int at, int width) {
    for (int i = 0, k = 0; i < width; i += Lanes.STEP, k += Lanes.WIDTH) {
      Lanes.store(FloatVector.fromArray(Lanes.SPECIES, from, k), to, at + i);
    }
  }

  private static FloatVector sigmoid(FloatVector x) {
    FloatVector e = Lanes.exp(x.neg());
    return FloatVector.broadcast(Lanes.SPECIES, 1f).div(e.add(1f));
  }
}
