package org.peltast.training;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.peltast.data.CaptionedImages;
import org.peltast.models.codec.Codec;
import org.peltast.models.codec.NormalisedCodec;
import org.peltast.runs.Progress;
import org.peltast.safetensors.SafetensorsException;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;
import org.peltast.tensor.TensorFiles;

/**
 * All pictures of a collection as a codec's latents, raw (not normalised): encoded once and kept in
 * a cache under the checksums of pictures and codec.
 */
public final class LatentCorpus implements AutoCloseable {
  private static final String KEY = "latents";
  private static final int BATCH = 32;

  private final Scope scope = Scope.detached();
  private final CaptionedImages images;
  private final Tensor latents; // [N, C, h, w] float32, on the CPU

  private LatentCorpus(CaptionedImages images, Tensor latents) {
    this.images = images;
    this.latents = scope.keep(latents);
  }

  /** The raw latents of all pictures, from the cache or encoded now by a codec on a device. */
  public static LatentCorpus of(
      CaptionedImages images, Codec codec, Device device, Path cache, Progress progress) {
    Codec raw = NormalisedCodec.of(codec).codec();
    Path file =
        cache.resolve(
            "raw-latents-" + shortened(images.checksum()) + "-" + raw.id() + ".safetensors");
    try (Scope s = Scope.open()) {
      Tensor kept = kept(file);
      if (kept != null
          && kept.size(0) == images.size()
          && kept.size(1) == raw.channels()
          && kept.allFinite()) {
        return new LatentCorpus(images, kept);
      }
      Tensor fresh = encode(images, raw, device, progress);
      TensorFiles.write(
          file,
          Map.of(KEY, fresh),
          new TreeMap<>(Map.of("images", images.name(), "codec", raw.id())));
      return new LatentCorpus(images, fresh);
    }
  }

  /** What the cache holds, or null: a damaged file is none, for it can be made again. */
  private static @Nullable Tensor kept(Path file) {
    if (!Files.exists(file)) {
      return null;
    }
    try {
      Tensor kept = TensorFiles.read(file).get(KEY);
      return kept != null && kept.rank() == 4 && kept.dtype() == DType.FLOAT32 ? kept : null;
    } catch (SafetensorsException | TensorException damaged) {
      return null;
    }
  }

  private static String shortened(String checksum) {
    return checksum.substring(0, Math.min(16, checksum.length())).replaceAll("[^A-Za-z0-9]", "");
  }

  private static Tensor encode(
      CaptionedImages images, Codec codec, Device device, Progress progress) {
    List<Tensor> parts = new ArrayList<>();
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      for (int from = 0; from < images.size(); from += BATCH) {
        int count = Math.min(BATCH, images.size() - from);
        int[] indices = new int[count];
        for (int i = 0; i < count; i++) {
          indices[i] = from + i;
        }
        try (Scope s = Scope.open()) {
          Tensor z = codec.encode(pixels(images, indices).to(device));
          parts.add(scope.keep(z.to(Device.CPU)));
        }
        progress.step(from + count, images.size(), Map.of());
      }
      return scope.release(Tensor.cat(parts, 0));
    }
  }

  /** Pictures as float32 [n, 3, H, W] in [0, 1]. */
  public static Tensor pixels(CaptionedImages images, int... indices) {
    int each = images.bytesPerImage();
    byte[] rgb = new byte[indices.length * each];
    for (int i = 0; i < indices.length; i++) {
      images.pixels(indices[i], rgb, i * each);
    }
    return Tensor.of(
            java.nio.ByteBuffer.wrap(rgb),
            DType.UINT8,
            indices.length,
            images.height(),
            images.width(),
            3)
        .to(DType.FLOAT32)
        .div(255)
        .permute(0, 3, 1, 2)
        .contiguous();
  }

  /** The pictures. */
  public CaptionedImages images() {
    return images;
  }

  /** The shape of one picture's latents, (C, h, w). */
  List<Integer> latent() {
    return List.of((int) latents.size(1), (int) latents.size(2), (int) latents.size(3));
  }

  /** The latents of some pictures, [n, C, h, w] float32. */
  public Tensor select(int... indices) {
    long[] at = new long[indices.length];
    for (int i = 0; i < at.length; i++) {
      at[i] = indices[i];
    }
    return latents.indexSelect(0, Tensor.of(at, at.length));
  }

  /** All latents, [N, C, h, w]. */
  public Tensor all() {
    return latents;
  }

  @Override
  public void close() {
    scope.close();
  }
}
