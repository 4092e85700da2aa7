package org.peltast.tensor;

import java.nio.charset.StandardCharsets;

/**
 * A seeded stream of random numbers that is the same on every machine and device: Philox 4×32 with
 * ten rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
 *
 * <p>The generator is a function from (key, counter) to numbers, so its whole state is three longs
 * and a stream for any purpose can be had without drawing through the ones before it: {@link #fork}
 * derives an independent stream from a name or a number, which is how "the noise of update 4711" is
 * a pure function of the seed.
 */
public final class Rng {
  private static final int M0 = 0xD2511F53;
  private static final int M1 = 0xCD9E8D57;
  private static final int W0 = 0x9E3779B9;
  private static final int W1 = 0xBB67AE85;

  private final long key;
  private final long stream;
  private long counter;
  private final int[] block = new int[4];
  private int used = 4;

  private Rng(long key, long stream) {
    this.key = key;
    this.stream = stream;
  }

  /** The stream of a seed, from its beginning. */
  public static Rng of(long seed) {
    return new Rng(seed, 0);
  }

  /** An independent stream, a function of this one's seed and path and of a name. */
  public Rng fork(String name) {
    long h = 0xcbf29ce484222325L; // FNV-1a
    for (byte b : name.getBytes(StandardCharsets.UTF_8)) {
      h = (h ^ (b & 0xff)) * 0x100000001b3L;
    }
    return fork(h);
  }

  /** An independent stream, a function of this one's seed and path and of a number. */
  public Rng fork(long number) {
    int[] mixed = new int[4];
    philox(
        (int) number,
        (int) (number >>> 32),
        (int) stream,
        (int) (stream >>> 32) ^ 0x5bd1e995,
        key,
        mixed);
    long newKey = (mixed[0] & 0xffffffffL) | ((long) mixed[1] << 32);
    long newStream = (mixed[2] & 0xffffffffL) | ((long) mixed[3] << 32);
    return new Rng(newKey, newStream);
  }

  /**
   * What {@link #restore} needs to go on from here: key, stream, and the number of 32-bit words
   * drawn.
   */
  public long[] state() {
    return new long[] {key, stream, counter * 4 - (4 - used)};
  }

  /**
   * The stream at a saved state.
   *
   * @throws TensorException if the state is not one that {@link #state} gave
   */
  public static Rng restore(long... state) {
    if (state.length != 3 || state[2] < 0) {
      throw new TensorException("a random stream's state is three numbers, the last not negative");
    }
    Rng rng = new Rng(state[0], state[1]);
    rng.counter = state[2] / 4;
    int rest = (int) (state[2] % 4);
    if (rest > 0) {
      rng.refill();
      rng.used = rest;
    }
    return rng;
  }

  /** Ten rounds of Philox on one counter block of 128 bits under a key of 64. */
  static void philox(int c0, int c1, int c2, int c3, long key, int[] out) {
    int k0 = (int) key;
    int k1 = (int) (key >>> 32);
    for (int round = 0; round < 10; round++) {
      long p0 = (M0 & 0xffffffffL) * (c0 & 0xffffffffL);
      long p1 = (M1 & 0xffffffffL) * (c2 & 0xffffffffL);
      int n0 = (int) (p1 >>> 32) ^ c1 ^ k0;
      int n2 = (int) (p0 >>> 32) ^ c3 ^ k1;
      c1 = (int) p1;
      c3 = (int) p0;
      c0 = n0;
      c2 = n2;
      k0 += W0;
      k1 += W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
  }

  private void refill() {
    philox((int) counter, (int) (counter >>> 32), (int) stream, (int) (stream >>> 32), key, block);
    counter++;
    used = 0;
  }

  /** The next 32 random bits. */
  public int nextBits() {
    if (used == 4) {
      refill();
    }
    return block[used++];
  }

  /** A number uniform in [0, 1), a multiple of 2⁻²⁴. */
  public float uniform() {
    return (nextBits() >>> 8) * 0x1p-24f;
  }

  /** A number uniform in [low, high). */
  public double uniform(double low, double high) {
    long bits = ((long) (nextBits() >>> 5) << 26) | (nextBits() >>> 6);
    return low + (high - low) * (bits * 0x1p-53);
  }

  /**
   * A whole number uniform in [0, bound), without bias.
   *
   * @throws TensorException if the bound is not positive
   */
  public int below(int bound) {
    if (bound <= 0) {
      throw new TensorException("below needs a positive bound, got " + bound);
    }
    // Lemire's multiplication with rejection.
    long product = (nextBits() & 0xffffffffL) * bound;
    if ((int) product - bound < 0 || (product & 0xffffffffL) < bound) {
      long threshold = ((1L << 32) - bound) % bound;
      while ((product & 0xffffffffL) < threshold) {
        product = (nextBits() & 0xffffffffL) * bound;
      }
    }
    return (int) (product >>> 32);
  }

  /** A standard normal number. */
  public double normal() {
    float[] pair = new float[2];
    fillNormal(pair);
    return pair[0];
  }

  /**
   * A shuffled array of 0 … n − 1.
   *
   * @throws TensorException if n is negative or beyond what the Java heap holds
   */
  public int[] permutation(int n) {
    if (n < 0) {
      throw new TensorException("permutation needs a length of at least 0, got " + n);
    }
    int[] p = new int[MemoryGuard.requireArray("permutation", n, 4)];
    for (int i = 0; i < n; i++) {
      int j = below(i + 1);
      p[i] = p[j];
      p[j] = i;
    }
    return p;
  }

  /** Standard normal float32 [shape] on the CPU. */
  public Tensor normal(long... shape) {
    float[] values =
        new float[MemoryGuard.requireArray("normal", Shapes.requireValid("normal", shape), 4)];
    fillNormal(values);
    return Tensor.of(values, shape);
  }

  /** Float32 [shape] uniform in [low, high) on the CPU. */
  public Tensor uniform(double low, double high, long... shape) {
    float[] values =
        new float[MemoryGuard.requireArray("uniform", Shapes.requireValid("uniform", shape), 4)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (low + (high - low) * uniform());
    }
    return Tensor.of(values, shape);
  }

  /** Box–Muller in double precision with StrictMath, so that every JVM gives the same bits. */
  private void fillNormal(float[] out) {
    for (int i = 0; i < out.length; i += 2) {
      double u = ((nextBits() >>> 1) + 0.5) * 0x1p-31; // never 0
      double angle = 2 * Math.PI * ((nextBits() >>> 1) * 0x1p-31);
      double radius = StrictMath.sqrt(-2 * StrictMath.log(u));
      out[i] = (float) (radius * StrictMath.cos(angle));
      if (i + 1 < out.length) {
        out[i + 1] = (float) (radius * StrictMath.sin(angle));
      }
    }
  }
}
