package org.peltast.models.codec;

import org.peltast.models.ModelException;
import org.peltast.tensor.Tensor;

/**
 * A codec whose latents are normalised by channel: what networks are trained on and sample.
 *
 * @param codec closed with this
 * @param normalisation of as many channels as the codec has
 */
public record NormalisedCodec(Codec codec, Normalisation normalisation) implements Codec {
  /** Checks that the two fit. */
  public NormalisedCodec {
    if (codec.channels() != normalisation.channels()) {
      throw new ModelException(
          "the codec "
              + codec.id()
              + " has "
              + codec.channels()
              + " channels, its normalisation "
              + normalisation.channels());
    }
  }

  /** A codec with its normalisation, which by itself is none. */
  public static NormalisedCodec of(Codec codec) {
    return codec instanceof NormalisedCodec normalised
        ? normalised
        : new NormalisedCodec(codec, Normalisation.identity(codec.channels()));
  }

  /** That of the codec alone: latents are known by it before they are normalised. */
  @Override
  public String id() {
    return codec.id();
  }

  @Override
  public int channels() {
    return codec.channels();
  }

  @Override
  public int factor() {
    return codec.factor();
  }

  @Override
  public Tensor encode(Tensor images) {
    return normalisation.normalise(codec.encode(images));
  }

  @Override
  public Tensor decode(Tensor latents) {
    CodecInputs.requireLatents(codec, latents);
    return codec.decode(normalisation.denormalise(latents));
  }

  @Override
  public void close() {
    codec.close();
  }
}
