package org.peltast.report;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;

/**
 * Lossless WebP (VP8L), opaque: green subtracted from red and blue, each channel predicted from its
 * left or upper neighbour (the format's "select"), residuals under one prefix code a channel.
 *
 * <p>Google, WebP Lossless Bitstream Specification. Neither backward references nor a colour cache
 * are written, so files are larger than libwebp's.
 */
final class WebpEncoder {
  /** The format's longest edge. */
  static final int LONGEST_EDGE = 1 << 14;

  private static final int SIGNATURE = 0x2f;
  private static final int PREDICTOR = 0; // types of transforms
  private static final int SUBTRACT_GREEN = 2;
  private static final int SELECT = 11; // a predictor's mode
  private static final int BLOCK_BITS = 9; // one mode for each 512 × 512 pixels
  private static final int LONGEST_CODE = 15;
  private static final int LONGEST_CODE_OF_LENGTHS = 7;

  /** Green and the lengths of backward references; red; blue; alpha; distances. */
  private static final int[] ALPHABETS = {256 + 24, 256, 256, 256, 40};

  /** In this order are the lengths of the codes of lengths written. */
  private static final int[] LENGTH_ORDER = {
    17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  };

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private long pending;
  private int pendingBits;

  private WebpEncoder() {}

  /**
   * A picture as the bytes of a file.
   *
   * @throws IllegalArgumentException if an edge is longer than {@value #LONGEST_EDGE}
   */
  static byte[] encode(BufferedImage picture) {
    int width = picture.getWidth();
    int height = picture.getHeight();
    if (width > LONGEST_EDGE || height > LONGEST_EDGE) {
      throw new IllegalArgumentException(
          "a WebP picture has at most " + LONGEST_EDGE + " pixels on an edge");
    }
    WebpEncoder encoder = new WebpEncoder();
    encoder.write(picture.getRGB(0, 0, width, height, null, 0, width), width, height);
    byte[] data = encoder.out.toByteArray();
    int padded = data.length + (data.length & 1);
    ByteBuffer file = ByteBuffer.allocate(20 + padded).order(ByteOrder.LITTLE_ENDIAN);
    file.put("RIFF".getBytes(StandardCharsets.US_ASCII)).putInt(12 + padded);
    file.put("WEBPVP8L".getBytes(StandardCharsets.US_ASCII)).putInt(data.length).put(data);
    return file.array();
  }

  private void write(int[] pixels, int width, int height) {
    bits(SIGNATURE, 8);
    bits(width - 1, 14);
    bits(height - 1, 14);
    bits(0, 1); // no alpha
    bits(0, 3); // version
    bits(1, 1);
    bits(SUBTRACT_GREEN, 2);
    bits(1, 1);
    bits(PREDICTOR, 2);
    bits(BLOCK_BITS - 2, 3);
    bits(0, 1); // the modes' image has no colour cache
    single(SELECT); // green: with one symbol to choose from, no pixel takes a bit
    for (int i = 1; i < ALPHABETS.length; i++) {
      single(0);
    }
    bits(0, 1); // no more transforms
    bits(0, 1); // no colour cache
    bits(0, 1); // one group of codes

    int[] residuals = residuals(pixels, width, height);
    int[] shifts = {8, 16, 0, 24}; // green, red, blue, alpha
    int[][] lengths = new int[shifts.length][];
    int[][] codes = new int[shifts.length][];
    for (int c = 0; c < shifts.length; c++) {
      long[] counts = new long[ALPHABETS[c]];
      for (int residual : residuals) {
        counts[residual >>> shifts[c] & 0xff]++;
      }
      lengths[c] = code(counts);
      codes[c] = canonical(lengths[c]);
    }
    single(0); // distances, of which there are none
    for (int residual : residuals) {
      for (int c = 0; c < shifts.length; c++) {
        int symbol = residual >>> shifts[c] & 0xff;
        bits(codes[c][symbol], lengths[c][symbol]);
      }
    }
    if (pendingBits > 0) {
      out.write((int) pending);
    }
  }

  // ------------------------------------------------------------------ prediction

