package org.peltast.safetensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The data of a file, mapped whole. One mapping holds at most 2 GiB, so a larger file takes
 * several; they are cut between tensors, and inside a tensor only where it is longer than a mapping
 * itself.
 *
 * <p>Mapping reads nothing: pages come in when they are touched. The mappings outlive the channel,
 * so no file handle stays open and an interrupted thread cannot close the file for the others. They
 * go when no buffer refers to them any more.
 */
final class MappedData {
  private final long[] begins;
  private final List<ByteBuffer> windows;

  private MappedData(long[] begins, List<ByteBuffer> windows) {
    this.begins = begins;
    this.windows = windows;
  }

  /**
   * Maps the data of a file.
   *
   * @param dataStart where the data begins in the file
   * @param longest bytes of the largest mapping
   */
  static MappedData map(
      FileChannel channel, long dataStart, List<Header.Entry> entries, int longest)
      throws IOException {
    List<Long> cuts = new ArrayList<>();
    long start = 0;
    long end = 0;
    for (Header.Entry entry : entries) {
      end = entry.end();
      if (end - start > longest && entry.begin() > start) {
        cuts.add(start);
        start = entry.begin();
      }
      while (end - start > longest) {
        cuts.add(start);
        start += longest;
      }
    }
    if (end > start) {
      cuts.add(start);
    }
    long[] begins = cuts.stream().mapToLong(Long::longValue).toArray();
    List<ByteBuffer> windows = new ArrayList<>(begins.length);
    for (int i = 0; i < begins.length; i++) {
      long length = (i + 1 < begins.length ? begins[i + 1] : end) - begins[i];
      windows.add(channel.map(FileChannel.MapMode.READ_ONLY, dataStart + begins[i], length));
    }
    return new MappedData(begins, windows);
  }

  /** The bytes from {@code begin} to {@code end}, if one mapping holds them all. */
  @org.jspecify.annotations.Nullable ByteBuffer slice(long begin, long end) {
    if (begin == end) {
      return ByteBuffer.allocate(0).asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);
    }
    int i = window(begin);
    ByteBuffer window = windows.get(i);
    if (end - begins[i] > window.capacity()) {
      return null;
    }
    return window
        .slice((int) (begin - begins[i]), (int) (end - begin))
        .order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Copies the bytes from {@code begin} on until {@code into} is full. */
  void copy(long begin, ByteBuffer into) {
    long at = begin;
    while (into.hasRemaining()) {
      int i = window(at);
      ByteBuffer window = windows.get(i);
      int offset = (int) (at - begins[i]);
      int count = Math.min(into.remaining(), window.capacity() - offset);
      into.put(window.slice(offset, count));
      at += count;
    }
  }

  private int window(long at) {
    int found = Arrays.binarySearch(begins, at);
    return found >= 0 ? found : -found - 2;
  }
}
