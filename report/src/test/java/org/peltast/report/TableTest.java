package org.peltast.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class TableTest {
  @Test
  void tablesReadTheSameEverywhere() {
    Table table = new Table(List.of("what", "s"), List.of(List.of("norm", "1.50")));
    assertThat(table.text()).containsExactly("what     s", "norm  1.50");
    assertThat(table.markdown())
        .containsExactly("| what | s |", "| --- | ---: |", "| norm | 1.50 |");
    assertThat(table.csv()).containsExactly("what,s", "norm,1.50");
  }
}
