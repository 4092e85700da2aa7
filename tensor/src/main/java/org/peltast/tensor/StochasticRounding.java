package org.peltast.tensor;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * Rounding of float32 to one of the two nearest bfloat16 numbers at random, to the nearer one more
 * often, so that the expected result is the number itself (Gupta et al., "Deep learning with
 * limited numerical precision", 2015). What rounding to the nearest loses for ever, as steps
 * smaller than half a unit in the last place, stays on the average.
 *
 * <p>The random bits are a function of a seed and of an element's place, the same on every device:
 * they have no state, and need none to be resumed.
 */
public final class StochasticRounding {
  private static final int EACH = 16; // bits of a float32 that bfloat16 lacks
  private static final int MOST = Long.SIZE / EACH;

  private StochasticRounding() {}

  /**
   * 64 random bits for each of consecutive places: the finaliser of SplitMix64 (Steele, Lea and
   * Flood, 2014).
   *
   * @return int64 [count]
   */
  public static Tensor bits(long seed, long from, long count, Device device) {
    if (device.kind() == Device.Kind.META) {
      return Tensor.zeros(DType.INT64, device, count); // it knows no shifts
    }
    return Tensor.op(
        "bits",
        () -> {
          try (Scalar begin = new Scalar(from);
              Scalar end = new Scalar(from + count);
              TensorOptions options = Tensor.options(DType.INT64, device)) {
            org.bytedeco.pytorch.Tensor z = torch.arange(begin, end, options);
            add(z, seed);
            multiply(z, 0x9E3779B97F4A7C15L);
            mix(z, 30);
            multiply(z, 0xBF58476D1CE4E5B9L);
            mix(z, 27);
            multiply(z, 0x94D049BB133111EBL);
            mix(z, 31);
            return z;
          }
        });
  }

  private static void add(org.bytedeco.pytorch.Tensor z, long value) {
    try (Scalar s = new Scalar(value)) {
      z.add_(s);
    }
  }

  private static void multiply(org.bytedeco.pytorch.Tensor z, long factor) {
    try (Scalar s = new Scalar(factor)) {
      z.mul_(s);
    }
  }

  private static void mix(org.bytedeco.pytorch.Tensor z, long shift) {
    // The shift brings the sign in from the left, where zeros belong.
    try (Scalar s = new Scalar(shift);
        Scalar own = new Scalar(-1L >>> shift);
        org.bytedeco.pytorch.Tensor shifted = z.__rshift__(s)) {
      shifted.bitwise_and_(own);
      z.bitwise_xor_(shifted);
    }
  }

  /**
   * Rounds; a number of bfloat16 stays what it is.
   *
   * @param x float32, finite
   * @param bits from {@link #bits}, as many as x has elements
   * @param use which sixteen of each are used, from 0 to 3
   * @return bfloat16, of x's shape
   * @throws TensorException if they do not fit each other
   */
  public static Tensor toBfloat16(Tensor x, Tensor bits, int use) {
    if (x.dtype() != DType.FLOAT32
        || bits.dtype() != DType.INT64
        || bits.count() != x.count()
        || !bits.device().equals(x.device())
        || use < 0
        || use >= MOST) {
      throw new TensorException(
          "stochastic rounding needs float32 and as many random bits, got "
              + x
              + ", "
              + bits
              + " and their part "
              + use);
    }
    if (x.device().kind() == Device.Kind.META) {
      return x.to(DType.BFLOAT16);
    }
    return Tensor.op(
        "toBfloat16",
        () -> {
          try (Scalar shift = new Scalar((long) use * EACH);
              Scalar low = new Scalar(0xFFFFL);
              Scalar high = new Scalar(-0x10000L);
              org.bytedeco.pytorch.Tensor shifted = bits.raw().__rshift__(shift);
              org.bytedeco.pytorch.Tensor part = shifted.bitwise_and(low);
              org.bytedeco.pytorch.Tensor random = part.to(torch.ScalarType.Int);
              org.bytedeco.pytorch.Tensor shaped = random.view(x.shape());
              org.bytedeco.pytorch.Tensor own = x.raw().contiguous();
              org.bytedeco.pytorch.Tensor number = own.view(torch.ScalarType.Int);
              org.bytedeco.pytorch.Tensor sum = number.add(shaped)) {
            sum.bitwise_and_(high);
            try (org.bytedeco.pytorch.Tensor rounded = sum.view(torch.ScalarType.Float)) {
              return rounded.to(torch.ScalarType.BFloat16);
            }
          }
        });
  }
}
