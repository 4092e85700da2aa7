package org.peltast.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ScaledLora;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The option of commands that load LoRA files into a model. */
final class LoraFiles {
  private static final double STRONGEST = 100;

  @Option(
      names = "--lora",
      paramLabel = "FILE[:SCALE]",
      description =
          "a LoRA file of Peltast, diffusers, PEFT, ComfyUI or kohya's trainers to add to the network's weights, SCALE times (default: 1); may be given several times")
  private @Nullable List<String> given;

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  LoraFiles() {}

  /** The files, in order; none if none was given. */
  List<ScaledLora> all() {
    return given == null ? List.of() : given.stream().map(LoraFiles::parsed).toList();
  }

  private static ScaledLora parsed(String text) {
    int colon = text.lastIndexOf(':');
    String number = colon < 1 ? "" : text.substring(colon + 1);
    if (!number.matches("[-+]?(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d+)?")) {
      return new ScaledLora(path(text), 1);
    }
    double scale = Double.parseDouble(number);
    if (Math.abs(scale) > STRONGEST) {
      throw new CommandException(
          String.format(
              Locale.ROOT,
              "--lora: the scale behind the colon must be from -%.0f to %.0f, but is %s.",
              STRONGEST,
              STRONGEST,
              number));
    }
    return new ScaledLora(path(text.substring(0, colon)), scale);
  }

  private static Path path(String text) {
    try {
      return Main.path(text);
    } catch (TypeConversionException e) {
      throw new CommandException("--lora: " + e.getMessage() + ".");
    }
  }
}
