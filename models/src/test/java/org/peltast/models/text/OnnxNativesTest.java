package org.peltast.models.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OnnxNativesTest {
  @TempDir Path folder;

  @Test
  void librariesAreUnpackedOnceAndDamagedOnesAnew() throws Exception {
    Path place = OnnxNatives.unpack(folder.resolve("natives"));
    assumeTrue(place != null, "ONNX Runtime has no library for this machine");
    List<Path> files = libraries(place);
    assertThat(files).hasSize(2);
    Path library = files.get(0);
    byte[] whole = Files.readAllBytes(library);
    Object first = Files.readAttributes(library, "*").get("fileKey");

    assertThat(OnnxNatives.unpack(folder.resolve("natives"))).isEqualTo(place);
    assertThat(Files.readAttributes(library, "*").get("fileKey")).isEqualTo(first);

    byte[] flipped = whole.clone();
    flipped[whole.length / 2] ^= 1;
    for (byte[] damaged : List.of(Arrays.copyOf(whole, whole.length / 2), flipped)) {
      Files.write(library, damaged);
      Files.writeString(library.resolveSibling(library.getFileName() + ".part"), "of a kill");
      OnnxNatives.unpack(folder.resolve("natives"));
      assertThat(Files.readAllBytes(library)).isEqualTo(whole);
      assertThat(libraries(place)).isEqualTo(files);
    }

    Path file = Files.writeString(folder.resolve("file"), "");
    assertThatThrownBy(() -> OnnxNatives.unpack(file.resolve("natives")))
        .isInstanceOf(IOException.class);
  }

  private static List<Path> libraries(Path place) throws IOException {
    try (Stream<Path> files = Files.list(place)) {
      return files.filter(file -> !file.endsWith(".lock")).sorted().toList();
    }
  }
}