  private static int[] residuals(int[] pixels, int width, int height) {
    int[] plain = new int[pixels.length];
    for (int i = 0; i < pixels.length; i++) {
      int p = pixels[i];
      int green = p >> 8 & 0xff;
      int red = (p >> 16) - green & 0xff;
      int blue = p - green & 0xff;
      plain[i] = 0xff000000 | red << 16 | green << 8 | blue;
    }
    int[] residuals = new int[pixels.length];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int i = y * width + x;
        int predicted;
        if (x == 0) {
          predicted = y == 0 ? 0xff000000 : plain[i - width];
        } else {
          predicted =
              y == 0 ? plain[i - 1] : select(plain[i - 1], plain[i - width], plain[i - width - 1]);
        }
        residuals[i] = difference(plain[i], predicted);
      }
    }
    return residuals;
  }

  /** The neighbour that is nearer to left + top − top left. */
  private static int select(int left, int top, int topLeft) {
    int fromLeft = 0;
    int fromTop = 0;
    for (int shift = 0; shift < 32; shift += 8) {
      fromLeft += Math.abs((top >>> shift & 0xff) - (topLeft >>> shift & 0xff));
      fromTop += Math.abs((left >>> shift & 0xff) - (topLeft >>> shift & 0xff));
    }
    return fromLeft < fromTop ? left : top;
  }

  private static int difference(int a, int b) {
    int difference = 0;
    for (int shift = 0; shift < 32; shift += 8) {
      difference |= ((a >>> shift & 0xff) - (b >>> shift & 0xff) & 0xff) << shift;
    }
    return difference;
  }

  // ------------------------------------------------------------------ prefix codes

  /** Writes a code of one symbol. */
  private void single(int symbol) {
    bits(1, 1); // a simple code,
    bits(0, 1); // of one symbol,
    bits(1, 1); // of eight bits
    bits(symbol, 8);
  }

  /** Makes and writes a code; the lengths of its words, 0 for a code of one symbol. */
  private int[] code(long[] counts) {
    int used = 0;
    int last = 0;
    for (int i = 0; i < counts.length; i++) {
      if (counts[i] > 0) {
        used++;
        last = i;
      }
    }
    if (used == 1) {
      single(last);
      return new int[counts.length];
    }
    int[] lengths = lengths(counts, LONGEST_CODE);
    long[] ofLengths = new long[LENGTH_ORDER.length];
    for (int length : lengths) {
      ofLengths[length]++;
    }
    int[] lengthLengths = lengths(ofLengths, LONGEST_CODE_OF_LENGTHS);
    bits(0, 1); // no simple code
    bits(LENGTH_ORDER.length - 4, 4);
    for (int symbol : LENGTH_ORDER) {
      bits(lengthLengths[symbol], 3);
    }
    bits(0, 1); // a length for every symbol
    int[] words = canonical(lengthLengths);
    boolean one = lengths(ofLengths) == 1;
    for (int length : lengths) {
      if (!one) {
        bits(words[length], lengthLengths[length]);
      }
    }
    return lengths;
  }

  private static int lengths(long[] counts) {
    int used = 0;
    for (long count : counts) {
      used += count > 0 ? 1 : 0;
    }
    return used;
  }

  private record Node(long count, int order, int symbol, List<Node> children) {}

  /**
   * Huffman's lengths; rare symbols are taken to be less rare until the longest fits. A symbol
   * alone has length 1.
   */
  private static int[] lengths(long[] counts, int longest) {
    for (long least = 1; ; least *= 2) {
      PriorityQueue<Node> queue =
          new PriorityQueue<>(Comparator.comparingLong(Node::count).thenComparingInt(Node::order));
      int order = 0;
      for (int i = 0; i < counts.length; i++) {
        if (counts[i] > 0) {
          queue.add(new Node(Math.max(counts[i], least), order++, i, List.of()));
        }
      }
      int[] lengths = new int[counts.length];
      if (queue.size() == 1) {
        lengths[queue.remove().symbol()] = 1;
        return lengths;
      }
      while (queue.size() > 1) {
        Node a = queue.remove();
        Node b = queue.remove();
        queue.add(new Node(a.count() + b.count(), order++, -1, List.of(a, b)));
      }
      if (!queue.isEmpty() && depths(queue.remove(), 0, lengths) <= longest) {
        return lengths;
      }
    }
  }

  private static int depths(Node node, int depth, int[] lengths) {
    if (node.children().isEmpty()) {
      lengths[node.symbol()] = depth;
      return depth;
    }
    return Math.max(
        depths(node.children().get(0), depth + 1, lengths),
        depths(node.children().get(1), depth + 1, lengths));
  }

  /** The canonical words of some lengths, their bits in the order in which they are written. */
  private static int[] canonical(int[] lengths) {
    int[] words = new int[lengths.length];
    int next = 0;
    for (int length = 1; length <= LONGEST_CODE; length++) {
      next <<= 1;
      for (int symbol = 0; symbol < lengths.length; symbol++) {
        if (lengths[symbol] == length) {
          words[symbol] = Integer.reverse(next++) >>> (32 - length);
        }
      }
    }
    return words;
  }

  /** Appends bits, the lowest first. */
  private void bits(int value, int count) {
    pending |= (long) value << pendingBits;
    pendingBits += count;
    while (pendingBits >= 8) {
      out.write((int) pending);
      pending >>>= 8;
      pendingBits -= 8;
    }
  }
}
