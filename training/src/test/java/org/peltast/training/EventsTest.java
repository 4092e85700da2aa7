package org.peltast.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.distill.Metrics;

class EventsTest {
  @TempDir Path folder;

  /** TensorBoard drops what earlier files say from the step of a session's start on. */
  @Test
  void aResumedRunSaysFromWhichUpdateOnItCounts() throws IOException {
    try (Events events = new Events(folder)) {
      events.begin(0, List.of());
      for (int u = 1; u <= 5; u++) {
        events.after(u, 9, new Metrics().put("loss", u));
      }
    }
    try (Events events = new Events(folder)) {
      events.begin(3, List.of());
      events.after(4, 9, new Metrics().put("loss", 4));
      events.image("looks", 4, new BufferedImage(2, 2, BufferedImage.TYPE_INT_RGB));
    }
    List<Path> files = files();
    assertThat(files).hasSize(2);
    assertThat(records(files.get(0)).stream().map(EventsTest::step))
        .containsExactly(0, 1, 2, 3, 4, 5);
    List<byte[]> resumed = records(files.get(1));
    assertThat(resumed.stream().map(EventsTest::step)).containsExactly(0, 4, 4, 4);
    // session_log { status: START }
    assertThat(resumed.get(1)).endsWith(0x3A, 2, 8, 1);
    assertThat(new String(resumed.get(3), StandardCharsets.ISO_8859_1)).contains("looks", "PNG");
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }

  /** {length, its checksum, event, its checksum}, one after another. */
  private static List<byte[]> records(Path file) throws IOException {
    ByteBuffer all = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    List<byte[]> events = new ArrayList<>();
    while (all.hasRemaining()) {
      byte[] event = new byte[(int) all.getLong()];
      all.getInt();
      all.get(event);
      all.getInt();
      events.add(event);
    }
    return events;
  }

  /**
   * An event begins with the time of day (a key and a double) and the step (a key and a varint).
   */
  private static int step(byte[] event) {
    assertThat(event[9]).isEqualTo((byte) 0x10);
    return event[10];
  }
}
