package org.peltast.cli;

import org.peltast.bench.UpdateShape;
import org.peltast.tensor.Precision;
import picocli.CommandLine.Mixin;
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

  @Mixin private PrecisionOptions computed;

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before anything is called here
  UpdateOptions() {}

  /** The shape asked for. */
  UpdateShape shape() {
    return new UpdateShape(batch, dim, layers, heads, tokens, caption, fake);
  }

  /** As {@link PrecisionOptions#begin}. */
  Precision begin() {
    return computed.begin();
  }
}
