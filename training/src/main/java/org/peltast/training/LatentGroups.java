package org.peltast.training;

import java.util.ArrayList;
import java.util.List;
import org.peltast.data.CacheFolder;
import org.peltast.data.CaptionedImages;
import org.peltast.models.codec.Codec;
import org.peltast.models.codec.Normalisation;
import org.peltast.runs.Progress;
import org.peltast.tensor.Device;
import org.peltast.tensor.Scope;

/** The latents of all pictures to learn from, a {@link LatentCorpus} for each size. */
record LatentGroups(List<LatentCorpus> groups) implements AutoCloseable {
  private static final int PART = 1024;

  /** From the cache, or encoded now by a codec on a device. */
  static LatentGroups of(
      List<CaptionedImages> pictures, Codec codec, Device device, Progress progress) {
    List<LatentCorpus> groups = new ArrayList<>();
    try {
      for (CaptionedImages group : pictures) {
        groups.add(LatentCorpus.of(group, codec, device, CacheFolder.standard(), progress));
      }
    } catch (RuntimeException e) {
      groups.forEach(LatentCorpus::close);
      throw e;
    }
    return new LatentGroups(List.copyOf(groups));
  }

  /** Mean and deviation over all of them, channel by channel. */
  Normalisation measure(int channels) {
    Normalisation.Measure measure = new Normalisation.Measure(channels);
    for (LatentCorpus group : groups) {
      long n = group.all().size(0);
      for (long from = 0; from < n; from += PART) {
        try (Scope scope = Scope.open()) {
          measure.add(group.all().narrow(0, from, Math.min(PART, n - from)));
        }
      }
    }
    return measure.result();
  }

  @Override
  public void close() {
    groups.forEach(LatentCorpus::close);
  }
}
