package org.peltast.api;

import java.awt.image.BufferedImage;
import java.util.List;
import org.peltast.models.PictureStreams;
import org.peltast.models.TextToImage;
import org.peltast.tensor.Scope;
import org.peltast.training.Pictures;

/** Draws with a model. */
final class Drawing {
  private static final int BATCH = 8;

  private Drawing() {}

  static List<BufferedImage> of(TextToImage model, List<String> prompts, long seed) {
    try (Scope scope = Scope.open()) {
      return Pictures.of(
          model.generate(
              prompts,
              "",
              null,
              PictureStreams.ofPrompts(seed, prompts),
              model.defaults(),
              BATCH,
              done -> {}));
    }
  }
}
