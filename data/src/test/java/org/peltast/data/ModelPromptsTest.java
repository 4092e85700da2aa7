package org.peltast.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelPromptsTest {
  @TempDir Path folder;

  @Test
  void generalPromptsAreManyAndVaried() {
    List<String> prompts = GeneralPrompts.list().prompts();
    assertThat(prompts).hasSize(600).doesNotHaveDuplicates().allMatch(p -> !p.contains("%"));
    assertThat(GeneralPrompts.list().checksum()).isEqualTo(GeneralPrompts.list().checksum());
    Set<String> words = new HashSet<>();
    prompts.forEach(p -> words.addAll(Arrays.asList(p.split("[ ,]+", -1))));
    assertThat(words).hasSizeGreaterThan(180);
    // Every medium and every light is seen with many subjects, not with one.
    assertThat(prompts.stream().filter(p -> p.endsWith("watercolour")).distinct().count())
        .isGreaterThan(40);
    assertThat(prompts.stream().filter(p -> p.contains("in the rain")).count()).isGreaterThan(40);
  }

  @Test
  void promptsThatLieWithTheModelComeFirst() throws Exception {
    Path model = Files.createDirectory(folder.resolve("model"));
    assertThat(ModelPrompts.with(model)).isEmpty();
    assertThat(ModelPrompts.example(model, null)).isEqualTo(GeneralPrompts.list().prompts().get(0));
    assertThat(ModelPrompts.example(model, "emoji")).contains("noto style");
    Path known = Files.writeString(folder.resolve("list.txt"), "a boat\n");
    assertThat(ModelPrompts.example(model, known.toString())).isEqualTo("a boat");
    assertThat(ModelPrompts.example(model, folder.resolve("gone.txt").toString()))
        .isEqualTo(GeneralPrompts.list().prompts().get(0));
    Path beside = Files.writeString(folder.resolve("prompts.txt"), "a house\n");
    assertThat(ModelPrompts.with(model)).contains(beside);
    assertThat(ModelPrompts.example(model, known.toString())).isEqualTo("a house");
    Path training = Files.writeString(folder.resolve("prompts-train.txt"), "a tree\n");
    assertThat(ModelPrompts.with(model)).contains(training);
    Path in = Files.writeString(model.resolve("prompts.txt"), "a hill\n");
    assertThat(ModelPrompts.with(model)).contains(in);
  }
}
