package org.peltast.runs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorBoardWriterTest {
  private static final Clock CLOCK =
      Clock.fixed(Instant.parse("2026-03-01T12:00:00.250Z"), ZoneOffset.UTC);

  @TempDir Path folder;

  @Test
  void scalarsAndPicturesAreDecodedAsTheyWereWritten() throws Exception {
    byte[] png = png(5, 3);
    TensorBoardWriter writer = TensorBoardWriter.open(folder.resolve("events"), 0, CLOCK);
    try (writer) {
      Map<String, Double> figures = new LinkedHashMap<>();
      figures.put("loss/fake", 0.5);
      figures.put("größe", -1e-3);
      writer.scalars(300, figures);
      writer.scalar("nan", 1L << 40, Double.NaN);
      writer.image("grid", 301, png);
    }
    List<Map<Integer, List<Object>>> events = events(writer.file());
    assertThat(events).hasSize(4);
    assertThat(text(events.get(0).get(3))).isEqualTo("brain.Event:2");
    for (Map<Integer, List<Object>> event : events) {
      assertThat(Double.longBitsToDouble((long) event.get(1).get(0)))
          .isCloseTo(1_772_366_400.25, within(1e-6));
    }
    assertThat(events.get(1).get(2)).containsExactly(300L);
    List<Object> values = message(events.get(1).get(5)).get(1);
    assertThat(values).hasSize(2);
    Map<Integer, List<Object>> second = fields((byte[]) values.get(1));
    assertThat(text(second.get(1))).isEqualTo("größe");
    assertThat(Float.intBitsToFloat((int) second.get(2).get(0))).isEqualTo(-1e-3f);
    assertThat(events.get(2).get(2)).containsExactly(1L << 40);
    Map<Integer, List<Object>> image =
        message(message(message(events.get(3).get(5)).get(1)).get(4));
    assertThat(image.get(1)).containsExactly(3L);
    assertThat(image.get(2)).containsExactly(5L);
    assertThat(image.get(3)).containsExactly(3L);
    assertThat((byte[]) image.get(4).get(0)).isEqualTo(png);
  }

  /** TensorBoard reads files in the order of their names, and takes the last for the newest. */
  @Test
  void aClockThatIsPutBackADayPutsNoFileBeforeThoseThatAreThere() {
    List<String> names = new ArrayList<>();
    for (long hours : new long[] {0, -24, 0, 0, -240, 24}) {
      Clock clock = Clock.offset(CLOCK, Duration.ofHours(hours));
      try (TensorBoardWriter writer = TensorBoardWriter.open(folder, names.size(), clock)) {
        names.add(String.valueOf(writer.file().getFileName()));
      }
    }
    assertThat(names).isSorted().doesNotHaveDuplicates().hasSize(6);
  }

  @Test
  void aResumedRunStartsAFileOfItsOwnAndTakesBackWhatComesAgain() throws Exception {
    Path first;
    try (TensorBoardWriter writer = TensorBoardWriter.open(folder, 0, CLOCK)) {
      writer.scalar("loss", 8, 1);
      first = writer.file();
    }
    byte[] before = Files.readAllBytes(first);
    try (TensorBoardWriter writer = TensorBoardWriter.open(folder, 7, CLOCK)) {
      assertThat(writer.file()).isNotEqualTo(first);
      assertThat(writer.file().getFileName().toString())
          .isGreaterThan(first.getFileName().toString())
          .startsWith("events.out.tfevents.1772366401.");
      Map<Integer, List<Object>> start = events(writer.file()).get(1);
      assertThat(start.get(2)).containsExactly(8L);
      assertThat(message(start.get(7)).get(1)).containsExactly(1L); // SessionLog.START
    }
    assertThat(Files.readAllBytes(first)).isEqualTo(before);
  }

  /** The check value of CRC-32C is e3069283; masking is rotation by 15 and a constant. */
  @Test
  void checksumsAreMasked() {
    byte[] digits = "123456789".getBytes(StandardCharsets.US_ASCII);
    assertThat(TensorBoardWriter.maskedCrc(digits, 0, 9))
        .isEqualTo(Integer.rotateRight(0xe3069283, 15) + 0xa282ead8);
  }

  @Test
  void misuseAndBadFoldersAreOneSentence() throws Exception {
    Path file = Files.writeString(folder.resolve("file"), "x");
    assertThatThrownBy(() -> TensorBoardWriter.open(file, 0))
        .isInstanceOf(RunException.class)
        .hasMessageContaining("is a file where a folder is wanted");
    try (TensorBoardWriter writer = TensorBoardWriter.open(folder, 0, CLOCK)) {
      assertThatThrownBy(() -> writer.image("grid", 1, new byte[50]))
          .hasMessage("The picture 'grid' is not a PNG file.");
    }
  }

  private static byte[] png(int width, int height) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ImageIO.write(new BufferedImage(width, height, BufferedImage.TYPE_3BYTE_BGR), "png", out);
    return out.toByteArray();
  }

  /** Unpacks the records, checking both checksums of each. */
  private static List<Map<Integer, List<Object>>> events(Path file) throws Exception {
    byte[] bytes = Files.readAllBytes(file);
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    List<Map<Integer, List<Object>>> events = new ArrayList<>();
    while (in.hasRemaining()) {
      int start = in.position();
      int length = (int) in.getLong();
      assertThat(in.getInt()).isEqualTo(TensorBoardWriter.maskedCrc(bytes, start, 8));
      byte[] event = new byte[length];
      in.get(event);
      assertThat(in.getInt()).isEqualTo(TensorBoardWriter.maskedCrc(event, 0, length));
      events.add(fields(event));
    }
    return events;
  }

  private static Map<Integer, List<Object>> fields(byte[] message) {
    ByteBuffer in = ByteBuffer.wrap(message).order(ByteOrder.LITTLE_ENDIAN);
    Map<Integer, List<Object>> fields = new TreeMap<>();
    while (in.hasRemaining()) {
      long key = varint(in);
      Object value;
      switch ((int) (key & 7)) {
        case 0 -> value = varint(in);
        case 1 -> value = in.getLong();
        case 5 -> value = in.getInt();
        case 2 -> {
          byte[] bytes = new byte[(int) varint(in)];
          in.get(bytes);
          value = bytes;
        }
        default -> throw new AssertionError("wire type " + (key & 7));
      }
      fields.computeIfAbsent((int) (key >>> 3), k -> new ArrayList<>()).add(value);
    }
    return fields;
  }

  private static Map<Integer, List<Object>> message(List<Object> field) {
    return fields((byte[]) field.get(0));
  }

  private static String text(List<Object> field) {
    return new String((byte[]) field.get(0), StandardCharsets.UTF_8);
  }

  private static long varint(ByteBuffer in) {
    long value = 0;
    for (int shift = 0; ; shift += 7) {
      byte b = in.get();
      value |= (long) (b & 0x7f) << shift;
      if (b >= 0) {
        return value;
      }
    }
  }
}
