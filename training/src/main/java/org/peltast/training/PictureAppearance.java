package org.peltast.training;

import java.util.LinkedHashMap;
import java.util.Map;
import org.peltast.distill.Appearance;
import org.peltast.evaluate.ColourStatistics;
import org.peltast.models.codec.Codec;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Saturation and colour cast of one picture of each micro-batch, or of its middle. Decoding costs
 * time in every update, and the middle shows a drift; a watch looks at whole pictures.
 *
 * @param whole whether all of the picture is decoded
 */
record PictureAppearance(Codec codec, boolean whole) implements Appearance {
  @Override
  public Map<String, Tensor> of(Tensor latents) {
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      Tensor first = latents.narrow(0, 0, 1);
      Tensor seen = whole ? first : middle(middle(first, 2), 3);
      Tensor pictures = codec.decode(seen).clamp(0, 1);
      Map<String, Tensor> figures = new LinkedHashMap<>(); // in one order, whatever the JVM
      figures.put("saturation", scope.release(ColourStatistics.saturations(pictures).mean()));
      figures.put("colourCast", scope.release(ColourStatistics.casts(pictures).mean()));
      return figures;
    }
  }

  /** Half of an edge, or a little more. */
  private static Tensor middle(Tensor latents, int edge) {
    long margin = latents.size(edge) / 4;
    return latents.narrow(edge, margin, latents.size(edge) - 2 * margin);
  }
}
