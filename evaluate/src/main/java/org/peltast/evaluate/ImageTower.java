package org.peltast.evaluate;

import java.util.ArrayList;
import java.util.List;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Conv2d;
import org.peltast.tensor.nn.GroupNorm;
import org.peltast.tensor.nn.Parameters;
import org.peltast.tensor.nn.Parameters.Init;

/**
 * A small residual network (He et al., 2016, with norms before convolutions): a strided stem, three
 * strided stages of one block each, and the mean over what is left of the picture.
 *
 * <p>Group norm, not batch norm: a picture's features must not depend on its neighbours in the
 * batch.
 */
final class ImageTower {
  private static final int GROUPS = 8;
  private static final double EPS = 1e-5;

  private final Conv2d stem;
  private final List<Stage> stages = new ArrayList<>();
  private final GroupNorm last;

  ImageTower(Parameters p, List<Integer> widths) {
    stem = convolution(p.at("stem"), 3, widths.get(0), 2, 1);
    for (int i = 1; i < widths.size(); i++) {
      stages.add(new Stage(p.at("stages." + (i - 1)), widths.get(i - 1), widths.get(i)));
    }
    last = norm(p.at("norm"), widths.get(widths.size() - 1));
  }

  /**
   * Features of pictures.
   *
   * @param images [n, 3, s, s] in [0, 1]
   * @return [n, d]
   */
  Tensor forward(Tensor images) {
    Tensor x = stem.forward(images.mul(2).sub(1)); // [n, w0, s/2, s/2]
    for (Stage stage : stages) {
      x = stage.forward(x); // [n, w, s/4, s/4], then s/8, s/16
    }
    return last.forward(x).silu().mean(false, 2, 3); // [n, d]
  }

  /** Halves the picture, then adds a residual of two convolutions. */
  private static final class Stage {
    private final GroupNorm norm;
    private final Conv2d down;
    private final GroupNorm norm1;
    private final Conv2d conv1;
    private final GroupNorm norm2;
    private final Conv2d conv2;

    Stage(Parameters p, int in, int out) {
      norm = norm(p.at("norm"), in);
      down = convolution(p.at("down"), in, out, 2, 1);
      norm1 = norm(p.at("norm1"), out);
      conv1 = convolution(p.at("conv1"), out, out, 1, 1);
      norm2 = norm(p.at("norm2"), out);
      conv2 = convolution(p.at("conv2"), out, out, 1, 0.3);
    }

    Tensor forward(Tensor x) {
      Tensor y = down.forward(norm.forward(x).silu()); // [n, out, h/2, w/2]
      Tensor r = conv1.forward(norm1.forward(y).silu());
      return y.add(conv2.forward(norm2.forward(r).silu()));
    }
  }

  /** 3 × 3 with bias; the gain scales the initial weights, so that residuals begin small. */
  private static Conv2d convolution(Parameters p, int in, int out, int stride, double gain) {
    double deviation = gain * Math.sqrt(2.0 / (9 * in));
    return new Conv2d(p, in, out, 3, stride, 1, new Init.Normal(deviation), Init.zeros());
  }

  private static GroupNorm norm(Parameters p, int channels) {
    return new GroupNorm(p, GROUPS, channels, EPS);
  }
}
