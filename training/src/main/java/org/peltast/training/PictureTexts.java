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
   * Puts them into a file, if it is a PNG; other formats have no place for them.
   *
   * @param prompts of its pictures
   * @param first the number of the first picture, which with the seed fixes its noise
   */
  public void put(Path file, List<String> prompts, int first) throws IOException {
    if (PngText.isPng(file)) {
      PngText.put(file, texts(prompts, first));
    }
  }

  private Map<String, String> texts(List<String> prompts, int first) {
    Map<String, String> texts = new LinkedHashMap<>();
    texts.put("Software", "Peltast " + Origin.peltast());
    texts.put("prompt", String.join("\n", prompts));
    if (!negative.isEmpty()) {
      texts.put("negative prompt", negative);
    }
    texts.put("seed", Long.toString(seed));
    texts.put(
        "picture",
        prompts.size() == 1 ? "" + first : first + " to " + (first + prompts.size() - 1));
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
