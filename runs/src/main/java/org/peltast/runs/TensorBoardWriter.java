package org.peltast.runs;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.time.Instant;
import java.util.Locale;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * Writes TensorBoard's event files: scalars and pictures.
 *
 * <p>The file is a row of records {length, checksum of the length, event, checksum of the event},
 * the checksums CRC-32C, rotated and offset as TFRecord wants; an event is a protocol-buffer
 * message. The few fields that are needed are written by hand here, which spares the project a code
 * generator and a run-time library. Each record is handed to the operating system at once, so a
 * kill tears at most the last one, and TensorBoard ignores a torn tail.
 */
public final class TensorBoardWriter implements AutoCloseable {
  private static final String PREFIX = "events.out.tfevents.";
  private static final int CRC_DELTA = 0xa282ead8;

  private final Path file;
  private final FileChannel channel;
  private final Clock clock;

  private TensorBoardWriter(Path file, FileChannel channel, Clock clock) {
    this.file = file;
    this.channel = channel;
    this.clock = clock;
  }

  /**
   * Starts a new event file in a folder, which is made if need be.
   *
   * @param after the last update that counts: on resuming, what earlier files of the folder say
   *     about later updates is dropped by TensorBoard; 0 for a new run
   * @throws RunException if the folder cannot be written
   */
  public static TensorBoardWriter open(Path folder, long after) {
    return open(folder, after, Clock.systemUTC());
  }

  static TensorBoardWriter open(Path folder, long after, Clock clock) {
    try {
      Files.createDirectories(folder);
      // TensorBoard reads files in the order of their names, the last as the newest: a clock that
      // was put back must not put this one among those that are there.
      long second = Math.max(clock.instant().getEpochSecond(), latest(folder) + 1);
      Path file =
          folder.resolve(
              String.format(
                  Locale.ROOT,
                  "%s%010d.%s.%d.0",
                  PREFIX,
                  second,
                  host(),
                  ProcessHandle.current().pid()));
      FileChannel channel =
          FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
      TensorBoardWriter writer = new TensorBoardWriter(file, channel, clock);
      writer.event(0, new Message().text(3, "brain.Event:2"));
      if (after > 0) {
        // SessionLog{status: START} at the first update to come purges what is at or beyond it.
        writer.event(after + 1, new Message().message(7, new Message().varint(1, 1)));
      }
      return writer;
    } catch (IOException e) {
      throw RunException.of("write TensorBoard events to " + folder, folder, e);
    }
  }

  /** The second that the last of a folder's event files is named after; 0 without any. */
  private static long latest(Path folder) throws IOException {
    long latest = 0;
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, PREFIX + "*")) {
      for (Path file : files) {
        String rest = String.valueOf(file.getFileName()).substring(PREFIX.length());
        int digits = Math.max(rest.indexOf('.'), 0);
        if (rest.substring(0, digits).matches("\\d{1,18}")) {
          latest = Math.max(latest, Long.parseLong(rest.substring(0, digits)));
        }
      }
    }
    return latest;
  }

  private static String host() {
    try {
      return InetAddress.getLocalHost().getHostName().replaceAll("[^A-Za-z0-9-]", "_");
    } catch (UnknownHostException e) {
      return "localhost";
    }
  }

  /** One figure of an update. */
  public void scalar(String tag, long update, double value) {
    scalars(update, Map.of(tag, value));
  }

  /** The figures of an update, named by tags such as {@code loss/fake}. */
  public void scalars(long update, Map<String, Double> figures) {
    Message summary = new Message();
    figures.forEach(
        (tag, value) ->
            summary.message(
                1,
                new Message().text(1, tag).fixed32(2, Float.floatToIntBits(value.floatValue()))));
    event(update, new Message().message(5, summary));
  }

  /**
   * A picture.
   *
   * @param png a whole PNG file
   */
  public void image(String tag, long update, byte[] png) {
    if (png.length < 33 || ByteBuffer.wrap(png).getLong() != 0x89504E470D0A1A0AL) {
      throw new IllegalArgumentException("The picture '" + tag + "' is not a PNG file.");
    }
    ByteBuffer header = ByteBuffer.wrap(png);
    Message image =
        new Message()
            .varint(1, header.getInt(20)) // height
            .varint(2, header.getInt(16)) // width
            .varint(3, channels(header.get(25)))
            .bytes(4, png);
    Message value = new Message().text(1, tag).message(4, image);
    event(update, new Message().message(5, new Message().message(1, value)));
  }

  /** PNG's colour type → the number of channels. */
  private static int channels(byte colourType) {
    return switch (colourType) {
      case 0 -> 1;
      case 4 -> 2;
      case 6 -> 4;
      default -> 3;
    };
  }

  private void event(long step, Message what) {
    Instant now = clock.instant();
    double wallTime = now.getEpochSecond() + now.getNano() * 1e-9;
    byte[] event =
        new Message()
            .fixed64(1, Double.doubleToLongBits(wallTime))
            .varint(2, step)
            .append(what)
            .toBytes();
    ByteBuffer record = ByteBuffer.allocate(event.length + 16).order(ByteOrder.LITTLE_ENDIAN);
    record.putLong(event.length);
    record.putInt(maskedCrc(record.array(), 0, 8));
    record.put(event);
    record.putInt(maskedCrc(event, 0, event.length));
    try {
      Durable.writeFully(channel, record.flip());
    } catch (IOException e) {
      throw RunException.of("write TensorBoard events to " + file, file, e);
    }
  }

  /** A CRC of data that holds CRCs is weak, so TFRecord rotates it and adds a constant. */
  static int maskedCrc(byte[] bytes, int offset, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, offset, length);
    return Integer.rotateRight((int) crc.getValue(), 15) + CRC_DELTA;
  }

  /** The file being written. */
  public Path file() {
    return file;
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw RunException.of("close " + file, file, e);
    }
  }

  /**
   * A protocol-buffer message under construction: each field a key (number, wire type) and a value.
   */
  private static final class Message {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    Message varint(int field, long value) {
      rawVarint(field << 3);
      rawVarint(value);
      return this;
    }

    Message fixed64(int field, long bits) {
      rawVarint(field << 3 | 1);
      for (int i = 0; i < 64; i += 8) {
        out.write((int) (bits >>> i));
      }
      return this;
    }

    Message fixed32(int field, int bits) {
      rawVarint(field << 3 | 5);
      for (int i = 0; i < 32; i += 8) {
        out.write(bits >>> i);
      }
      return this;
    }

    Message bytes(int field, byte[] value) {
      rawVarint(field << 3 | 2);
      rawVarint(value.length);
      out.writeBytes(value);
      return this;
    }

    Message text(int field, String value) {
      return bytes(field, value.getBytes(StandardCharsets.UTF_8));
    }

    Message message(int field, Message value) {
      return bytes(field, value.toBytes());
    }

    Message append(Message fields) {
      out.writeBytes(fields.toBytes());
      return this;
    }

    byte[] toBytes() {
      return out.toByteArray();
    }

    private void rawVarint(long value) {
      long rest = value;
      while ((rest & ~0x7fL) != 0) {
        out.write((int) ((rest & 0x7f) | 0x80));
        rest >>>= 7;
      }
      out.write((int) rest);
    }
  }
}
