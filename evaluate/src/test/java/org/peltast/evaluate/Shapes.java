package org.peltast.evaluate;

import java.util.ArrayList;
import java.util.List;
import org.peltast.data.CaptionedImages;
import org.peltast.models.text.TextEncoder;
import org.peltast.models.text.TokenFeatures;
import org.peltast.tensor.Rng;

/**
 * A little world for tests: squares and discs (concepts) of six colours on light or dark ground
 * (families), each drawn several times at places of their own.
 */
final class Shapes implements CaptionedImages {
  static final List<String> FAMILIES = List.of("day", "night");
  static final int SIZE = 16;
  private static final String[] COLOURS = {"red", "green", "blue", "yellow", "cyan", "magenta"};
  private static final int[] CODES = {0xe02020, 0x20c020, 0x2040e0, 0xe0d020, 0x20d0d0, 0xd020d0};

  private record One(byte[] rgb, String concept, String family) {}

  private final List<One> all = new ArrayList<>();

  Shapes(int copies, long seed) {
    Rng rng = Rng.of(seed);
    for (int copy = 0; copy < copies; copy++) {
      for (String family : FAMILIES) {
        for (int colour = 0; colour < COLOURS.length; colour++) {
          for (String shape : List.of("square", "disc")) {
            byte[] rgb = draw(shape, CODES[colour], family.equals("day") ? 0xf0 : 0x10, rng);
            all.add(new One(rgb, COLOURS[colour] + " " + shape, family));
          }
        }
      }
    }
  }

  private static byte[] draw(String shape, int colour, int ground, Rng rng) {
    byte[] rgb = new byte[SIZE * SIZE * 3];
    double cx = rng.uniform(6.5, 8.5);
    double cy = rng.uniform(6.5, 8.5);
    for (int y = 0; y < SIZE; y++) {
      for (int x = 0; x < SIZE; x++) {
        double dx = Math.abs(x - cx);
        double dy = Math.abs(y - cy);
        boolean inside = shape.equals("square") ? Math.max(dx, dy) < 5 : Math.hypot(dx, dy) < 4;
        for (int c = 0; c < 3; c++) {
          rgb[(y * SIZE + x) * 3 + c] = (byte) (inside ? colour >> (16 - 8 * c) : ground);
        }
      }
    }
    return rgb;
  }

  @Override
  public int size() {
    return all.size();
  }

  @Override
  public String name() {
    return "shapes";
  }

  @Override
  public int height() {
    return SIZE;
  }

  @Override
  public int width() {
    return SIZE;
  }

  @Override
  public void pixels(int index, byte[] rgb, int offset) {
    System.arraycopy(all.get(index).rgb(), 0, rgb, offset, bytesPerImage());
  }

  @Override
  public String checksum() {
    return "shapes-" + size();
  }

  byte[] rgb(int index) {
    return all.get(index).rgb();
  }

  @Override
  public List<String> captions(int index) {
    One one = all.get(index);
    return List.of(one.concept() + " by " + one.family(), one.family() + " " + one.concept());
  }

  @Override
  public Item item(int index) {
    One one = all.get(index);
    return new Item(one.family(), one.concept(), "drawn");
  }

  String family(int index) {
    return all.get(index).family();
  }

  /** A bag of words, hashed: enough for this world, and quick. */
  static final class Words implements TextEncoder {
    private final int width;

    Words(int width) {
      this.width = width;
    }

    @Override
    public String id() {
      return "words-" + width;
    }

    @Override
    public int width() {
      return width;
    }

    @Override
    public int maxTokens() {
      return 8;
    }

    @Override
    public List<TokenFeatures> encode(List<String> prompts) {
      return prompts.stream().map(this::one).toList();
    }

    private TokenFeatures one(String prompt) {
      String[] words = prompt.split(" ");
      float[] values = new float[words.length * width];
      for (int w = 0; w < words.length; w++) {
        Rng rng = Rng.of(5).fork(words[w]);
        for (int d = 0; d < width; d++) {
          values[w * width + d] = (float) rng.normal();
        }
      }
      return new TokenFeatures(values, words.length, width);
    }

    @Override
    public void close() {}
  }

  static JudgeConfig config() {
    return new JudgeConfig(
        "shapes", "words-24", 24, 32, SIZE, List.of(16, 16, 24, 24), 16, FAMILIES);
  }
}
