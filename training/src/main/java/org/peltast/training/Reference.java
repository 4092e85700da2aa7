package org.peltast.training;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.peltast.data.CaptionedImages;
import org.peltast.evaluate.ColourStatistics;
import org.peltast.models.TextToImage;
import org.peltast.models.text.Captions;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * What a generator's images should look like, in numbers for a watch: variance of latents and
 * saturation of whole pictures, averaged over real pictures, or over the teacher's own samples
 * where there are none.
 */
final class Reference {
  private static final int REAL = 256;
  private static final int SAMPLES = 32;
  private static final int TOGETHER = 16;

  private Reference() {}

  /** Measures "variance" and "saturation". */
  static Map<String, Double> of(DistillRecipe recipe, TextToImage teacher, Corpus corpus) {
    List<CaptionedImages> real = corpus.pictures();
    Measure measure = new Measure();
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      if (!real.isEmpty()) {
        CaptionedImages pictures = real.get(0);
        List<Integer> chosen = Corpus.spread(pictures.size(), REAL);
        for (int from = 0; from < chosen.size(); from += TOGETHER) {
          int[] some =
              chosen.subList(from, Math.min(chosen.size(), from + TOGETHER)).stream()
                  .mapToInt(Integer::intValue)
                  .toArray();
          try (Scope part = Scope.open()) {
            Tensor seen = LatentCorpus.pixels(pictures, some).to(teacher.device());
            measure.add(teacher.codec().encode(seen), seen);
          }
        }
      } else {
        List<String> captions = new ArrayList<>();
        for (int i : Corpus.spread(corpus.captions().size(), SAMPLES)) {
          captions.add(recipe.unconditional() ? "" : corpus.captions().caption(i, 0));
        }
        for (int from = 0; from < captions.size(); from += TOGETHER) {
          try (Scope part = Scope.open()) {
            Captions texts = new Captions(teacher.textEncoder(), teacher.device());
            List<String> some = captions.subList(from, Math.min(captions.size(), from + TOGETHER));
            Tensor latents =
                teacher.latents(
                    texts.of(some),
                    teacher.defaults().guidance().isOn() ? texts.empty(some.size()) : null,
                    recipe.seed(),
                    from,
                    teacher.defaults());
            measure.add(latents, teacher.decode(latents));
          }
        }
      }
    }
    return measure.means();
  }

  /** Means over images. */
  private static final class Measure {
    private double variance;
    private double saturation;
    private long count;

    void add(Tensor latents, Tensor pictures) {
      variance += latents.variance(false, 1, 2, 3).sum().item();
      saturation += ColourStatistics.saturations(pictures.clamp(0, 1)).sum().item();
      count += latents.size(0);
    }

    Map<String, Double> means() {
      Map<String, Double> means = new LinkedHashMap<>();
      means.put("variance", variance / count);
      means.put("saturation", saturation / count);
      return means;
    }
  }
}
