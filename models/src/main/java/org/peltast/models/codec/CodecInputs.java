package org.peltast.models.codec;

import org.peltast.models.ModelException;
import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;

/** The checks that all codecs make of their inputs. */
final class CodecInputs {
  private CodecInputs() {}

  static void requireImages(Codec codec, Tensor images) {
    if (images.rank() != 4
        || images.size(1) != 3
        || images.dtype() != DType.FLOAT32
        || images.count() == 0
        || images.size(2) % codec.factor() != 0
        || images.size(3) % codec.factor() != 0) {
      throw new ModelException(
          "the codec "
              + codec.id()
              + " encodes float32 images [B, 3, H, W] with H and W multiples of "
              + codec.factor()
              + ", got "
              + images);
    }
  }

  static void requireLatents(Codec codec, Tensor latents) {
    if (latents.rank() != 4
        || latents.size(1) != codec.channels()
        || latents.dtype() != DType.FLOAT32
        || latents.count() == 0) {
      throw new ModelException(
          "the codec "
              + codec.id()
              + " decodes float32 latents [B, "
              + codec.channels()
              + ", h, w], got "
              + latents);
    }
  }
}
