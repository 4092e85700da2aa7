package org.peltast.examples;

import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.util.List;
import org.peltast.api.Peltast;
import org.peltast.api.Teacher;
import org.peltast.training.Pictures;

/** Draws pictures with a model folder: {@code Generate MODEL OUT PROMPT…}. */
public final class Generate {
  private Generate() {}

  /** Draws one picture for each prompt. */
  public static void main(String[] args) {
    if (args.length < 3) {
      throw new IllegalArgumentException("give a model folder, a folder for pictures, and prompts");
    }
    List<String> prompts = List.of(args).subList(2, args.length);
    try (Teacher model = Peltast.open(Path.of(args[0]))) {
      List<BufferedImage> pictures = model.generate(prompts, 1);
      for (int i = 0; i < pictures.size(); i++) {
        Path file = Path.of(args[1]).resolve(i + ".png");
        Pictures.write(file, pictures.get(i));
        System.out.println(file + "  " + prompts.get(i));
      }
    }
  }
}
