package org.peltast.models.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.DiffusionException;
import org.peltast.tensor.Device;
import org.peltast.tensor.Scope;

class CachedTextEncoderTest {
  private static final int WIDTH = 4;

  @TempDir Path folder;

  /** Features that tell which prompt they are of; counts its calls. */
  private static final class Letters implements TextEncoder {
    final List<String> asked = new ArrayList<>();
    final String id;
    @Nullable Letters negative; // null if it reads negative prompts as it reads others
    boolean closed;

    Letters() {
      this("letters");
    }

    Letters(String id) {
      this.id = id;
    }

    @Override
    public String id() {
      return id;
    }

    @Override
    public TextEncoder forNegative() {
      return negative == null ? this : negative;
    }

    @Override
    public int width() {
      return WIDTH;
    }

    @Override
    public int maxTokens() {
      return 8;
    }

    @Override
    public List<TokenFeatures> encode(List<String> prompts) {
      asked.addAll(prompts);
      return prompts.stream().map(Letters::features).toList();
    }

    static TokenFeatures features(String prompt) {
      int tokens = Math.min(8, prompt.length() + 1);
      float[] values = new float[tokens * WIDTH];
      for (int i = 0; i < values.length; i++) {
        values[i] = prompt.hashCode() * 1e-3f + i;
      }
      return new TokenFeatures(values, tokens, WIDTH);
    }

    @Override
    public void close() {
      closed = true;
    }
  }

  private final Letters letters = new Letters();
  private final List<String> prompts =
      List.of("a cat", "", "a dog", "a cat", "猫 😀", "\ud83d", "?");

  private static List<TokenFeatures> expected(List<String> prompts) {
    return prompts.stream().map(Letters::features).toList();
  }

  @Test
  void eachPromptIsEncodedOnce() {
    CachedTextEncoder cached = CachedTextEncoder.inMemory(letters, 1 << 20);
    assertThat(cached.encode(prompts)).isEqualTo(expected(prompts));
    assertThat(cached.encode(prompts)).isEqualTo(expected(prompts));
    assertThat(letters.asked).containsExactly("a cat", "", "a dog", "猫 😀", "\ud83d", "?");
    assertThat(cached.encodedCount()).isEqualTo(6);
    assertThat(cached.id()).isEqualTo("letters");
    assertThat(cached.width()).isEqualTo(WIDTH);
    assertThat(cached.maxTokens()).isEqualTo(8);
    cached.close();
    assertThat(letters.closed).isTrue();
  }

  @Test
  void memoryForgetsTheLeastRecentlyUsed() {
    CachedTextEncoder cached =
        CachedTextEncoder.inMemory(letters, 2 * (2 * 3 + 4 * 4 * WIDTH)); // two of three letters
    for (String prompt : List.of("one", "two", "one", "six", "one", "two")) {
      assertThat(cached.encode(prompt)).isEqualTo(Letters.features(prompt));
    }
    assertThat(letters.asked).containsExactly("one", "two", "six", "two");
    CachedTextEncoder none = CachedTextEncoder.inMemory(new Letters(), 0);
    assertThat(none.encode(prompts)).isEqualTo(expected(prompts));
  }

  /** An encoder that was put away is not woken by the empty prompt of every batch. */
  @Test
  void negativePromptsHaveOneCacheForAllWhoAsk() {
    CachedTextEncoder same = CachedTextEncoder.inMemory(letters, 1 << 20);
    assertThat(same.forNegative()).isSameAs(same);

    Letters framed = new Letters();
    Letters unframed = new Letters("letters-unframed");
    framed.negative = unframed;
    try (CachedTextEncoder cached = CachedTextEncoder.onDisk(framed, folder, 1 << 20);
        Scope s = Scope.open()) {
      for (int i = 0; i < 3; i++) {
        new Captions(cached, Device.CPU).empty(2);
      }
      assertThat(cached.forNegative().id()).isEqualTo("letters-unframed");
    }
    assertThat(unframed.asked).containsExactly("");
    assertThat(framed.asked).isEmpty();

    Letters next = new Letters();
    next.negative = new Letters("letters-unframed");
    try (CachedTextEncoder cached = CachedTextEncoder.onDisk(next, folder, 0)) {
      assertThat(cached.forNegative().encode("")).isEqualTo(Letters.features(""));
    }
    assertThat(next.negative.asked).as("kept on disk").isEmpty();
  }

  @Test
  void theFileServesTheNextProcess() {
    try (CachedTextEncoder first = CachedTextEncoder.onDisk(letters, folder, 0)) {
      assertThat(first.encode(prompts)).isEqualTo(expected(prompts));
    }
    Letters fresh = new Letters();
    try (CachedTextEncoder second = CachedTextEncoder.onDisk(fresh, folder, 0)) {
      assertThat(second.encode(prompts)).isEqualTo(expected(prompts));
    }
    assertThat(fresh.asked).containsExactly("\ud83d"); // UTF-8 has no form for half a pair
  }

  /** As the ranks of a run are: what one has encoded, no other encodes. */
  @Test
  void usersOfTheSameFileEncodeEachPromptOnceBetweenThem() throws Exception {
    Letters other = new Letters();
    try (CachedTextEncoder first = CachedTextEncoder.onDisk(letters, folder, 0);
        CachedTextEncoder second = CachedTextEncoder.onDisk(other, folder, 0)) {
      first.encode("a cat");
      assertThat(second.encode(List.of("a cat", "a dog")))
          .isEqualTo(expected(List.of("a cat", "a dog")));
      assertThat(first.encode(List.of("a dog", "a cow")))
          .isEqualTo(expected(List.of("a dog", "a cow")));
      assertThat(second.encode(List.of("a cow"))).isEqualTo(expected(List.of("a cow")));
      assertThat(letters.asked).containsExactly("a cat", "a cow");
      assertThat(other.asked).containsExactly("a dog");
    }
    Letters later = new Letters();
    try (CachedTextEncoder third = CachedTextEncoder.onDisk(later, folder, 0)) {
      third.encode(List.of("a cat", "a dog", "a cow"));
      assertThat(later.asked).isEmpty();
    }
  }

