package org.peltast.pictures;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;

/** The numbers in the first directory of a TIFF file, classic or BigTIFF, each tag's first one. */
final class TiffDirectory {
  static final int COMPRESSION = 259;
  static final int ORIENTATION = 274;
  static final int EXTRA_SAMPLES = 338;

  private static final int BYTE = 1;
  private static final int SHORT = 3;
  private static final int LONG = 4;

  private final Map<Integer, Integer> values = new HashMap<>();

  private TiffDirectory() {}

  /** Whether a file begins as TIFF files do. */
  static boolean is(byte[] head) {
    if (head.length < 8) {
      return false;
    }
    int start = ByteBuffer.wrap(head).getInt();
    return start == 0x49492A00 || start == 0x4D4D002A || isBig(start);
  }

  private static boolean isBig(int start) {
    return start == 0x49492B00 || start == 0x4D4D002B;
  }

  /** Reads a file that {@link #is} one. */
  static TiffDirectory of(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      ByteBuffer head = ByteBuffer.wrap(PictureOrientation.bytes(channel, 0, 8));
      boolean big = isBig(head.getInt(0));
      ByteOrder order = head.get(0) == 'I' ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN;
      long at =
          big
              ? ByteBuffer.wrap(PictureOrientation.bytes(channel, 8, 8)).order(order).getLong()
              : head.order(order).getInt(4) & 0xFFFFFFFFL;
      int entry = big ? 20 : 12;
      int counter = big ? 8 : 2;
      if (at < 8 || at > channel.size() - counter) {
        throw new IOException("its first directory is not in the file");
      }
      ByteBuffer count = ByteBuffer.wrap(PictureOrientation.bytes(channel, at, counter));
      long entries = big ? count.order(order).getLong() : count.order(order).getShort() & 0xFFFF;
      if (entries < 0 || entries > 0xFFFF) {
        throw new IOException("its first directory has no end");
      }
      TiffDirectory directory = new TiffDirectory();
      ByteBuffer all =
          ByteBuffer.wrap(PictureOrientation.bytes(channel, at + counter, (int) (entry * entries)))
              .order(order);
      for (int i = 0; i < entries; i++) {
        directory.take(all.slice(i * entry, entry).order(order), big);
      }
      return directory;
    }
  }

  /** What stands in an entry itself. */
  private void take(ByteBuffer entry, boolean big) {
    long count = big ? entry.getLong(4) : entry.getInt(4) & 0xFFFFFFFFL;
    int at = big ? 12 : 8;
    int type = entry.getShort(2);
    int size = type == BYTE ? 1 : type == SHORT ? 2 : LONG;
    if (count < 1 || count > (big ? 8 : 4) / size) {
      return;
    }
    int value =
        switch (type) {
          case BYTE -> entry.get(at) & 0xFF;
          case SHORT -> entry.getShort(at) & 0xFFFF;
          case LONG -> entry.getInt(at);
          default -> -1;
        };
    values.putIfAbsent(entry.getShort(0) & 0xFFFF, value);
  }

  /** A tag's number; −1 if there is none. */
  int value(int tag) {
    return values.getOrDefault(tag, -1);
  }
}
