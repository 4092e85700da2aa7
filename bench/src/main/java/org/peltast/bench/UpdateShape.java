package org.peltast.bench;

import java.util.List;
import java.util.Locale;
import org.peltast.models.ModelFamilies;
import org.peltast.models.ModelFamily;
import org.peltast.models.NetworkRecipe;

/**
 * What an update is measured on.
 *
 * @param batch captions
 * @param dim width of a token
 * @param layers blocks over the joint sequence; there are two refiner blocks on either side
 * @param heads attention heads
 * @param imageTokens a square number; patches are single latents
 * @param captionTokens tokens of each caption
 * @param fakeUpdates updates of the fake for each of the generator; 0 leaves the regulariser out,
 *     so that two networks are in memory instead of three
 */
public record UpdateShape(
    int batch,
    int dim,
    int layers,
    int heads,
    int imageTokens,
    int captionTokens,
    int fakeUpdates) {
  private static final int CHANNELS = 32;
  private static final int CAPTION_DIM = 384;

  /** Checks the ranges. */
  public UpdateShape {
    within("--batch", batch, 1, 4096);
    within("--layers", layers, 1, 256);
    within("--tokens", imageTokens, 1, 65_536);
    within("--caption", captionTokens, 1, 4096);
    within("--fake", fakeUpdates, 0, 10);
    int edge = (int) Math.round(Math.sqrt(imageTokens));
    if (edge * edge != imageTokens) {
      throw new BenchException(
          "--tokens must be a square number, as 64 is for 8 x 8 patches, not " + imageTokens + ".");
    }
    within("--heads", heads, 1, 256);
    if (dim < 1 || dim > 16_384 || dim % (2 * heads) != 0 || dim / heads < 6) {
      throw new BenchException(
          String.format(
              Locale.ROOT,
              "--dim must be an even multiple of --heads (%d), at least 6 a head and at most 16384, not %d.",
              heads,
              dim));
    }
  }

  private static void within(String option, int value, int low, int high) {
    if (value < low || value > high) {
      throw new BenchException(
          option + " must be from " + low + " to " + high + ", not " + value + ".");
    }
  }

  /** The shape of the published study: 64 image and 32 caption tokens, 10.7 M parameters. */
  public static UpdateShape standard() {
    return new UpdateShape(48, 256, 6, 4, 64, 32, 2);
  }

  /** The same with one measure changed, named as the command's option is. */
  public UpdateShape with(String axis, int value) {
    return switch (axis) {
      case "batch" ->
          new UpdateShape(value, dim, layers, heads, imageTokens, captionTokens, fakeUpdates);
      case "dim" ->
          new UpdateShape(batch, value, layers, heads, imageTokens, captionTokens, fakeUpdates);
      case "layers" ->
          new UpdateShape(batch, dim, value, heads, imageTokens, captionTokens, fakeUpdates);
      case "tokens" ->
          new UpdateShape(batch, dim, layers, heads, value, captionTokens, fakeUpdates);
      case "caption" -> new UpdateShape(batch, dim, layers, heads, imageTokens, value, fakeUpdates);
      case "fake" -> new UpdateShape(batch, dim, layers, heads, imageTokens, captionTokens, value);
      default ->
          throw new BenchException(
              "cost can be swept over batch, dim, layers, tokens, caption and fake, not '"
                  + axis
                  + "'.");
    };
  }

  /** The network of this shape. */
  NetworkRecipe network() {
    return ModelFamilies.standard()
        .scaled(new ModelFamily.Scale(dim, layers, heads, edge(), captionTokens));
  }

  /** Channels of the latents. */
  int channels() {
    return CHANNELS;
  }

  /** One image's latents, (C, h, w). */
  List<Integer> latent() {
    return List.of(CHANNELS, edge(), edge());
  }

  private int edge() {
    return (int) Math.round(Math.sqrt(imageTokens));
  }

  /** Width of the captions' features. */
  int captionDim() {
    return CAPTION_DIM;
  }
}
