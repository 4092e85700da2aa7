package org.peltast.tensor;

import org.bytedeco.pytorch.Scalar;

/** Numbers as libtorch wants them: whole for whole dtypes. */
final class Scalars {
  private Scalars() {}

  static Scalar of(DType dtype, double value) {
    if (dtype.isFloating() || dtype == DType.COMPLEX64) {
      return new Scalar(value);
    }
    // −2⁶³ … 2⁶³ − 1; NaN is not equal to itself.
    if (value != Math.rint(value) || value < -0x1p63 || value >= 0x1p63) {
      throw new TensorException(
          "the number "
              + value
              + " does not fit a tensor of "
              + dtype
              + "; convert the tensor with to(DType)");
    }
    return new Scalar((long) value);
  }
}
