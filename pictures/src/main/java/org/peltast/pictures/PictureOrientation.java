package org.peltast.pictures;

import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32;
import java.util.zip.InflaterInputStream;

/**
 * How a camera was held: the EXIF tag Orientation (0x0112), or else XMP's {@code tiff:Orientation},
 * of a JPEG, PNG, WebP or TIFF file.
 *
 * <p>EXIF (CIPA DC-008) lies in a JPEG's APP1 segment, in a PNG's {@code eXIf} chunk (or, as
 * ImageMagick writes it, as hexadecimal text named {@code Raw profile type exif}), in a WebP's
 * {@code EXIF} chunk, and is a TIFF's own first directory.
 */
final class PictureOrientation {
  private static final int ORIENTATION = 0x0112;
  private static final int MAX_METADATA = 4 << 20;
  private static final Set<String> METADATA = Set.of("eXIf", "tEXt", "zTXt", "iTXt");
  private static final byte[] EXIF = {'E', 'x', 'i', 'f', 0};
  private static final byte[] XMP =
      "http://ns.adobe.com/xap/1.0/\0".getBytes(StandardCharsets.US_ASCII);
  private static final Pattern XMP_ORIENTATION =
      Pattern.compile("tiff:Orientation(?:\\s*=\\s*[\"']|>)\\s*([1-8])");

  /** What was found so far; 0 for nothing. EXIF comes before XMP. */
  private int exif;

  private int xmp;

  private PictureOrientation() {}

