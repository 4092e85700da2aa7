package org.peltast.runs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * {@code metrics.jsonl}: what was measured, one JSON object a line, the number of the update first.
 *
 * <p>A line is written whole, with one write, as soon as it is known: a kill loses none that {@link
 * #append} has returned from, and tears none but the last. A resumed run opens the log at the
 * update of its checkpoint; what was written after that update will be written again, so it is cut
 * off, and the file of a killed and resumed run equals that of an uninterrupted one (clock readings
 * aside).
 *
 * <p>JSON has no NaN or infinities: they are written as the strings "NaN", "Infinity", "-Infinity".
 */
public final class MetricsLog implements AutoCloseable {
  private static final JsonMapper JSON = new JsonMapper();
  private static final String UPDATE = "update";

  /**
   * One line of the log.
   *
   * @param update the number of the update it speaks of
   * @param metrics names and values (numbers, texts, truth values, lists), in the order written
   */
  public record Line(long update, Map<String, Object> metrics) {
    /** Keeps the order. */
    public Line {
      metrics = Collections.unmodifiableMap(new LinkedHashMap<>(metrics));
    }
  }

  private final Path file;
  private final FileChannel channel;
  private long last;

  MetricsLog(Path file, FileChannel channel, long last) {
    this.file = file;
    this.channel = channel;
    this.last = last;
  }

  /**
   * Opens a log to continue after update {@code after}: lines up to and including it are kept. With
   * −1 the log starts empty.
   *
   * @throws RunException if the file cannot be written, or is damaged before that update
   */
  public static MetricsLog open(Path file, long after) {
    FileChannel channel = null;
    try {
      long keep = Files.exists(file) ? keep(file, after) : 0;
      channel =
          FileChannel.open(
              file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
      if (channel.size() > keep) {
        channel.truncate(keep);
      }
      channel.position(keep);
      return new MetricsLog(file, channel, after);
    } catch (IOException e) {
      closeQuietly(channel, e);
      throw RunException.of("open the log " + file, file, e);
    }
  }

  private static void closeQuietly(@Nullable FileChannel channel, IOException e) {
    if (channel != null) {
      try {
        channel.close();
      } catch (IOException onClose) {
        e.addSuppressed(onClose);
      }
    }
  }

  /** How many bytes of the file are lines up to an update. */
  private static long keep(Path file, long after) throws IOException {
    long keep = 0;
    int number = 0;
    int unreadable = 0;
    byte[] bytes = Files.readAllBytes(file);
    for (int start = 0; start < bytes.length; ) {
      int end = start;
      while (end < bytes.length && bytes[end] != '\n') {
        end++;
      }
      number++;
      Line line = end == bytes.length ? null : parse(bytes, start, end);
      start = end + 1;
      if (line == null) {
        unreadable = unreadable == 0 ? number : unreadable;
      } else if (line.update() > after) {
        break;
      } else if (unreadable > 0) {
        throw new RunException(
            String.format(
                Locale.ROOT,
                "%s is damaged: line %d is not a JSON object with an 'update'; move the file away to go on with an empty log.",
                file,
                unreadable));
      } else {
        keep = start;
      }
    }
    return keep;
  }

  /** A whole line; null if it is torn or not ours. */
  private static @Nullable Line parse(byte[] bytes, int start, int end) {
    try {
      Map<?, ?> map = JSON.readValue(bytes, start, end - start, LinkedHashMap.class);
      if (map == null || !(map.get(UPDATE) instanceof Number update)) {
        return null;
      }
      Map<String, Object> metrics = new LinkedHashMap<>();
      map.forEach(
          (k, v) -> {
            if (!k.equals(UPDATE) && v != null) {
              metrics.put((String) k, finiteOrNot(v));
            }
          });
      return new Line(update.longValue(), metrics);
    } catch (JacksonException e) {
      return null;
    }
  }

  private static Object finiteOrNot(Object value) {
    return value instanceof String s
            && (s.equals("NaN") || s.equals("Infinity") || s.equals("-Infinity"))
        ? Double.valueOf(s)
        : value;
  }

  /**
   * Reads the whole lines of a log, also while it is being written.
   *
   * @throws RunException if there is no such file, or a line other than the last cannot be read
   */
  public static List<Line> read(Path file) {
    try {
      byte[] bytes = Files.readAllBytes(file);
      List<Line> lines = new ArrayList<>();
      int number = 0;
      for (int start = 0, end = 0; start < bytes.length; start = end + 1) {
        for (end = start; end < bytes.length && bytes[end] != '\n'; end++) {}
        number++;
        Line line = parse(bytes, start, end);
        if (line != null && end < bytes.length) {
          lines.add(line);
        } else if (end + 1 < bytes.length) {
          throw new RunException(
              String.format(
                  Locale.ROOT,
                  "%s is damaged: line %d is not a JSON object with an 'update'.",
                  file,
                  number));
        }
      }
      return lines;
    } catch (NoSuchFileException e) {
      throw new RunException("There is no log " + file + ".", e);
    } catch (IOException e) {
      throw RunException.of("read the log " + file, file, e);
    }
  }

  /**
   * Writes one line.
   *
   * @param update not below that of the line before
   * @param metrics names (other than "update") and values: numbers, texts, truth values, lists of
   *     them
   */
  public void append(long update, Map<String, ?> metrics) {
    if (update < last) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "Update %d is logged after update %d.", update, last));
    }
    Map<String, Object> line = new LinkedHashMap<>();
    line.put(UPDATE, update);
    metrics.forEach(
        (name, value) -> {
          if (name.equals(UPDATE)) {
            throw new IllegalArgumentException("A figure cannot be named 'update'.");
          }
          line.put(
              name,
              value instanceof Number n
                      && (value instanceof Double || value instanceof Float)
                      && !Double.isFinite(n.doubleValue())
                  ? value.toString()
                  : value);
        });
    byte[] bytes = (JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8);
    try {
      Durable.writeFully(channel, ByteBuffer.wrap(bytes));
    } catch (IOException e) {
      throw RunException.of("write the log " + file, file, e);
    }
    last = update;
  }

  /** Flushes to the device: to be called before a checkpoint, which stands on the lines so far. */
  public void sync() {
    try {
      channel.force(true);
    } catch (IOException e) {
      throw RunException.of("write the log " + file, file, e);
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw RunException.of("close the log " + file, file, e);
    }
  }
}
