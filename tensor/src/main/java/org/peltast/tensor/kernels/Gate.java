package org.peltast.tensor.kernels;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import org.peltast.tensor.HostBuffer;
import org.peltast.tensor.Range;

/** SwiGLU's middle, {@code y = silu(u) ⊙ v} with {@code silu(u) = u σ(u)}. */
public final class Gate {
  /** Numbers a piece: between the loops over it, what they share lies in the nearest cache. */
  private static final int PIECE = 1024;

  private Gate() {}

  /**
   * How rows lie in each matrix. What fills them up is written as zeros: products read it.
   *
   * @param rows of each matrix
   * @param width numbers of a row
   * @param step numbers from one row to the next, a multiple of the vector's length
   */
  public record Layout(int rows, int width, int step) {
    private int together() {
      return Math.max(1, PIECE / step);
    }

    private RowBuffer pieces(HostBuffer matrix) {
      Fused.require(matrix, (long) rows * step);
      return RowBuffer.on(matrix, together() * step);
    }

    /** Rows that are filled up by zeros. */
    private void write(RowBuffer buffer, int row, int count) {
      for (int i = 0; width < step && i < count; i++) {
        Arrays.fill(buffer.floats, i * step + width, (i + 1) * step, 0);
      }
      buffer.write(row * step, count * step);
    }
  }

  /** {@code y = silu(u) ⊙ v}, in either dtype; y may be u. */
  public static void forward(Layout l, HostBuffer u, HostBuffer v, HostBuffer y) {
    Fused.eachRows(l.rows(), l.step(), some -> forward(l, some, u, v, y));
  }

  private static void forward(Layout l, Range rows, HostBuffer u, HostBuffer v, HostBuffer y) {
    RowBuffer us = l.pieces(u);
    RowBuffer vs = l.pieces(v);
    RowBuffer ys = l.pieces(y);
    int end = rows.end();
    for (int row = rows.from(); row < end; row += l.together()) {
      int count = Math.min(l.together(), end - row);
      us.read(row * l.step(), count * l.step());
      vs.read(row * l.step(), count * l.step());
      forwardRows(us.floats, vs.floats, ys.floats, count * l.step());
      l.write(ys, row, count);
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
  public static void backward(Layout l, HostBuffer u, HostBuffer v, HostBuffer dy) {
    Fused.eachRows(l.rows(), l.step(), some -> backward(l, some, u, v, dy));
  }

  private static void backward(Layout l, Range rows, HostBuffer u, HostBuffer v, HostBuffer dy) {
    RowBuffer us = l.pieces(u);
    RowBuffer vs = l.pieces(v);
    RowBuffer dys = l.pieces(dy);
    int end = rows.end();
    for (int row = rows.from(); row < end; row += l.together()) {
      int count = Math.min(l.together(), end - row);
      us.read(row * l.step(), count * l.step());
      vs.read(row * l.step(), count * l.step());
      dys.read(row * l.step(), count * l.step());
      pullRows(us.floats, vs.floats, dys.floats, count * l.step());
      l.write(us, row, count);
      l.write(vs, row, count);
      l.write(dys, row, count);
    }
  }

  private static void pullRows(float[] u, float[] v, float[] dy, int count) {
    for (int i = 0; i < count; i += Lanes.WIDTH) {
      FloatVector a = Lanes.load(u, i);
      FloatVector g = Lanes.load(dy, i);
      FloatVector sigmoid = sigmoid(a);
      FloatVector silu = a.mul(sigmoid);
      FloatVector slope = silu.sub(silu.mul(sigmoid)).add(sigmoid);
      FloatVector b = Lanes.load(v, i);
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
