package org.peltast.models.codec;

import org.peltast.tensor.Tensor;

/** No latents at all: a picture's own pixels, moved from [0, 1] to [−1, 1]. */
public record PixelCodec() implements Codec {
  @Override
  public String id() {
    return "pixels";
  }

  @Override
  public int channels() {
    return 3;
  }

  @Override
  public int factor() {
    return 1;
  }

  @Override
  public Tensor encode(Tensor images) {
    CodecInputs.requireImages(this, images);
    return images.mul(2).sub(1);
  }

  @Override
  public Tensor decode(Tensor latents) {
    CodecInputs.requireLatents(this, latents);
    return latents.add(1).mul(0.5);
  }

  @Override
  public void close() {}
}