  /** The orientation, 1 (upright) to 8; 1 if the file says none or says it badly. */
  static int of(Path file) throws IOException {
    PictureOrientation found = new PictureOrientation();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      byte[] head = bytes(channel, 0, (int) Math.min(16, channel.size()));
      if (head.length < 12) {
        return 1;
      }
      int start = ByteBuffer.wrap(head).getInt();
      if (start >>> 16 == 0xFFD8) {
        found.searchJpeg(file);
      } else if (start == 0x89504E47) {
        found.searchPng(channel);
      } else if (start == 0x52494646 && ByteBuffer.wrap(head).getInt(8) == 0x57454250) {
        found.searchWebp(channel);
      } else if (TiffDirectory.is(head)) {
        int said = TiffDirectory.of(file).value(TiffDirectory.ORIENTATION);
        found.exif = said >= 1 && said <= 8 ? said : 0;
      }
    } catch (EOFException e) {
      // A file that ends early has said what it says.
    }
    return found.exif > 0 ? found.exif : Math.max(1, found.xmp);
  }

  /** Like libjpeg, past fill bytes and whatever else lies between segments. */
  private void searchJpeg(Path file) throws IOException {
    try (InputStream stream = Files.newInputStream(file);
        DataInputStream in = new DataInputStream(new BufferedInputStream(stream))) {
      in.skipNBytes(2);
      while (exif == 0) {
        int marker = in.readUnsignedByte();
        while (marker != 0xFF) {
          marker = in.readUnsignedByte();
        }
        while (marker == 0xFF) {
          marker = in.readUnsignedByte();
        }
        if (marker <= 1 || (marker >= 0xD0 && marker <= 0xD8)) {
          continue; // these have no length
        }
        // The picture itself starts: no segment comes after it that is worth reading.
        if (marker == 0xDA || marker == 0xD9) {
          return;
        }
        int length = in.readUnsignedShort() - 2;
        if (length < 0) {
          return;
        }
        if (marker == 0xE1) {
          byte[] segment = in.readNBytes(length);
          if (startsWith(segment, EXIF)) {
            readExif(segment);
          } else if (startsWith(segment, XMP)) {
            readXmp(segment);
          }
        } else {
          in.skipNBytes(length);
        }
      }
    }
  }

  private void searchPng(FileChannel channel) throws IOException {
    for (long at = 8; at + 12 <= channel.size() && exif == 0; ) {
      ByteBuffer head = ByteBuffer.wrap(bytes(channel, at, 8));
      long length = head.getInt() & 0xFFFFFFFFL;
      String type = StandardCharsets.ISO_8859_1.decode(head).toString();
      if (length <= MAX_METADATA && METADATA.contains(type)) {
        byte[] chunk = bytes(channel, at + 4, (int) length + 8);
        CRC32 check = new CRC32();
        check.update(chunk, 0, chunk.length - 4);
        boolean sound = (int) check.getValue() == ByteBuffer.wrap(chunk).getInt(chunk.length - 4);
        byte[] data = Arrays.copyOfRange(chunk, 4, chunk.length - 4);
        if (sound && type.equals("eXIf")) {
          readExif(data);
        } else if (sound) {
          readText(type, data);
        }
      }
      at += length + 12;
    }
  }

  /** A PNG's text: a keyword, and after it the text, which may be compressed. */
  private void readText(String type, byte[] data) throws IOException {
    int end = 0;
    while (end < data.length && data[end] != 0) {
      end++;
    }
    String keyword = new String(data, 0, end, StandardCharsets.ISO_8859_1);
    boolean profile =
        keyword.equals("Raw profile type exif") || keyword.equals("Raw profile type APP1");
    if (!profile && !keyword.equals("XML:com.adobe.xmp")) {
      return;
    }
    int from = end + 1;
    boolean compressed = type.equals("zTXt");
    if (compressed) {
      from++;
    } else if (type.equals("iTXt") && from + 2 < data.length) {
      compressed = data[from] == 1;
      from += 2;
      for (int zeros = 0; from < data.length && zeros < 2; from++) {
        zeros += data[from] == 0 ? 1 : 0;
      }
    }
    byte[] text = Arrays.copyOfRange(data, Math.min(from, data.length), data.length);
    if (compressed) {
      try (InputStream in = new InflaterInputStream(new ByteArrayInputStream(text))) {
        text = in.readNBytes(MAX_METADATA);
      } catch (IOException e) {
        return; // a broken description describes nothing
      }
    }
    if (profile) {
      readProfile(new String(text, StandardCharsets.ISO_8859_1));
    } else {
      readXmp(text);
    }
  }

  /** ImageMagick's way to write binary profiles: a name, the length, hexadecimal digits. */
  private void readProfile(String text) {
    Matcher matcher = Pattern.compile("\\s*+\\w++\\s++\\d++\\s++([0-9a-fA-F\\s]++)").matcher(text);
    if (matcher.matches()) {
      String digits = matcher.group(1).replaceAll("\\s", "");
      readExif(HexFormat.of().parseHex(digits.substring(0, digits.length() / 2 * 2)));
    }
  }

  private void searchWebp(FileChannel channel) throws IOException {
    for (long at = 12; at + 8 <= channel.size() && exif == 0; ) {
      ByteBuffer head = ByteBuffer.wrap(bytes(channel, at, 8)).order(ByteOrder.LITTLE_ENDIAN);
      int type = head.getInt();
      long length = head.getInt() & 0xFFFFFFFFL;
      boolean isExif = type == 0x46495845;
      if ((isExif || type == 0x20504D58) && length <= MAX_METADATA) {
        byte[] chunk = bytes(channel, at + 8, (int) length);
        if (isExif) {
          readExif(chunk);
        } else {
          readXmp(chunk);
        }
      }
      at += 8 + length + length % 2;
    }
  }

  private void readXmp(byte[] text) {
    Matcher matcher = XMP_ORIENTATION.matcher(new String(text, StandardCharsets.UTF_8));
    if (xmp == 0 && matcher.find()) {
      xmp = Integer.parseInt(matcher.group(1));
    }
  }

  /** A TIFF structure, perhaps after the words with which JPEG announces it. */
  private void readExif(byte[] bytes) {
    int start = startsWith(bytes, EXIF) ? EXIF.length + 1 : 0;
    if (bytes.length < start + 8) {
      return;
    }
    ByteBuffer tiff = ByteBuffer.wrap(bytes, start, bytes.length - start).slice();
    short order = tiff.getShort(0);
    if (order != 0x4949 && order != 0x4D4D) {
      return;
    }
    tiff.order(order == 0x4949 ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
    try {
      int directory = tiff.getInt(4);
      exif = tag(tiff, directory + 2, tiff.getShort(directory) & 0xFFFF);
    } catch (IndexOutOfBoundsException e) {
      exif = 0; // a directory that is not there
    }
  }

  /** The tag among a directory's entries; 0 if it is not there or is no orientation. */
  private static int tag(ByteBuffer tiff, int first, int entries) {
    for (int i = 0; i < entries; i++) {
      int at = first + 12 * i;
      if (at < 0 || at + 12 > tiff.limit()) {
        return 0;
      }
      if ((tiff.getShort(at) & 0xFFFF) == ORIENTATION) {
        int value =
            switch (tiff.getShort(at + 2)) {
              case 1, 6, 7 -> tiff.get(at + 8); // a byte
              case 4, 9 -> tiff.getInt(at + 8); // a long
              default -> tiff.getShort(at + 8);
            };
        return value >= 1 && value <= 8 ? value : 0;
      }
    }
    return 0;
  }

  private static boolean startsWith(byte[] bytes, byte[] start) {
    return bytes.length >= start.length
        && Arrays.equals(bytes, 0, start.length, start, 0, start.length);
  }

  static byte[] bytes(FileChannel channel, long position, int count) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(count);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, position + buffer.position()) < 0) {
        throw new EOFException();
      }
    }
    return buffer.array();
  }
}
