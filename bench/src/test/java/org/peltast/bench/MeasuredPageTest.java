package org.peltast.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Figures go between their marks, and everything around them stays. */
class MeasuredPageTest {
  @TempDir Path folder;

  @Test
  void replacesItsOwnSectionAlone() throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("page.md"),
            "# A\n<!-- measured: a -->\nold\n<!-- end -->\nprose\n<!-- measured: b -->\n<!-- end -->\n");
    MeasuredPage page = new MeasuredPage(file);
    page.put("b", List.of("$1 \\ new"));
    page.put("a", List.of("one", "two"));
    page.put("a", List.of("three"));
    assertThat(Files.readString(file))
        .isEqualTo(
            "# A\n<!-- measured: a -->\nthree\n<!-- end -->\nprose\n<!-- measured: b -->\n$1 \\ new\n<!-- end -->\n");
  }

  @Test
  void aPageWithoutTheSectionIsNamed() throws IOException {
    Path file = Files.writeString(folder.resolve("page.md"), "nothing");
    assertThatThrownBy(() -> new MeasuredPage(file).require(List.of("curves")))
        .isInstanceOf(BenchException.class)
        .hasMessageContaining("page.md has no section '<!-- measured: curves -->'");
    assertThatThrownBy(() -> new MeasuredPage(folder.resolve("none.md")).put("a", List.of()))
        .isInstanceOf(BenchException.class)
        .hasMessageContaining("none.md is not there");
  }

  @Test
  void sweepsChangeOneMeasureAtATime() {
    UpdateShape from = UpdateShape.standard();
    assertThat(Sweeps.of(from, List.of("batch=8,16", "fake=0")))
        .containsExactly(from.with("batch", 8), from.with("batch", 16), from.with("fake", 0));
    assertThatThrownBy(() -> Sweeps.of(from, List.of("batch:8")))
        .isInstanceOf(BenchException.class)
        .hasMessageContaining("--sweep batch=8,16,32, not 'batch:8'");
  }
}
