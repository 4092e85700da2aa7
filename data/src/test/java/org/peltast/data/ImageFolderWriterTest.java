package org.peltast.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The built-in pictures, written as other tools read them. */
class ImageFolderWriterTest {
  @TempDir Path folder;

  @Test
  void everyPictureIsWrittenWithItsCaptions() throws Exception {
    CaptionedImages images =
        EmojiCorpus.open(
                EmojiCorpus.Options.ofSize(16).withConcepts(6).withCache(folder.resolve("cache")))
            .train();
    Path out = folder.resolve("out");
    ImageFolderWriter.write(images, out, Preparation.SILENT);

    List<String> lines = Files.readAllLines(out.resolve("metadata.jsonl"));
    assertThat(lines).hasSize(images.size());
    for (int i = 0; i < images.size(); i++) {
      JsonNode line = JsonMapper.builder().build().readTree(lines.get(i));
      List<String> captions = new ArrayList<>();
      line.get("text").forEach(c -> captions.add(c.asString()));
      assertThat(captions).isEqualTo(images.captions(i));
      var read = ImageIO.read(out.resolve(line.get("file_name").asString()).toFile());
      var drawn = images.picture(i);
      assertThat(read.getRGB(0, 0, 16, 16, null, 0, 16))
          .isEqualTo(drawn.getRGB(0, 0, 16, 16, null, 0, 16));
    }
    assertThatThrownBy(() -> ImageFolderWriter.write(images, out, Preparation.SILENT))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("exists; name a folder");
  }
}
