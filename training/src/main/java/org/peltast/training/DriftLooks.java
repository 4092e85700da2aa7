package org.peltast.training;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.peltast.diffusion.Condition;
import org.peltast.distill.KeepBest;
import org.peltast.distill.Observer;
import org.peltast.evaluate.DriftWatch;
import org.peltast.evaluate.Look;
import org.peltast.models.GenerationSettings;
import org.peltast.models.TextToImage;
import org.peltast.models.text.Captions;
import org.peltast.models.text.TextEncoder;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Device;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Looks at the pictures of a teacher and of its student, of the same prompts and noise: what a
 * watch over drift compares.
 *
 * @param prompts each as many times as it has samples
 * @param samples of each
 * @param seed of the noise
 */
record DriftLooks(List<String> prompts, int samples, long seed) {
  private static final int TOGETHER = 8;

  /** Of some prompts that the data are looked at with. */
  static DriftLooks of(DistillRecipe recipe, Corpus corpus) {
    GuardRecipe.DriftRecipe drift = recipe.guard().drift();
    List<String> prompts = new ArrayList<>();
    for (String caption : corpus.examples(drift.prompts()).captions()) {
      prompts.addAll(Collections.nCopies(drift.samples(), recipe.unconditional() ? "" : caption));
    }
    return new DriftLooks(prompts, drift.samples(), recipe.seed());
  }

  /** Looks at what a model draws with its own settings. */
  Look look(TextToImage model, TextEncoder encoder) {
    GenerationSettings settings = model.defaults();
    Captions captions = new Captions(encoder, model.device());
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      Condition all = captions.of(prompts);
      Condition empty = settings.guidance().isOn() ? captions.empty(prompts.size()) : null;
      if (encoder.isLarge()) {
        encoder.rest();
      }
      List<Tensor> latents = new ArrayList<>();
      List<Tensor> pictures = new ArrayList<>();
      for (int from = 0; from < prompts.size(); from += TOGETHER) {
        int count = Math.min(TOGETHER, prompts.size() - from);
        Condition none = empty == null ? null : empty.narrow(from, count);
        Tensor drawn = model.latents(all.narrow(from, count), none, seed, from, settings);
        latents.add(drawn.to(Device.CPU));
        pictures.add(model.decode(drawn));
      }
      return Look.of(Tensor.cat(latents, 0), Tensor.cat(pictures, 0), samples);
    }
  }

  /**
   * The observers of a recipe: the watch, and who keeps the best.
   *
   * @param keep saves the student as it is
   */
  static List<Observer> observers(
      GuardRecipe.DriftRecipe drift,
      Supplier<Look> teacher,
      Supplier<Look> student,
      Consumer<String> warnings,
      Runnable keep) {
    List<Observer> all = new ArrayList<>();
    if (drift.every() > 0) {
      all.add(new DriftWatch(drift.every(), drift.limit(), teacher, student, warnings));
      if (drift.keepBest() || drift.patience() > 0) {
        all.add(
            new KeepBest(
                DriftWatch.METRIC, true, drift.patience(), drift.keepBest() ? keep : () -> {}));
      }
    }
    return all;
  }
}
