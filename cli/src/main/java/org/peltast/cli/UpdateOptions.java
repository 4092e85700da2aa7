package org.peltast.cli;

import org.jspecify.annotations.Nullable;
import org.peltast.cli.bench.UpdateShape;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Precision;
import picocli.CommandLine.Option;

/** What update is measured, and how it is computed: the options of every benchmark of updates. */
final class UpdateOptions {
  @Option(names = "--batch", description = "captions an update (default: ${DEFAULT-VALUE})")
  private int batch = UpdateShape.standard().batch();

  @Option(names = "--dim", description = "width of a token (default: ${DEFAULT-VALUE})")
  private int dim = UpdateShape.standard().dim();

  @Option(
      names = "--layers",
      description = "blocks, besides 2 + 2 refiners (default: ${DEFAULT-VALUE})")
  private int layers = UpdateShape.standard().layers();

  @Option(names = "--heads", description = "attention heads (default: ${DEFAULT-VALUE})")
  private int heads = UpdateShape.standard().heads();

  @Option(
      names = "--tokens",
      description = "image tokens, a square number (default: ${DEFAULT-VALUE})")
  private int tokens = UpdateShape.standard().imageTokens();

  @Option(names = "--caption", description = "caption tokens (default: ${DEFAULT-VALUE})")
  private int caption = UpdateShape.standard().captionTokens();

  @Option(
      names = "--fake",
      description =
          "updates of the fake for each of the generator; 0 leaves it out (default: ${DEFAULT-VALUE})")
  private int fake = UpdateShape.standard().fakeUpdates();

  @Option(
      names = "--precision",
      paramLabel = "NAME",
      description = "auto, float32 or bf16 (default: ${DEFAULT-VALUE}, which measures)")
  private String precision = "auto";

  @Option(names = "--threads", description = "threads of one operation (default: libtorch's)")
  private @Nullable Integer threads;

  UpdateOptions() {}

  /** The shape asked for. */
  UpdateShape shape() {
    return new UpdateShape(batch, dim, layers, heads, tokens, caption, fake);
  }

  /** Sets the threads and decides the precision; libtorch is loaded now. */
  Precision begin() {
    if (threads != null) {
      Engine.threads(threads);
    }
    return Precision.parse(precision, Device.CPU);
  }
}
