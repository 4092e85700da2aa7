package org.peltast.training;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.peltast.data.CaptionedImages;
import org.peltast.distill.dmd.MeanVariance;
import org.peltast.evaluate.ColourStatistics;
import org.peltast.models.TextToImage;
import org.peltast.models.text.Captions;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * What a generator's images should look like, in numbers for a watch and for the mean–variance
 * divergence: moments of latents and of whole pictures, averaged over real pictures, or over the
 * teacher's own samples where there are none.
 */
final class Reference {
  private static final int REAL = 256;
  private static final int SAMPLES = 32;
  private static final int TOGETHER = 16;

  private final Measure measured;

  private Reference(Measure measured) {
    this.measured = measured;
  }

  /** The metrics that a guard watches, "variance" and "saturation", with their reference values. */
  Map<String, Double> watched() {
    Map<String, Double> means = new LinkedHashMap<>();
    means.put("variance", measured.variance / measured.count);
    means.put("saturation", measured.saturation / measured.count);
    return means;
  }

  /** μ* and σ*² of equation 7, of latents or of pictures. */
  MeanVariance.Moments moments(MethodRecipe.Space space) {
    return space == MethodRecipe.Space.LATENTS
        ? new MeanVariance.Moments(
            measured.mean / measured.count, measured.variance / measured.count)
        : new MeanVariance.Moments(
            measured.pictureMean / measured.count, measured.pictureVariance / measured.count);
  }

  /** Measures; what the run's captions know already wakes no text encoder. */
  static Reference of(DistillRecipe recipe, TextToImage teacher, Corpus corpus, Captions texts) {
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
    return new Reference(measure);
  }

  /** Sums over images. */
  private static final class Measure {
    private double mean;
    private double variance;
    private double pictureMean;
    private double pictureVariance;
    private double saturation;
    private long count;

    void add(Tensor latents, Tensor pictures) {
      Tensor seen = pictures.clamp(0, 1);
      mean += latents.mean(false, 1, 2, 3).sum().item();
      variance += latents.variance(false, 1, 2, 3).sum().item();
      pictureMean += seen.mean(false, 1, 2, 3).sum().item();
      pictureVariance += seen.variance(false, 1, 2, 3).sum().item();
      saturation += ColourStatistics.saturations(seen).sum().item();
      count += latents.size(0);
    }
  }
}
