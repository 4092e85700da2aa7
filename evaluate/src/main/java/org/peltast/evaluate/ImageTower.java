package org.peltast.evaluate;

import java.util.ArrayList;
import java.util.List;
import org.peltast.tensor.Parameter;
import org.peltast.tensor.Parameters;
import org.peltast.tensor.Tensor;

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

  private final Convolution stem;
  private final List<Stage> stages = new ArrayList<>();
  private final Norm last;

  ImageTower(Parameters p, List<Integer> widths) {
    stem = new Convolution(p.at("stem"), 3, widths.get(0), 2, 1);
    for (int i = 1; i < widths.size(); i++) {
      stages.add(new Stage(p.at("stages." + (i - 1)), widths.get(i - 1), widths.get(i)));
    }
    last = new Norm(p.at("norm"), widths.get(widths.size() - 1));
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
    private final Norm norm;
    private final Convolution down;
    private final Norm norm1;
    private final Convolution conv1;
    private final Norm norm2;
    private final Convolution conv2;

    Stage(Parameters p, int in, int out) {
      norm = new Norm(p.at("norm"), in);
      down = new Convolution(p.at("down"), in, out, 2, 1);
      norm1 = new Norm(p.at("norm1"), out);
      conv1 = new Convolution(p.at("conv1"), out, out, 1, 1);
      norm2 = new Norm(p.at("norm2"), out);
      conv2 = new Convolution(p.at("conv2"), out, out, 1, 0.3);
    }

    Tensor forward(Tensor x) {
      Tensor y = down.forward(norm.forward(x).silu()); // [n, out, h/2, w/2]
      Tensor r = conv1.forward(norm1.forward(y).silu());
      return y.add(conv2.forward(norm2.forward(r).silu()));
    }
  }

  /** A 3 × 3 convolution with bias. */
  private static final class Convolution {
    private final Parameter weight; // [out, in, 3, 3]
    private final Parameter bias; // [out]
    private final int stride;

    /** The gain scales the initial weights: residuals begin small. */
    Convolution(Parameters p, int in, int out, int stride, double gain) {
      double deviation = gain * Math.sqrt(2.0 / (9 * in));
      weight = p.declare("weight", new Parameters.Init.Normal(deviation), out, in, 3, 3);
      bias = p.declare("bias", Parameters.Init.zeros(), out);
      this.stride = stride;
    }

    Tensor forward(Tensor x) {
      return x.conv2d(weight.value(), bias.value(), stride, 1);
    }
  }

  /** Group norm with a weight and a bias a channel. */
  private static final class Norm {
    private final Parameter weight; // [channels]
    private final Parameter bias; // [channels]

    Norm(Parameters p, int channels) {
      weight = p.declare("weight", Parameters.Init.ones(), channels);
      bias = p.declare("bias", Parameters.Init.zeros(), channels);
    }

    Tensor forward(Tensor x) {
      return x.groupNorm(GROUPS, weight.value(), bias.value(), EPS);
    }
  }
}
