package org.peltast.tensor;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import org.jspecify.annotations.Nullable;
import org.peltast.safetensors.SafetensorsType;

/**
 * The 8-bit floating-point formats as tables of their 256 values. They are formats of storage here:
 * nothing is computed in them.
 *
 * <p>Micikevicius et al., FP8 Formats for Deep Learning, 2022 (E5M2, E4M3), and their FNUZ variants
 * without infinities and negative zero.
 */
final class Float8 {
  private static final float[] E4M3 = table(4, 7, Special.LAST);
  private static final float[] E5M2 = table(5, 15, Special.IEEE);
  private static final float[] E4M3FNUZ = table(4, 8, Special.NEGATIVE_ZERO);
  private static final float[] E5M2FNUZ = table(5, 16, Special.NEGATIVE_ZERO);

  /** Which codes are no numbers. */
  private enum Special {
    /** The greatest exponent: infinities and NaNs. */
    IEEE,
    /** Exponent and mantissa all ones alone: NaN; there are no infinities. */
    LAST,
    /** Negative zero alone: NaN; there are no infinities. */
    NEGATIVE_ZERO
  }

  private Float8() {}

  /** The values of a format by their codes; null if it is none of these. */
  static float @Nullable [] table(SafetensorsType type) {
    return switch (type) {
      case F8_E4M3 -> E4M3;
      case F8_E5M2 -> E5M2;
      case F8_E4M3FNUZ -> E4M3FNUZ;
      case F8_E5M2FNUZ -> E5M2FNUZ;
      default -> null;
    };
  }

  /** Looks codes up; as many as there are. */
  static void widen(float[] table, ByteBuffer codes, FloatBuffer into) {
    while (codes.hasRemaining()) {
      into.put(table[codes.get() & 0xff]);
    }
  }

  private static float[] table(int exponentBits, int bias, Special special) {
    int mantissaBits = 7 - exponentBits;
    int ones = (1 << exponentBits) - 1;
    float[] values = new float[256];
    for (int code = 0; code < 256; code++) {
      int exponent = code >> mantissaBits & ones;
      int mantissa = code & (1 << mantissaBits) - 1;
      double fraction = (double) mantissa / (1 << mantissaBits);
      double value =
          exponent == 0
              ? fraction * Math.pow(2, 1 - bias)
              : (1 + fraction) * Math.pow(2, exponent - bias);
      boolean greatest = exponent == ones;
      if (special == Special.IEEE && greatest) {
        value = mantissa == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
      } else if (special == Special.LAST && (code & 0x7f) == 0x7f) {
        value = Double.NaN;
      } else if (special == Special.NEGATIVE_ZERO && code == 0x80) {
        value = Double.NaN;
      }
      values[code] = (float) (code < 0x80 ? value : -value);
    }
    return values;
  }
}
