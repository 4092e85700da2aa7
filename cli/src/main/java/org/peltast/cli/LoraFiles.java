package org.peltast.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.peltast.models.Backbone;
import org.peltast.models.Lora;
import org.peltast.tensor.Scope;
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

  /** A file and how often it is added. */
  private record Asked(Path file, double scale) {
    static Asked of(String text) {
      int colon = text.lastIndexOf(':');
      String number = colon < 1 ? "" : text.substring(colon + 1);
      if (!number.matches("[-+]?(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d+)?")) {
        return new Asked(path(text), 1);
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
      return new Asked(path(text.substring(0, colon)), scale);
    }

    private static Path path(String text) {
      try {
        return Main.path(text);
      } catch (TypeConversionException e) {
        throw new CommandException("--lora: " + e.getMessage() + ".");
      }
    }
  }

  /** Whether there is one. */
  boolean isEmpty() {
    return given == null || given.isEmpty();
  }

  /**
   * Adds them to a network's weights, one after another; all are read before a weight is changed.
   */
  void mergeInto(Backbone network) {
    try (Scope s = Scope.open()) {
      List<Asked> asked = asked();
      List<Lora> read = asked.stream().map(a -> Lora.read(a.file(), network)).toList();
      for (int i = 0; i < read.size(); i++) {
        read.get(i).mergeInto(network, asked.get(i).scale());
      }
    }
  }

  private List<Asked> asked() {
    return given == null ? List.of() : given.stream().map(Asked::of).toList();
  }

  /** A model's provenance with the LoRAs that were added, by the names of their files. */
  Map<String, String> provenance(Map<String, String> model) {
    Map<String, String> all = new TreeMap<>(model);
    List<String> names = new ArrayList<>();
    for (Asked a : asked()) {
      names.add(a.file().getFileName() + (a.scale() == 1 ? "" : ":" + a.scale()));
    }
    if (!names.isEmpty()) {
      all.merge("lora", String.join(", ", names), (old, added) -> old + ", " + added);
    }
    return all;
  }
}
