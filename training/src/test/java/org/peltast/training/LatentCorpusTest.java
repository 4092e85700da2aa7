package org.peltast.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.data.EmojiCorpus;
import org.peltast.models.codec.Codec;
import org.peltast.models.codec.Normalisation;
import org.peltast.models.codec.NormalisedCodec;
import org.peltast.models.codec.PixelCodec;
import org.peltast.runs.Progress;
import org.peltast.tensor.Device;

class LatentCorpusTest {
  private static final Codec RAW = new PixelCodec();
  private static final Codec NORMALISED =
      new NormalisedCodec(new PixelCodec(), Normalisation.uniform(3, 0.25, 2));

  @TempDir private Path folder;

  /** A teacher's training and a distillation share the cache, whichever comes first. */
  @Test
  void latentsAreRawWhateverCodecAsksFirst() {
    float[] expected = latents(RAW, folder.resolve("one"));
    assertThat(latents(NORMALISED, folder.resolve("one"))).isEqualTo(expected);
    assertThat(latents(NORMALISED, folder.resolve("other"))).isEqualTo(expected);
    assertThat(latents(RAW, folder.resolve("other"))).isEqualTo(expected);
  }

  private static float[] latents(Codec codec, Path cache) {
    EmojiCorpus corpus =
        EmojiCorpus.open(EmojiCorpus.Options.ofSize(8).withConcepts(40).withCache(cache));
    try (LatentCorpus corpusOf =
        LatentCorpus.of(corpus.train(), codec, Device.CPU, cache, Progress.NONE)) {
      return corpusOf.all().toFloats();
    }
  }
}
