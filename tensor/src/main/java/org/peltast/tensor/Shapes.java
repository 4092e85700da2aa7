package org.peltast.tensor;

import java.util.Arrays;

/** The checks that stand between a caller's mistake and native code. */
final class Shapes {
  private Shapes() {}

  /** The number of elements of a shape that may be asked for. */
  static long requireValid(String name, long[] shape) {
    long n = 1;
    for (long s : shape) {
      if (s < 0) {
        throw new TensorException(
            name + ": the shape " + Arrays.toString(shape) + " has a negative size");
      }
      if (s != 0 && n > (Long.MAX_VALUE >> 4) / s) {
        throw new TensorException(
            name + ": the shape " + Arrays.toString(shape) + " has too many elements");
      }
      n *= s;
    }
    return n;
  }

  static void requireCount(String name, long values, long[] shape) {
    if (requireValid(name, shape) != values) {
      throw new TensorException(
          name + ": " + values + " values do not fill the shape " + Arrays.toString(shape));
    }
  }

  /** The product of sizes that are not negative, if there can be so many elements. */
  static long product(String name, long... sizes) {
    return requireValid(name, sizes);
  }

  /** The sum of two numbers of elements, if there can be so many. */
  static long sum(String name, long a, long b) {
    if (a > (Long.MAX_VALUE >> 4) - b) {
      throw new TensorException(name + " would give too many elements");
    }
    return a + b;
  }

  static int dim(String name, int dim, int rank) {
    int d = dim < 0 ? dim + rank : dim;
    if (d < 0 || d >= rank) {
      throw new TensorException(
          name + ": there is no dimension " + dim + " in a tensor of rank " + rank);
    }
    return d;
  }

  static long[] dims(String name, int rank, int... dims) {
    if (dims.length == 0) {
      throw new TensorException(name + " needs at least one dimension");
    }
    long[] out = new long[dims.length];
    boolean[] seen = new boolean[rank];
    for (int i = 0; i < dims.length; i++) {
      int d = dim(name, dims[i], rank);
      if (seen[d]) {
        throw new TensorException(name + ": dimension " + dims[i] + " is named twice");
      }
      seen[d] = true;
      out[i] = d;
    }
    return out;
  }

  static long[] permutation(int rank, int... order) {
    if (order.length != rank) {
      throw new TensorException(
          "permute: " + Arrays.toString(order) + " does not name all " + rank + " dimensions");
    }
    return rank == 0 ? new long[0] : dims("permute", rank, order);
  }

  static void requireNotEmpty(String name, long[] shape, long... dims) {
    for (long d : dims) {
      if (shape[(int) d] == 0) {
        throw new TensorException(name + " over an empty dimension of " + Arrays.toString(shape));
      }
    }
  }

  static long[] broadcast(String name, long[] a, long[] b) {
    long[] out = new long[Math.max(a.length, b.length)];
    for (int i = 1; i <= out.length; i++) {
      long x = i <= a.length ? a[a.length - i] : 1;
      long y = i <= b.length ? b[b.length - i] : 1;
      if (x != y && x != 1 && y != 1) {
        throw new TensorException(
            name
                + ": the shapes "
                + Arrays.toString(a)
                + " and "
                + Arrays.toString(b)
                + " do not broadcast");
      }
      out[out.length - i] = x == 1 ? y : x;
    }
    return out;
  }

  /** The number of elements of a matrix product. */
  static long requireMatmul(long[] a, long[] b) {
    if (a.length < 2 || b.length < 2 || a[a.length - 1] != b[b.length - 2]) {
      throw new TensorException(
          "matmul: "
              + Arrays.toString(a)
              + " and "
              + Arrays.toString(b)
              + " do not fit as matrices");
    }
    long[] batch =
        a.length == 2 && b.length == 2
            ? new long[0]
            : broadcast("matmul", Arrays.copyOf(a, a.length - 2), Arrays.copyOf(b, b.length - 2));
    return product("matmul", product("matmul", batch), a[a.length - 2], b[b.length - 1]);
  }

  static long[] infer(String name, long count, long[] wanted) {
    long known = 1;
    int open = -1;
    for (int i = 0; i < wanted.length; i++) {
      if (wanted[i] == -1 && open < 0) {
        open = i;
      } else if (wanted[i] < 0 || (wanted[i] != 0 && known > Long.MAX_VALUE / wanted[i])) {
        throw new TensorException(name + ": " + Arrays.toString(wanted) + " is not a shape");
      } else {
        known *= wanted[i];
      }
    }
    long[] full = wanted.clone();
    if (open >= 0) {
      if (known == 0 || count % known != 0) {
        throw new TensorException(
            name + ": " + count + " elements do not divide into " + Arrays.toString(wanted));
      }
      full[open] = count / known;
    } else if (known != count) {
      throw new TensorException(
          name + ": " + count + " elements do not fill " + Arrays.toString(wanted));
    }
    return full;
  }

  static long[] expand(long[] shape, long[] wanted) {
    boolean fits = wanted.length >= shape.length;
    long[] full = wanted.clone();
    for (int i = 1; fits && i <= wanted.length; i++) {
      long s = i <= shape.length ? shape[shape.length - i] : 1;
      int at = wanted.length - i;
      if (full[at] == -1 && i <= shape.length) {
        full[at] = s;
      }
      fits = full[at] >= 0 && (s == full[at] || s == 1);
    }
    if (!fits) {
      throw new TensorException(
          "expand: " + Arrays.toString(shape) + " does not expand to " + Arrays.toString(wanted));
    }
    requireValid("expand", full);
    return full;
  }

  static void requireEqualExcept(String name, long[] a, long[] b, int except) {
    boolean same = a.length == b.length;
    for (int i = 0; same && i < a.length; i++) {
      same = i == except || a[i] == b[i];
    }
    if (!same) {
      throw new TensorException(
          name
              + ": the shapes "
              + Arrays.toString(a)
              + " and "
              + Arrays.toString(b)
              + " do not fit");
    }
  }
}
