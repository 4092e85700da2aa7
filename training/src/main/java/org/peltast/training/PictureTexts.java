package org.peltast.training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.peltast.diffusion.StepGrid;
import org.peltast.models.GenerationSettings;
import org.peltast.report.PngText;

/**
 * What a drawn picture says of itself, as texts in its PNG file: what it takes to draw it again
 * with the same model.
 *
 * @param settings that it was drawn with
 * @param negative what guidance led away from; empty for no condition
 * @param seed of its noise
 * @param provenance of the model: where its weights come from, recipe and seeds of its run included
 */
public record PictureTexts(
    GenerationSettings settings, String negative, long seed, Map<String, String> provenance) {
  /**
   * Puts them into a grid of pictures, if it is a PNG; other formats have no place for them.
   *
   * @param prompts of all pictures that were drawn, in order
   */
  public void put(Path grid, List<String> prompts) throws IOException {
    if (PngText.isPng(grid)) {
      PngText.put(grid, texts(String.join("\n", prompts), "0 to " + (prompts.size() - 1)));
    }
  }

  /**
   * Puts them into a file with one picture, as {@link #put(Path, List)}.
   *
   * @param before how many pictures of the prompt were drawn before this one, which with prompt and
   *     seed fixes its noise
   */
  public void put(Path file, String prompt, int before) throws IOException {
    if (PngText.isPng(file)) {
      PngText.put(file, texts(prompt, Integer.toString(before)));
    }
  }

  private Map<String, String> texts(String prompt, String picture) {
    Map<String, String> texts = new LinkedHashMap<>();
    texts.put("Software", "Peltast " + Origin.peltast());
    texts.put("prompt", prompt);
    if (!negative.isEmpty()) {
      texts.put("negative prompt", negative);
    }
    texts.put("seed", Long.toString(seed));
    texts.put("picture", picture);
    texts.put("size", settings.width() + " x " + settings.height());
    int steps = settings.grid().size();
    texts.put(
        "steps",
        settings.grid().equals(StepGrid.uniform(steps)) ? "" + steps : settings.grid().toString());
    texts.put("guidance", Double.toString(settings.guidance().alpha()));
    texts.put("sampler", GenerationSettings.name(settings.sampler()));
    // Not where the model lies: a copy elsewhere draws the same bytes, and a path is nobody's
    // business.
    provenance.forEach((key, value) -> texts.put("model." + key, value));
    return texts;
  }
}
