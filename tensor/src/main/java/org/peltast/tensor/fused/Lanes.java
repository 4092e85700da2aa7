package org.peltast.tensor.fused;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;
import org.peltast.tensor.Floats;

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

  /** (1, 0, 3, 2, …): the other one of each pair. */
  static final VectorShuffle<Float> OTHER = SPECIES.shuffleFromOp(i -> i ^ 1);

  /** (0, 0, 2, 2, …) and (1, 1, 3, 3, …): the first and the second of each pair, twice. */
  static final VectorShuffle<Float> FIRST = SPECIES.shuffleFromOp(i -> i & ~1);

  static final VectorShuffle<Float> SECOND = SPECIES.shuffleFromOp(i -> i | 1);

  private static final VectorShuffle<Float> EIGHT_ON = on(8);
  private static final VectorShuffle<Float> FOUR_ON = on(4);
  private static final VectorShuffle<Float> TWO_ON = on(2);
  private static final VectorShuffle<Float> ONE_ON = on(1);

  /** −1, 1, −1, 1, … */
  static final FloatVector SIGNS = FloatVector.fromArray(SPECIES, signs(), 0);

  static final ByteOrder ORDER = ByteOrder.nativeOrder();

  // A constant to the compilers, which so see one of the two paths only.
  private static final boolean SEGMENTS = Floats.SEGMENTS;

  private static final FloatVector LOG2_E = all(1.442695f);
  // −ln 2 in two parts, the first of so few bits that its multiples are exact (Cody and Waite).
  private static final FloatVector LN2_HIGH = all(-0.6933594f);
  private static final FloatVector LN2_LOW = all(2.1219444e-4f);
  private static final FloatVector ROUND = all(12582912f); // 1.5 · 2²³: adding it rounds
  private static final FloatVector ONE = all(1f);
  private static final FloatVector C2 = all(0.5f);
  private static final FloatVector C3 = all(0.16666666f);
  private static final FloatVector C4 = all(0.041665796f);
  private static final FloatVector C5 = all(0.008333452f);
  private static final FloatVector C6 = all(0.0013981999f);
  private static final FloatVector C7 = all(1.9875691e-4f);
  private static final int SIGN = 0x80000000;
  private static final int LIMIT = Float.floatToRawIntBits(88); // 2ⁿ of −88 is a plain 0
  private static final int INFINITY = 0x7f800000; // beyond it, of either sign, are no numbers

  private Lanes() {}

  /** The lane so many places on, round and round. */
  private static VectorShuffle<Float> on(int places) {
    return SPECIES.shuffleFromOp(i -> (i + places) % WIDTH);
  }

  private static float[] signs() {
    float[] s = new float[WIDTH];
    for (int i = 0; i < WIDTH; i++) {
      s[i] = (i & 1) == 0 ? -1 : 1;
    }
    return s;
  }

  /**
   * Finds what {@link #load} and {@link #store} call: byte buffers' vectors were taken away in Java
   * 19, memory segments' came.
   *
   * @throws LinkageError if this Java does not have it
   */
  static void link() {
    if (SEGMENTS) {
      Segments.link();
    } else {
      FloatVector.fromByteBuffer(SPECIES, ByteBuffer.allocate(STEP), 0, ORDER);
      ShortVector.fromByteBuffer(SHORTS, ByteBuffer.allocate(STEP), 0, ORDER);
    }
  }

  /**
   * @param from a {@link Floats#memory}
   * @param at byte
   */
  static FloatVector load(Object from, int at) {
    return SEGMENTS
        ? Segments.load(from, at)
        : FloatVector.fromByteBuffer(SPECIES, (ByteBuffer) from, at, ORDER);
  }

  /** The other way round. */
  static void store(FloatVector v, Object to, int at) {
    if (SEGMENTS) {
      Segments.store(v, to, at);
    } else {
      v.intoByteBuffer((ByteBuffer) to, at, ORDER);
    }
  }

  /** As {@link #load}, from bfloat16. */
  static FloatVector widen(Object from, int at) {
    ShortVector v =
        SEGMENTS
            ? Segments.loadShorts(from, at)
            : ShortVector.fromByteBuffer(SHORTS, (ByteBuffer) from, at, ORDER);
    IntVector bits = (IntVector) v.convertShape(VectorOperators.S2I, INTS, 0);
    return bits.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }

  /**
   * As {@link #store}, to bfloat16: rounded to the nearest, to the even one of two as near, which
   * is libtorch's own rounding. What is no number becomes the one that libtorch's vectors make.
   */
  static void narrow(FloatVector v, Object to, int at) {
    IntVector bits = v.reinterpretAsInts();
    IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
    IntVector rounded = bits.add(odd).add(0x7fff);
    rounded = rounded.blend(-1, bits.and(~SIGN).compare(VectorOperators.GT, INFINITY));
    IntVector high = rounded.lanewise(VectorOperators.LSHR, 16);
    ShortVector narrow = (ShortVector) high.convertShape(VectorOperators.I2S, SHORTS, 0);
    if (SEGMENTS) {
      Segments.storeShorts(narrow, to, at);
    } else {
      narrow.intoByteBuffer((ByteBuffer) to, at, ORDER);
    }
  }

  static FloatVector zero() {
    return FloatVector.zero(SPECIES);
  }

  /** Σ over lanes, always in the same order: halves on halves, until one is left. */
  static float sum(FloatVector v) {
    FloatVector s = v;
    if (WIDTH >= 16) {
      s = s.add(s.rearrange(EIGHT_ON));
    }
    if (WIDTH >= 8) {
      s = s.add(s.rearrange(FOUR_ON));
    }
    s = s.add(s.rearrange(TWO_ON));
    return s.add(s.rearrange(ONE_ON)).lane(0);
  }

  /** The largest lane. */
  static float max(FloatVector v) {
    FloatVector m = v;
    if (WIDTH >= 16) {
      m = larger(m, m.rearrange(EIGHT_ON));
    }
    if (WIDTH >= 8) {
      m = larger(m, m.rearrange(FOUR_ON));
    }
    m = larger(m, m.rearrange(TWO_ON));
    return larger(m, m.rearrange(ONE_ON)).lane(0);
  }

  /** The larger, of numbers. */
  static FloatVector larger(FloatVector a, FloatVector b) {
    return a.blend(b, b.compare(VectorOperators.GT, a));
  }

  /** eˣ to two units in the last place for |x| below 88; 0 or e⁸⁸ beyond. */
  static FloatVector exp(FloatVector x) {
    // Clamped as whole numbers: the JDK's own minimum of floats takes many instructions.
    IntVector bits = x.reinterpretAsInts();
    IntVector size = bits.and(~SIGN).min(LIMIT);
    FloatVector in = size.or(bits.and(SIGN)).reinterpretAsFloats();
    FloatVector shifted = in.fma(LOG2_E, ROUND);
    FloatVector n = shifted.sub(ROUND); // the nearest whole number to x / ln 2
    FloatVector r = n.fma(LN2_LOW, n.fma(LN2_HIGH, in)); // in [−ln 2 / 2, ln 2 / 2]
    FloatVector p = C7.fma(r, C6).fma(r, C5).fma(r, C4).fma(r, C3).fma(r, C2);
    p = p.mul(r).fma(r, r).add(ONE);
    // 2ⁿ from the low bits of n + 1.5 · 2²³, put where the exponent is.
    IntVector exponent =
        shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).add(127 << 23);
    return p.mul(exponent.reinterpretAsFloats());
  }

  private static FloatVector all(float value) {
    return FloatVector.broadcast(SPECIES, value);
  }
}
