package org.peltast.paper;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Denoiser;
import org.peltast.evaluate.RadialSpectrum;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * What two models predict of images that have gone bad, noised to rising τ (the paper's Fig. 4b):
 * the real model, and a fake one that has learnt from such images.
 *
 * <p>The artefact is what of an image lies above half of the Nyquist frequency. Its retention in a
 * prediction p of the image x is {@code ⟨h(p), h(x)⟩ / ⟨h(x), h(x)⟩} with the high-pass h: 1 if all
 * of it is still there, 0 if none is.
 *
 * @param real the real model's retention at each of {@link #TIMES}
 * @param fake the fake model's
 */
record Artefact(List<Double> real, List<Double> fake) {
  /** τ, pre-shift: 0 is noise, 1 is clean. */
  static final List<Double> TIMES = IntStream.rangeClosed(1, 9).mapToObj(i -> i / 10.0).toList();

  /** The lowest frequency of an artefact, as a share of Nyquist's. */
  static final double FROM = 0.5;

  /**
   * Asks both models.
   *
   * @param images x̂ [n, C, h, w], on the models' device
   * @param captions of them
   * @param seed of the noise
   */
  static Artefact of(
      Denoiser teacher, Denoiser fake, Tensor images, Condition captions, long seed) {
    List<Double> real = new ArrayList<>();
    List<Double> learnt = new ArrayList<>();
    for (double time : TIMES) {
      try (Scope scope = Scope.open()) {
        real.add(retention(predicted(teacher, images, captions, time, seed), images));
        learnt.add(retention(predicted(fake, images, captions, time, seed), images));
      }
    }
    return new Artefact(real, learnt);
  }

  /** The clean images that a model predicts of images noised to a pre-shift time. */
  static Tensor predicted(
      Denoiser model, Tensor images, Condition captions, double time, long seed) {
    try (Autograd off = Autograd.off()) {
      List<Tensor> noises = new ArrayList<>();
      for (int i = 0; i < images.size(0); i++) {
        noises.add(
            Rng.of(seed)
                .fork("renoised")
                .fork(i)
                .normal(images.size(1), images.size(2), images.size(3)));
      }
      Tensor at = model.at(time, images);
      Tensor noised = model.path().mix(images, Tensor.stack(noises, 0).to(images.device()), at);
      return model.clean(noised, at, model.network().read(captions));
    }
  }

  /** Of all images together. */
  static double retention(Tensor prediction, Tensor images) {
    try (Scope scope = Scope.open()) {
      Tensor there = RadialSpectrum.above(images.to(DType.FLOAT64), FROM);
      Tensor kept = RadialSpectrum.above(prediction.to(DType.FLOAT64), FROM);
      return kept.mul(there).sum().item() / there.square().sum().item();
    }
  }

  /** Over all times. */
  static double mean(List<Double> retentions) {
    return retentions.stream().mapToDouble(Double::doubleValue).average().orElse(Double.NaN);
  }
}
