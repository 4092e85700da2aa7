package org.peltast.api;

import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.util.List;
import org.peltast.models.ModelFolder;
import org.peltast.models.TextToImage;
import org.peltast.tensor.DType;

/**
 * A distilled generator of a few steps: the moving average of the trained weights. It lives as long
 * as its {@link Teacher} is open.
 */
public final class Student {
  private final TextToImage model;

  Student(TextToImage model) {
    this.model = model;
  }

  /** The model behind it, which the teacher closes. */
  public TextToImage model() {
    return model;
  }

  /**
   * Draws one picture for each prompt in as many steps as it was distilled for.
   *
   * @param seed of the noise; a picture depends on it, its prompt and how many of the same prompt
   *     come before it
   * @return pictures of the model's size, in the prompts' order
   * @throws org.peltast.models.ModelException if there is no prompt
   */
  public List<BufferedImage> generate(List<String> prompts, long seed) {
    return Drawing.of(model, prompts, seed);
  }

  /**
   * Writes it as a model folder in bfloat16, which {@link Peltast#open} and diffusers read; an
   * older model of that name is replaced.
   *
   * @throws org.peltast.models.ModelException if the folder holds other things than a model, or the
   *     disk refuses
   */
  public Student save(Path folder) {
    ModelFolder.write(folder, model, DType.BFLOAT16);
    return this;
  }
}
