package org.peltast.data;

import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * Horizontal flips as data augmentation: a collection's pictures followed by the mirrored pictures
 * of about half of its (family, concept) pairs, drawn by checksum, whose captions end in {@code ,
 * mirrored}. So what is asked for without that word is never mirrored.
 *
 * <p>Pictures with a right way round are not mirrored: letters, digits, arrows, signs, clocks,
 * flags, and whatever is left or right by name.
 */
final class MirroredImages implements CaptionedImages {
  /** Changes whenever other pictures are mirrored, or in another way. */
  static final String VERSION = "mirrored-1";

  /** Of the pairs that may be. */
  private static final double SHARE = 0.5;

  private static final Pattern RIGHT_WAY_ROUND =
      Pattern.compile(
          ".*(\\d|\\b(left|right|leftwards|rightwards|flag|flags|letter|letters|latin|keycap|digit"
              + "|number|numbers|arrow|arrows|button|clock|clockwise|counterclockwise|oclock|watch"
              + "|stopwatch|sign|symbol|symbols|zodiac|input|question|exclamation|mark|medal|text"
              + "|yen|dollar|euro|pound|banknote|currency|atm|sos|ok|abc|id|new|free|cool|soon|end"
              + "|back|top|on|hundred|points|eighteen|japanese|kanji|katakana|squared|circled"
              + "|copyright|registered|trade|information|calendar|date|chart|map|globe|newspaper"
              + "|keyboard|score|note|notes|infinity|multiply|divide|percent|division|equals|plus"
              + "|minus|hash|asterisk|pool|die|dice|mahjong|joker|playing|suit|moon|crescent|quarter"
              + "|gibbous|swastika|khanda|om|cross|hammer and sickle|yin|recycling|wheelchair"
              + "|police|ambulance|taxi|bus stop|stop|hospital|hotel|bank|atm|store|post|postal"
              + "|name badge|ticket|tickets|label|placard|e mail|email|mail|abacus|ruler|slot"
              + "|thermometer|speaker|volume|sound|play|pause|eject|record|track|repeat|shuffle"
              + "|fast|forward|reverse|rewind|next|previous|last)\\b).*");

  private final CaptionedImages images;
  private final int[] mirrored;

  MirroredImages(CaptionedImages images) {
    this.images = images;
    this.mirrored =
        IntStream.range(0, images.size()).filter(i -> isMirrored(images.item(i))).toArray();
  }

  private static boolean isMirrored(Item item) {
    return mayBe(item.concept())
        && ContentHash.fraction(VERSION + "\n" + item.family() + "\n" + item.concept()) < SHARE;
  }

  /** Whether a concept's mirrored picture still shows it. */
  static boolean mayBe(String concept) {
    return !RIGHT_WAY_ROUND.matcher(concept).matches();
  }

  private boolean isMirror(int index) {
    return index >= images.size();
  }

  private int original(int index) {
    return isMirror(index) ? mirrored[index - images.size()] : index;
  }

  @Override
  public String name() {
    return images.name() + "/mirrored";
  }

  @Override
  public int size() {
    return images.size() + mirrored.length;
  }

  @Override
  public int height() {
    return images.height();
  }

  @Override
  public int width() {
    return images.width();
  }

  @Override
  public Item item(int index) {
    return images.item(original(index));
  }

  @Override
  public List<String> captions(int index) {
    List<String> captions = images.captions(original(index));
    return isMirror(index)
        ? captions.stream().map(caption -> caption + ", mirrored").toList()
        : captions;
  }

  @Override
  public void pixels(int index, byte[] rgb, int offset) {
    images.pixels(original(index), rgb, offset);
    if (!isMirror(index)) {
      return;
    }
    int width = width();
    for (int y = 0; y < height(); y++) {
      int left = offset + 3 * y * width;
      int right = left + 3 * (width - 1);
      for (; left < right; left += 3, right -= 3) {
        for (int c = 0; c < 3; c++) {
          byte swapped = rgb[left + c];
          rgb[left + c] = rgb[right + c];
          rgb[right + c] = swapped;
        }
      }
    }
  }

  @Override
  public String checksum() {
    return ContentHash.of(List.of(images.checksum(), VERSION));
  }
}
