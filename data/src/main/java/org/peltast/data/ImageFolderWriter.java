package org.peltast.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageIO;
import tools.jackson.databind.json.JsonMapper;

/**
 * Writes pictures with their captions as a folder that {@link ImageFolder} and other tools read.
 */
public final class ImageFolderWriter {
  private ImageFolderWriter() {}

  /** A line of metadata.jsonl, by the names that other tools read. */
  private record Line(String file_name, List<String> text) {}

  /**
   * Writes PNGs and a {@code metadata.jsonl}; the captions come last, so half a folder has none.
   *
   * @param folder a new one
   * @throws DataException if it exists
   * @throws IOException if it cannot be written
   */
  public static void write(CaptionedImages images, Path folder, Preparation progress)
      throws IOException {
    if (Files.exists(folder)) {
      throw new DataException(folder + " exists; name a folder that does not yet, or remove it.");
    }
    Files.createDirectories(folder);
    JsonMapper json = JsonMapper.builder().build();
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < images.size(); i++) {
      String name = String.format(Locale.ROOT, "%05d.png", i);
      ImageIO.write(images.picture(i), "png", folder.resolve(name).toFile());
      lines.append(json.writeValueAsString(new Line(name, images.captions(i)))).append('\n');
      progress.progress("writing pictures", i + 1, images.size());
    }
    Files.writeString(folder.resolve("metadata.jsonl"), lines);
  }
}
