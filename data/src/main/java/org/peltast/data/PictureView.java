package org.peltast.data;

import java.util.List;
import java.util.function.Function;

/** Pictures of one size out of a file. */
final class PictureView implements CaptionedImages {
  private final String name;
  private final PictureFile file;
  private final int[] numbers;
  private final Function<PictureFile.Entry, List<String>> captions;
  private final String checksum;
  private final int width;
  private final int height;

  /**
   * A view.
   *
   * @param numbers the pictures' numbers in the file, all of one size
   * @param captions says a picture in words
   */
  PictureView(
      String name,
      PictureFile file,
      int[] numbers,
      Function<PictureFile.Entry, List<String>> captions,
      String checksum) {
    this.name = name;
    this.file = file;
    this.numbers = numbers;
    this.captions = captions;
    this.checksum = checksum;
    this.width = file.entries().get(numbers.length == 0 ? 0 : numbers[0]).width();
    this.height = file.entries().get(numbers.length == 0 ? 0 : numbers[0]).height();
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int size() {
    return numbers.length;
  }

  @Override
  public int height() {
    return height;
  }

  @Override
  public int width() {
    return width;
  }

  @Override
  public Item item(int index) {
    return file.entries().get(numbers[index]).item();
  }

  @Override
  public List<String> captions(int index) {
    return captions.apply(file.entries().get(numbers[index]));
  }

  @Override
  public void pixels(int index, byte[] rgb, int offset) {
    file.pixels(numbers[index], rgb, offset);
  }

  @Override
  public String checksum() {
    return checksum;
  }
}