  /** A kill tears a record while another process has the file open. */
  @Test
  void aTornRecordIsWrittenOver() throws Exception {
    Path file = folder.resolve("letters.features");
    Letters other = new Letters();
    try (CachedTextEncoder first = CachedTextEncoder.onDisk(letters, folder, 0);
        CachedTextEncoder second = CachedTextEncoder.onDisk(other, folder, 0)) {
      first.encode("a cat");
      byte[] whole = Files.readAllBytes(file);
      first.encode("a dog");
      byte[] both = Files.readAllBytes(file);
      Files.write(file, Arrays.copyOf(both, (whole.length + both.length) / 2));
      List<String> three = List.of("a cat", "a dog", "a cow");
      assertThat(second.encode(three)).isEqualTo(expected(three));
      assertThat(other.asked).containsExactly("a dog", "a cow");
    }
    Letters later = new Letters();
    try (CachedTextEncoder third = CachedTextEncoder.onDisk(later, folder, 0)) {
      third.encode(List.of("a cat", "a dog", "a cow"));
      assertThat(later.asked).isEmpty();
    }
  }

  /** Cut at any byte, or any byte changed: the answers stay right, and the file mends itself. */
  @Test
  void aDamagedFileCostsTimeOnly() throws Exception {
    List<String> three = List.of("a cat", "", "a dog");
    try (CachedTextEncoder first = CachedTextEncoder.onDisk(letters, folder, 0)) {
      first.encode(three);
    }
    Path file = folder.resolve("letters.features");
    byte[] whole = Files.readAllBytes(file);
    for (int i = 0; i < whole.length; i++) {
      byte[] flipped = whole.clone();
      flipped[i] ^= (byte) (1 << (i % 8));
      for (byte[] damaged : List.of(flipped, Arrays.copyOf(whole, i))) {
        Files.write(file, damaged);
        for (int round = 0; round < 2; round++) {
          Letters fresh = new Letters();
          try (CachedTextEncoder cached = CachedTextEncoder.onDisk(fresh, folder, 1 << 20)) {
            assertThat(cached.encode(three)).isEqualTo(expected(three));
          }
          if (round == 1) {
            assertThat(fresh.asked).isEmpty();
          }
        }
      }
    }
  }

  /** Pooled vectors are kept with their prompt, and become a condition's. */
  @Test
  void vectorsAreKeptToo() {
    TextEncoder pooled = new Pooled();
    List<TokenFeatures> expected = pooled.encode(List.of("a cat", ""));
    try (CachedTextEncoder first = CachedTextEncoder.onDisk(new Pooled(), folder, 0)) {
      assertThat(first.encode(List.of("a cat", ""))).isEqualTo(expected);
    }
    try (CachedTextEncoder second = CachedTextEncoder.onDisk(new Pooled(), folder, 1 << 20);
        Scope scope = Scope.open()) {
      assertThat(second.encode(List.of("a cat", ""))).isEqualTo(expected);
      assertThat(second.encodedCount()).isZero();
      Condition condition = new Captions(second, Device.CPU).of(List.of("a cat", ""));
      assertThat(condition.vectors().keySet()).containsExactly("pooled", "size");
      assertThat(condition.vector("pooled").toFloats()).containsExactly(5, 6, 7, 0, 1, 2);
      assertThat(condition.vector("size").toFloats()).containsExactly(5, 0);
      Condition mixed =
          condition.where(new boolean[] {true, false}, new Captions(second, Device.CPU).empty(2));
      assertThat(mixed.vector("pooled").toFloats()).containsExactly(5, 6, 7, 0, 1, 2);
      Condition last = condition.narrow(1, 1);
      assertThat(last.vector("pooled").contiguous().toFloats()).containsExactly(0, 1, 2);
      assertThatThrownBy(() -> last.vector("time_ids"))
          .isInstanceOf(DiffusionException.class)
          .hasMessageContaining("the network needs the vectors time_ids");
      assertThatThrownBy(
              () -> last.where(new boolean[] {true}, new Condition(last.features(), List.of(1))))
          .isInstanceOf(DiffusionException.class)
          .hasMessageContaining("cannot be mixed");
    }
  }

  /** One token, and two vectors that tell the prompt's length. */
  private record Pooled() implements TextEncoder {
    @Override
    public String id() {
      return "pooled";
    }

    @Override
    public int width() {
      return 1;
    }

    @Override
    public Map<String, Integer> vectors() {
      return Map.of("size", 1, "pooled", 3);
    }

    @Override
    public int maxTokens() {
      return 1;
    }

    @Override
    public List<TokenFeatures> encode(List<String> prompts) {
      return prompts.stream()
          .map(
              p -> {
                int n = p.length();
                float[] pooled = {n, n + 1, n + 2};
                return new TokenFeatures(
                    new float[] {n}, 1, 1, Map.of("size", new float[] {n}, "pooled", pooled));
              })
          .toList();
    }

    @Override
    public void close() {}
  }

  @Test
  void aFileThatCannotBeOpenedIsDoneWithout() throws Exception {
    Path file = Files.writeString(folder.resolve("file"), "");
    try (CachedTextEncoder cached = CachedTextEncoder.onDisk(letters, file, 1 << 20)) {
      assertThat(cached.encode(prompts)).isEqualTo(expected(prompts));
    }
  }
}
