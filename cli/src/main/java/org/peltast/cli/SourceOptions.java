package org.peltast.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelSource;
import org.peltast.runs.Recipes;
import picocli.CommandLine.Option;

/** The options of every command that reads a model: which of its files. */
final class SourceOptions {
  @Option(
      names = "--variant",
      paramLabel = "NAME",
      description =
          "read the checkpoints of a variant, as fp16 of model.fp16.safetensors, where there are any (default: the plain ones)")
  private @Nullable String variant;

  @Option(
      names = "--transformer",
      paramLabel = "FILE",
      description =
          "read the network's weights from this safetensors file or index, such as a single file of ComfyUI; the model folder has the rest")
  private @Nullable Path transformer;

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  SourceOptions() {}

  /** The files of the model in a folder. */
  ModelSource in(Path folder) {
    return new ModelSource(folder, variant, transformer);
  }

  /** The keys of a recipe that they stand for. */
  List<String> sets() {
    List<String> sets = new ArrayList<>();
    if (variant != null) {
      sets.add("variant=" + Recipes.quoted(variant));
    }
    if (transformer != null) {
      sets.add("transformer=" + Recipes.quoted(transformer.toString()));
    }
    return sets;
  }

  /** The variant; null for the plain checkpoints. */
  @Nullable String variant() {
    return variant;
  }

  /** The file of the network's weights; null for the folder's own. */
  @Nullable Path transformer() {
    return transformer;
  }
}
