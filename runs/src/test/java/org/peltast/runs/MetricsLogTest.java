package org.peltast.runs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsLogTest {
  @TempDir Path folder;
  private Path file;

  @BeforeEach
  void place() {
    file = folder.resolve("metrics.jsonl");
  }

  private static Map<String, Object> figures(long update) {
    Map<String, Object> figures = new LinkedHashMap<>();
    figures.put("loss", 1.0 / (update + 3));
    figures.put("note", "ünlike \"this\"\n" + update);
    return figures;
  }

  private void write(long after, long to) {
    try (MetricsLog log = MetricsLog.open(file, after)) {
      for (long u = after + 1; u <= to; u++) {
        log.append(u, figures(u));
      }
      log.sync();
    }
  }

  @Test
  void aLineIsThereAsSoonAsItIsWritten() throws Exception {
    try (MetricsLog log = MetricsLog.open(file, -1)) {
      log.append(0, Map.of("loss", 0.5));
      assertThat(Files.readString(file)).isEqualTo("{\"update\":0,\"loss\":0.5}\n");
      log.append(0, Map.of("look", "samples/0.png"));
      log.append(3, Map.of("loss", 0.25f, "collapsed", true, "steps", List.of(1, 2)));
      assertThat(MetricsLog.read(file)).hasSize(3);
    }
    MetricsLog.Line last = MetricsLog.read(file).get(2);
    assertThat(last.update()).isEqualTo(3);
    assertThat(last.metrics())
        .containsOnly(
            Map.entry("loss", 0.25),
            Map.entry("collapsed", true),
            Map.entry("steps", List.of(1, 2)));
  }

  /**
   * Killed at any byte, and resumed at any earlier checkpoint: the file of the uninterrupted run.
   */
  @Test
  void aLogCutAnywhereAndResumedEqualsTheUninterruptedOne() throws Exception {
    write(0, 6);
    byte[] whole = Files.readAllBytes(file);
    int lines = 0;
    for (int cut = 0; cut <= whole.length; cut++) {
      if (cut > 0 && whole[cut - 1] == '\n') {
        lines++;
      }
      for (long checkpoint = 0; checkpoint <= lines; checkpoint++) {
        Files.write(file, Arrays.copyOf(whole, cut));
        write(checkpoint, 6);
        assertThat(Files.readAllBytes(file)).isEqualTo(whole);
      }
    }
    assertThat(lines).isEqualTo(6);
  }

  @Test
  void whatFollowsATornLineIsCutToo() throws Exception {
    write(0, 3);
    byte[] whole = Files.readAllBytes(file);
    // What a power cut leaves: a gap of zeros, then blocks written later.
    Files.writeString(file, new String(whole, StandardCharsets.UTF_8) + "\0\0\n{\"update\":9}\n");
    write(3, 3);
    assertThat(Files.readAllBytes(file)).isEqualTo(whole);
  }

  @Test
  void damageBeforeTheCheckpointIsNotPassedOver() throws Exception {
    write(0, 3);
    List<String> lines = Files.readAllLines(file);
    Files.writeString(file, lines.get(0) + "\nrubbish\n" + lines.get(2) + "\n");
    assertThatThrownBy(() -> MetricsLog.open(file, 3))
        .isInstanceOf(RunException.class)
        .hasMessage(
            file
                + " is damaged: line 2 is not a JSON object with an 'update'; move the file away to"
                + " go on with an empty log.");
    assertThatThrownBy(() -> MetricsLog.read(file)).hasMessageContaining("line 2 is not");
  }

  @Test
  void aReaderIgnoresALineInTheMakingAndReadsWhatIsNotANumber() throws Exception {
    try (MetricsLog log = MetricsLog.open(file, -1)) {
      log.append(1, Map.of("loss", Double.NaN));
      log.append(2, Map.of("loss", Float.NEGATIVE_INFINITY));
    }
    Files.writeString(file, Files.readString(file) + "{\"update\":3,\"lo");
    assertThat(MetricsLog.read(file))
        .containsExactly(
            new MetricsLog.Line(1, Map.of("loss", Double.NaN)),
            new MetricsLog.Line(2, Map.of("loss", Double.NEGATIVE_INFINITY)));
    assertThatThrownBy(() -> MetricsLog.read(folder.resolve("none")))
        .hasMessage("There is no log " + folder.resolve("none") + ".");
  }

  @Test
  void updatesDoNotGoBack() {
    try (MetricsLog log = MetricsLog.open(file, 4)) {
      assertThatThrownBy(() -> log.append(3, Map.of())).hasMessageContaining("3 is logged after");
      assertThatThrownBy(() -> log.append(5, Map.of("update", 1))).hasMessageContaining("'update'");
    }
  }

  @Test
  void aFullDiskIsOneSentence() throws Exception {
    Path full = Path.of("/dev/full");
    assumeTrue(Files.exists(full), "only Linux has /dev/full");
    // The device has no end to read to, so the log is made on its channel.
    FileChannel channel = FileChannel.open(full, StandardOpenOption.WRITE);
    try (MetricsLog log = new MetricsLog(full, channel, 0)) {
      assertThatThrownBy(() -> log.append(1, Map.of("loss", 1)))
          .isInstanceOf(RunException.class)
          .hasMessage(
              "Cannot write the log /dev/full: the disk of /dev/full is full; make room or choose"
                  + " another folder.");
    }
  }

  @Test
  void aFolderInItsPlaceIsOneSentence() throws Exception {
    Files.createDirectory(file);
    assertThatThrownBy(() -> MetricsLog.open(file, 0))
        .isInstanceOf(RunException.class)
        .hasMessageContaining("is a folder where a file is wanted");
  }
}
