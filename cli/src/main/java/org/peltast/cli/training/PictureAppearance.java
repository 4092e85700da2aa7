package org.peltast.cli.training;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.peltast.distill.Appearance;
import org.peltast.evaluate.ColourStatistics;
import org.peltast.models.Codec;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/** Saturation and colour cast of the first few latents of a thread's share, decoded. */
record PictureAppearance(Codec codec) implements Appearance {
  /** Decoding costs time in every update: one of each thread shows a drift well enough. */
  private static final int PICTURES = 1;

  @Override
  public Map<String, Double> of(Tensor latents) {
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      Tensor few = latents.narrow(0, 0, Math.min(PICTURES, latents.size(0)));
      List<ColourStatistics> colours = ColourStatistics.of(codec.decode(few).clamp(0, 1));
      Map<String, Double> figures = new LinkedHashMap<>(); // in one order, whatever the JVM
      figures.put("saturation", mean(colours, ColourStatistics::saturation));
      figures.put("colourCast", mean(colours, ColourStatistics::colourCast));
      return figures;
    }
  }

  private static double mean(
      List<ColourStatistics> colours, ToDoubleFunction<ColourStatistics> which) {
    return colours.stream().mapToDouble(which).average().orElse(0);
  }
}
