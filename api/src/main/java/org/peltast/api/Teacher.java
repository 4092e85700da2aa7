package org.peltast.api;

import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.peltast.models.ModelFolder;
import org.peltast.models.ModelSource;
import org.peltast.models.TextToImage;
import org.peltast.tensor.Precision;
import org.peltast.training.Devices;
import org.peltast.training.DistillRecipe;

/**
 * A text-to-image model opened from a folder, to draw with and to distil. Closing it frees its
 * weights, and those of the students that were distilled from it.
 */
public final class Teacher implements AutoCloseable {
  private final ModelSource source;
  private final String device;
  private final String precision;
  private final TextToImage model;
  private final Deque<AutoCloseable> owned = new ArrayDeque<>();

  Teacher(ModelSource source, String device, String precision, TextToImage model) {
    this.source = source;
    this.device = device;
    this.precision = precision;
    this.model = model;
  }

  /** The folder that it was opened from. */
  public Path folder() {
    return source.folder();
  }

  /** The files that it was opened from. */
  ModelSource source() {
    return source;
  }

  /** The model behind it, which it closes. */
  public TextToImage model() {
    return model;
  }

  /**
   * Draws one picture for each prompt by the model's own settings.
   *
   * @param seed of the noise; a picture depends on it, its prompt and how many of the same prompt
   *     come before it
   * @return pictures of the model's size, in the prompts' order
   * @throws org.peltast.models.ModelException if there is no prompt
   */
  public List<BufferedImage> generate(List<String> prompts, long seed) {
    return Drawing.of(model, prompts, seed);
  }

  /** The device as it was asked for, {@code auto} included. */
  String device() {
    return device;
  }

  /** The precision as it was asked for, {@code auto} included. */
  String precision() {
    return precision;
  }

  /**
   * The model as a run was begun with it: what {@code auto} chose then, it may not choose today.
   */
  TextToImage as(DistillRecipe recipe) {
    Precision wanted = Precision.parse(recipe.precision(), Devices.of(recipe.device()));
    if (model.device().equals(Devices.of(recipe.device()))
        && model.network().parameters().precision() == wanted
        && model.network().parameters().storage() == recipe.memory().weightType()) {
      return model;
    }
    ModelSource kept = source.keptIn(recipe.memory().weightType());
    return own(ModelFolder.open(kept, Devices.of(recipe.device()), wanted));
  }

  <T extends AutoCloseable> T own(T made) {
    owned.push(made);
    return made;
  }

  @Override
  public void close() {
    while (!owned.isEmpty()) {
      try {
        owned.pop().close();
      } catch (RuntimeException e) {
        throw e;
      } catch (Exception e) {
        throw new IllegalStateException("memory could not be freed", e);
      }
    }
    model.close();
  }
}
