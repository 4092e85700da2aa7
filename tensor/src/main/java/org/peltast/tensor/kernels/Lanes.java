package org.peltast.tensor.kernels;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The few operations on vectors that the kernels are made of. All are exactly rounded or built from
 * such, in a fixed order: what the interpreter, the first and the second compiler compute are the
 * same bits, or a resumed run would depend on when a method was compiled. That is why sums over
 * lanes and the exponential are written out here instead of asked from the Vector API, whose own
 * leave the order and the last bit open.
 */
final class Lanes {
  static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;

  /** Floats a vector. */
  static final int WIDTH = SPECIES.length();

  /** Bytes a vector. */
  static final int STEP = WIDTH * Float.BYTES;

  /** As many bfloat16 numbers, which to the JDK are whole ones. */
  static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(WIDTH * Short.SIZE));

  private static final VectorSpecies<Integer> INTS =
      VectorSpecies.of(int.class, SPECIES.vectorShape());

  /** 1, 0, 1, 0, … and 0, 1, 0, 1, …: the first of each pair, and the second. */
  private static final FloatVector FIRST = alternating(1, 0);

  private static final FloatVector SECOND = alternating(0, 1);

  private static final FloatVector MINUS_FIRST = alternating(-1, 0);

  private static final float LOG2_E = 1.442695f;
  private static final float ROUND = 12582912f; // 1.5 · 2²³: adding it rounds
  // 2ᶠ for f in [−½, ½], to 1.7 · 10⁻⁷: the least largest relative error with a constant of 1.
  private static final float C1 = 0.693147f;
  private static final float C2 = 0.24022242f;
  private static final float C3 = 0.055507336f;
  private static final float C4 = 0.009671513f;
  private static final float C5 = 0.0013264725f;
  private static final int SIGN = 0x80000000;
  private static final int LIMIT = Float.floatToRawIntBits(88); // 2ⁿ of −88 is a plain 0
  private static final int INFINITY = 0x7f800000; // beyond it, of either sign, are no numbers

  private Lanes() {}

  private static FloatVector alternating(float even, float odd) {
    float[] all = new float[WIDTH];
    for (int i = 0; i < WIDTH; i++) {
      all[i] = (i & 1) == 0 ? even : odd;
    }
    return FloatVector.fromArray(SPECIES, all, 0);
  }

  static FloatVector load(float[] from, int at) {
    return FloatVector.fromArray(SPECIES, from, at);
  }

  static void store(FloatVector v, float[] to, int at) {
    v.intoArray(to, at);
  }

  /** As {@link #load}, from bfloat16. */
  static FloatVector widen(short[] from, int at) {
    ShortVector v = ShortVector.fromArray(SHORTS, from, at);
    IntVector bits = (IntVector) v.convertShape(VectorOperators.S2I, INTS, 0);
    return bits.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }

  /**
   * As {@link #store}, to bfloat16: rounded to the nearest, to the even one of two as near, which
   * is libtorch's own rounding. What is no number becomes the one that libtorch's vectors make.
   */
  static void narrow(FloatVector v, short[] to, int at) {
    IntVector bits = v.reinterpretAsInts();
    IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
    IntVector rounded = bits.add(odd).add(0x7fff);
    rounded = rounded.blend(-1, bits.and(~SIGN).compare(VectorOperators.GT, INFINITY));
    IntVector high = rounded.lanewise(VectorOperators.LSHR, 16);
    ShortVector narrow = (ShortVector) high.convertShape(VectorOperators.I2S, SHORTS, 0);
    narrow.intoArray(to, at);
  }

  /** (b, a) of each pair (a, b): a turn of its 64 bits by half, as the JDK checks each shuffle. */
  static FloatVector swapped(FloatVector pairs) {
    return pairs.reinterpretAsLongs().lanewise(VectorOperators.ROL, 32).reinterpretAsFloats();
  }

  /** (a, a) of each pair. */
  static FloatVector firsts(FloatVector pairs) {
    return pairs.mul(FIRST).add(swapped(pairs).mul(SECOND));
  }

  /** (−b, b) of each pair. */
  static FloatVector signedSeconds(FloatVector pairs) {
    return swapped(pairs).mul(MINUS_FIRST).add(pairs.mul(SECOND));
  }

  static FloatVector zero() {
    return FloatVector.zero(SPECIES);
  }

  /** Room for a vector of each of so many rows. */
  static float[] room(int rows) {
    return new float[rows * WIDTH];
  }

  /**
   * Σ over the lanes of each row's vector, always in the same order: halves on halves, until one is
   * left. Number by number, since the JDK checks a shuffle whenever it is used.
   *
   * @param room the vectors, on return the sums
   */
  static void sumRows(float[] room, int rows) {
    for (int i = 0; i < rows; i++) {
      int at = i * WIDTH;
      room[i] =
          (column(room, at) + column(room, at + 2)) + (column(room, at + 1) + column(room, at + 3));
    }
  }

  /** Every fourth lane from one on. */
  private static float column(float[] l, int i) {
    return WIDTH == 16 ? (l[i] + l[i + 8]) + (l[i + 4] + l[i + 12]) : l[i] + l[i + 4];
  }

  /** The largest lane; one that is no number and positive counts as larger than all. */
  static float largest(FloatVector v) {
    // In whole numbers, where floats' order is theirs once negative ones are turned round: the
    // JDK's own maximum of floats takes many instructions.
    IntVector bits = v.reinterpretAsInts();
    int most = inOrder(bits).reduceLanes(VectorOperators.MAX);
    return Float.intBitsToFloat(most ^ (most >> 31 & ~SIGN));
  }

  private static IntVector inOrder(IntVector bits) {
    return bits.lanewise(VectorOperators.ASHR, 31).and(~SIGN).lanewise(VectorOperators.XOR, bits);
  }

  /** The larger, of numbers. */
  static FloatVector larger(FloatVector a, FloatVector b) {
    return a.blend(b, b.compare(VectorOperators.GT, a));
  }

  /** eˣ to 3 · 10⁻⁷ for |x| below 87; beyond 88, and for what is no number, 0 or e⁸⁸. */
  static FloatVector exp(FloatVector x) {
    // Clamped as whole numbers: the JDK's own minimum of floats takes many instructions.
    IntVector bits = x.reinterpretAsInts();
    IntVector size = bits.and(~SIGN).min(LIMIT);
    FloatVector in = size.or(bits.and(SIGN)).reinterpretAsFloats();
    FloatVector log2e = all(LOG2_E);
    FloatVector shifted = in.fma(log2e, all(ROUND));
    FloatVector n = shifted.sub(ROUND); // the nearest whole number to x / ln 2
    FloatVector f = in.fma(log2e, n.neg());
    FloatVector p = all(C5).fma(f, all(C4)).fma(f, all(C3)).fma(f, all(C2)).fma(f, all(C1));
    p = p.fma(f, all(1));
    // 2ⁿ from the low bits of n + 1.5 · 2²³, put where the exponent is.
    IntVector exponent =
        shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).add(127 << 23);
    return p.mul(exponent.reinterpretAsFloats());
  }

  private static FloatVector all(float value) {
    return FloatVector.broadcast(SPECIES, value);
  }
}
