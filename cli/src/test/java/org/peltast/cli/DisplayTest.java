package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.peltast.runs.Progress;

class DisplayTest {
  private static final Map<String, Double> FIGURES = new LinkedHashMap<>();

  static {
    FIGURES.put("loss", 0.01634);
    FIGURES.put("ca", 0.03198);
    FIGURES.put("seconds", 0.4);
    FIGURES.put("dm", 2.73e-7);
    FIGURES.put("variance", 0.414);
    FIGURES.put("fakeLoss", 0.534);
  }

  private static String shown(int columns) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (PrintStream to = new PrintStream(bytes, false, StandardCharsets.UTF_8);
        Progress progress = Display.progress("distilling", to, columns)) {
      progress.step(3, 12, FIGURES);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  void aBarLeavesRoomForItselfAndCutsNoFigure() {
    for (int columns : new int[] {60, 80, 100, 140}) {
      for (String line : shown(columns).split("[\r\n]+")) {
        assertThat(line.length()).as(line).isLessThan(columns);
        if (line.contains("3/12")) {
          int bar = line.lastIndexOf('|') < 0 ? 0 : line.lastIndexOf('|') - line.indexOf('|');
          bar = Math.max(bar, line.lastIndexOf('│') - line.indexOf('│'));
          assertThat(bar).as(line).isGreaterThanOrEqualTo(8);
        }
      }
    }
    assertThat(shown(100)).contains("25%", "3/12", "loss 0.0163").doesNotContain("seconds");
    assertThat(shown(140)).contains("loss 0.0163  ca 0.0320  dm 2.73e-07  variance 0.414");
  }

  @Test
  void withoutATerminalItIsLines() {
    assertThat(shown(0))
        .startsWith("distilling 3/12 (25 %)")
        .contains("loss 0.0163,")
        .doesNotContain("\r", "seconds");
  }
}
