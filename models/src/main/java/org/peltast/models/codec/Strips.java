package org.peltast.models.codec;

import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Attention;
import org.peltast.tensor.nn.Conv2d;
import org.peltast.tensor.nn.GroupNorm;

/**
 * Layers of a convolutional network computed strip by strip, so that a large picture needs memory
 * for a layer's input and output and little else.
 *
 * <p>Unlike tiles that are decoded by themselves and blended, strips are exact: a group norm's
 * statistics are taken over the whole picture first, and a strip is convolved with the rows beside
 * it. There is no seam to hide. It is for passes without gradients; with them, and for small
 * pictures, a layer is computed at once.
 *
 * @param whole a feature map of at most so many numbers is computed at once
 * @param strip the most numbers of a strip, if a row is no more
 */
record Strips(long whole, long strip) {
  /** Feature maps of 128 MB and more are cut, to strips of 32 MB. */
  static final Strips STANDARD = new Strips(1L << 25, 1L << 23);

  /** What is computed of a strip's rows before they are convolved; keeps the size. */
  interface Pointwise {
    Tensor apply(Tensor rows);
  }

  /** What is added to a strip's answer: the rows [from, from + count) of another feature map. */
  interface Addition {
    Tensor rows(long from, long count);
  }

  /** Whether a feature map is computed in strips. */
  boolean cuts(Tensor x, long outElements) {
    return !Autograd.isOn() && Math.max(x.count(), outElements) > whole;
  }

  /**
   * A group norm as a function of strips: its statistics are those of the whole map.
   *
   * @param x [B, C, H, W] float32
   */
  Pointwise normalised(GroupNorm norm, Tensor x) {
    long b = x.size(0);
    long c = x.size(1);
    long height = x.size(2);
    long groups = norm.groups();
    // In double precision and where the map is: no strip waits for its numbers to be read.
    Tensor sums = Tensor.zeros(DType.FLOAT64, x.device(), b, c);
    Tensor squares = Tensor.zeros(DType.FLOAT64, x.device(), b, c);
    long rows = rows(x);
    for (long from = 0; from < height; from += rows) {
      try (Scope s = Scope.open()) {
        long n = Math.min(rows, height - from);
        Tensor part = x.narrow(2, from, n);
        Tensor mean = part.mean(false, 2, 3); // [B, C]
        Tensor centred = part.sub(mean.unsqueeze(-1).unsqueeze(-1));
        Tensor of = mean.to(DType.FLOAT64);
        Tensor spread = centred.square().mean(false, 2, 3).to(DType.FLOAT64);
        double count = (double) n * x.size(3);
        sums.copyFrom(sums.addScaled(of, count));
        squares.copyFrom(squares.addScaled(spread.add(of.square()), count));
      }
    }
    double all = (double) c / groups * height * x.size(3);
    Tensor mean = sums.reshape(b, groups, c / groups).sum(true, -1).div(all); // [B, G, 1]
    Tensor square = squares.reshape(b, groups, c / groups).sum(true, -1).div(all);
    Tensor variance = square.sub(mean.square()).clamp(0, Double.MAX_VALUE);
    Tensor weight = norm.weight().value().to(DType.FLOAT64).reshape(1, groups, c / groups);
    Tensor bias = norm.bias().value().to(DType.FLOAT64).reshape(1, groups, c / groups);
    Tensor factor = weight.div(variance.add(norm.eps()).sqrt()); // [B, G, C / G]
    Tensor scales = factor.to(DType.FLOAT32).reshape(b, c, 1, 1);
    Tensor shifts = bias.sub(mean.mul(factor)).to(DType.FLOAT32).reshape(b, c, 1, 1);
    return part -> part.mul(scales).add(shifts);
  }

  /**
   * A 3 × 3 convolution with padding 1 and stride 1, of a map or of the map enlarged twofold.
   *
   * @param before applied to the map's rows first
   * @param out channels of the answer
   * @param scale 1, or 2 to repeat each pixel in both directions before the convolution
   * @param added to the answer, or null
   */
  Tensor convolve(
      Conv2d conv, Tensor x, Pointwise before, long out, int scale, @Nullable Addition added) {
    long height = scale * x.size(2);
    long width = scale * x.size(3);
    Tensor answer = Tensor.zeros(x.dtype(), x.device(), x.size(0), out, height, width);
    long rows = rows(answer);
    rows -= rows > 1 ? rows % scale : 0;
    rows = Math.max(rows, scale);
    for (long from = 0; from < height; from += rows) {
      try (Scope s = Scope.open()) {
        long n = Math.min(rows, height - from);
        long low = Math.max(0, from / scale - 1);
        long high = Math.min(x.size(2), (from + n + scale - 1) / scale + 1);
        Tensor strip = before.apply(x.narrow(2, low, high - low));
        if (scale > 1) {
          strip = strip.upsampleNearest(scale * strip.size(2), width);
        }
        Tensor part = conv.forward(strip).narrow(2, from - scale * low, n);
        answer.narrow(2, from, n).copyFrom(added == null ? part : part.add(added.rows(from, n)));
      }
    }
    return answer;
  }

  /**
   * A 3 × 3 convolution with stride 2 of a map to which a column is added on the right and a row
   * below.
   */
  Tensor halve(Conv2d conv, Tensor x) {
    long height = (x.size(2) - 2) / 2 + 1;
    long width = (x.size(3) - 2) / 2 + 1;
    Tensor answer = Tensor.zeros(x.dtype(), x.device(), x.size(0), x.size(1), height, width);
    long rows = Math.max(1, rows(x) / 2);
    for (long from = 0; from < height; from += rows) {
      try (Scope s = Scope.open()) {
        long n = Math.min(rows, height - from);
        long low = 2 * from;
        long needed = 2 * n + 1;
        Tensor strip = x.narrow(2, low, Math.min(needed, x.size(2) - low));
        Tensor padded = strip.extend(3, x.size(3) + 1).extend(2, needed);
        answer.narrow(2, from, n).copyFrom(conv.forward(padded).narrow(2, 0, n));
      }
    }
    return answer;
  }

  /** Attention by one head, some queries at a time: [B, 1, S, D] of as many keys and values. */
  Tensor attend(Tensor q, Tensor k, Tensor v) {
    long some = Math.max(1, strip / Math.max(1, q.size(0) * k.size(2)));
    if (Autograd.isOn() || some >= q.size(2)) {
      return Attention.of(q, k, v, null);
    }
    Tensor answer = Tensor.zeros(q.dtype(), q.device(), q.size(0), 1, q.size(2), v.size(3));
    for (long from = 0; from < q.size(2); from += some) {
      try (Scope s = Scope.open()) {
        long n = Math.min(some, q.size(2) - from);
        answer
            .narrow(2, from, n)
            .copyFrom(Attention.of(q.narrow(2, from, n).contiguous(), k, v, null));
      }
    }
    return answer;
  }

  private long rows(Tensor x) {
    return Math.max(1, strip / Math.max(1, x.count() / x.size(2)));
  }
}
