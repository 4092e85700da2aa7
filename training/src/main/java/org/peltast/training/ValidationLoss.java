package org.peltast.training;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.peltast.data.CaptionedImages;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Network;
import org.peltast.distill.Metrics;
import org.peltast.distill.Observer;
import org.peltast.distill.Role;
import org.peltast.models.codec.Normalisation;
import org.peltast.models.text.Captions;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Device;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * The flow-matching loss of the averaged weights on fixed pictures, captions, times and noise, so
 * that its values over a run can be compared: on pictures kept from training, and on as many that
 * are trained on. Where the first rises while the second falls, the network memorises.
 */
final class ValidationLoss implements Observer {
  /** At most so many of each kind; a smaller collection is used whole. */
  static final int MOST = 256;

  private static final int BATCH = 32;

  private final long every;
  private final Denoiser average;
  private final Role role;
  private final Captions captions;
  private final Normalisation normalisation;
  private final Device device;
  private final Rng rng;
  private final Map<String, LatentCorpus> sets = new LinkedHashMap<>();

  /**
   * Measures a run.
   *
   * @param every updates between measurements; 0 for none
   * @param average a network for the averaged weights, which it receives at every measurement
   * @param rng for times and noise, the same at every measurement
   */
  ValidationLoss(
      long every,
      Denoiser average,
      Role role,
      Captions captions,
      Normalisation normalisation,
      Device device,
      Rng rng) {
    this.every = every;
    this.average = average;
    this.role = role;
    this.captions = captions;
    this.normalisation = normalisation;
    this.device = device;
    this.rng = rng;
  }

  /** The same, measuring some pictures as well, under a name. */
  ValidationLoss on(String name, LatentCorpus pictures) {
    sets.put(name, pictures);
    return this;
  }

  @Override
  public boolean seesAverages(long done, long updates) {
    return every > 0 && (done % every == 0 || done == updates);
  }

  @Override
  public Verdict after(long done, long updates, Metrics figures) {
    if (seesAverages(done, updates)) {
      try (Scope scope = Scope.open();
          Autograd off = Autograd.off()) {
        average.network().parameters().load(role.averages());
        sets.forEach((name, pictures) -> figures.put("loss." + name, of(pictures)));
      }
    }
    return Verdict.GO_ON;
  }

  /** The mean over pictures spread evenly over a collection, each at a time of its own. */
  double of(LatentCorpus pictures) {
    int[] chosen =
        Corpus.spread(pictures.images().size(), MOST).stream().mapToInt(i -> i).toArray();
    double sum = 0;
    for (int from = 0; from < chosen.length; from += BATCH) {
      int[] part = Arrays.copyOfRange(chosen, from, Math.min(chosen.length, from + BATCH));
      try (Scope scope = Scope.open()) {
        sum += part.length * mean(pictures, part, from, chosen.length);
      }
    }
    return sum / chosen.length;
  }

  private double mean(LatentCorpus pictures, int[] part, int from, int of) {
    CaptionedImages images = pictures.images();
    List<String> prompts = new ArrayList<>();
    float[] times = new float[part.length];
    for (int i = 0; i < part.length; i++) {
      prompts.add(images.captions(part[i]).get(0));
      times[i] = (float) average.shift().apply(time(from + i, of));
    }
    Network network = average.network();
    Tensor clean = normalisation.normalise(pictures.select(part)).to(device);
    Tensor noise =
        rng.fork(from)
            .normal(clean.size(0), clean.size(1), clean.size(2), clean.size(3))
            .to(device);
    Tensor t = Tensor.of(times, times.length).to(device);
    Tensor xt = average.path().mix(clean, noise, t);
    Tensor target = average.path().target(network.prediction(), clean, noise, t);
    return network
        .forward(xt, t, network.read(captions.of(prompts)))
        .sub(target)
        .square()
        .mean()
        .item();
  }

  /**
   * The times, spread over [0, 1] by the golden ratio rather than in order: neighbours in a
   * collection are of one family.
   */
  private static double time(int place, int of) {
    double golden = (Math.sqrt(5) - 1) / 2;
    double u = (place + 0.5) * golden % 1;
    return Math.min(1 - 0.5 / of, Math.max(0.5 / of, u));
  }
}
