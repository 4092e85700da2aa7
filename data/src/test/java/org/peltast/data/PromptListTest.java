package org.peltast.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PromptListTest {
  @TempDir Path folder;

  private Path file(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  @Test
  void textHasOnePromptALine() throws IOException {
    PromptList list =
        PromptList.read(
            file(
                "p.txt",
                "\uFEFFa red apple\r\n\n  \u202Ea\u0007 cat \t here\u00A0 \n ein Käse 🧀"));
    assertThat(list.prompts()).containsExactly("a red apple", "a cat here", "ein Käse 🧀");
    assertThat(list.size()).isEqualTo(3);
    assertThat(list.caption(1, -7)).isEqualTo("a cat here");
    assertThat(list.notes()).isEmpty();
  }

  @Test
  void jsonLinesTakePromptTextOrCaption() throws IOException {
    PromptList list =
        PromptList.read(
            file(
                "p.jsonl",
                "{\"prompt\": \"one\", \"text\": \"not this\"}\n{\"text\": \"two\"}\n\n{\"caption\":\"three\"}"));
    assertThat(list.prompts()).containsExactly("one", "two", "three");
  }

  @Test
  void longPromptsAreCutBetweenCharactersAndNoted() throws IOException {
    PromptList list = PromptList.read(file("p.txt", "x\n" + "🧀".repeat(3000)));
    assertThat(list.prompts().get(1)).isEqualTo("🧀".repeat(2000));
    assertThat(list.notes()).hasSize(1).allMatch(n -> n.startsWith("Line 2 of "));
  }

  @Test
  void mistakesNameFileAndLine() throws IOException {
    Path latin = folder.resolve("latin.txt");
    Files.write(latin, "gut\nKäse\n".getBytes(StandardCharsets.ISO_8859_1));
    assertRefused(latin, "latin.txt", "line 2", "UTF-8");
    assertRefused(file("a.jsonl", "{\"prompt\": \"x\"}\n{\"prompt\": "), "Line 2", "a.jsonl");
    assertRefused(file("b.jsonl", "{\"prompt\": \" \"}"), "Line 1", "b.jsonl", "empty");
    assertRefused(file("c.jsonl", "{\"title\": \"x\"}"), "Line 1", "c.jsonl", "\"prompt\"");
    assertRefused(file("d.jsonl", "[".repeat(5000)), "Line 1", "d.jsonl");
    assertRefused(file("empty.txt", "\n \n"), "no prompt", "empty.txt");
    assertRefused(file("p.csv", "x"), "p.csv", ".txt");
    assertRefused(folder.resolve("gone.txt"), "gone.txt");
    assertRefused(Files.createDirectory(folder.resolve("dir.txt")), "dir.txt");
    assertThatThrownBy(() -> PromptList.of("mine", List.of("a", "")))
        .hasMessageContaining("Prompt 2 of mine");
  }

  private static void assertRefused(Path file, String... parts) {
    assertThatThrownBy(() -> PromptList.read(file))
        .isInstanceOf(DataException.class)
        .satisfies(e -> assertThat(e.getMessage()).contains(parts).doesNotContain("\n"));
  }

  @Test
  void checksumFollowsContentAndOrder() {
    String one = PromptList.of("x", List.of("ab", "c")).checksum();
    assertThat(PromptList.of("y", List.of("ab", "c")).checksum()).isEqualTo(one);
    assertThat(PromptList.of("x", List.of("a", "bc")).checksum()).isNotEqualTo(one);
    assertThat(PromptList.of("x", List.of("c", "ab")).checksum()).isNotEqualTo(one);
  }

  @Test
  void whatIsWrittenIsReadAsItIs() throws IOException {
    List<String> prompts =
        List.of("# a hash", "a cat --w 512", "\"quoted\" \\ and ü", "{\"prompt\": 1}");
    Path file = folder.resolve("prompts.jsonl");
    PromptList.of("these", prompts).write(file);
    assertThat(PromptList.read(file).prompts()).isEqualTo(prompts);
  }
}
