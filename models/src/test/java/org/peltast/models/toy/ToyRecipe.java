package org.peltast.models.toy;

import org.peltast.diffusion.NoiseSchedule;
import org.peltast.diffusion.Prediction;
import org.peltast.diffusion.TimeShift;
import org.peltast.diffusion.VariancePreserving;
import org.peltast.models.NetworkRecipe;
import org.peltast.models.codec.Codecs;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;

/** A toy's keys. */
public record ToyRecipe(String codec, int hidden) implements NetworkRecipe {
  /** Checks the codec. */
  public ToyRecipe {
    Codecs.requireBuiltIn(codec);
  }

  /** A small one. */
  public static ToyRecipe defaults() {
    return new ToyRecipe("pixels", 8);
  }

  @Override
  public NoiseSchedule schedule() {
    return new NoiseSchedule(VariancePreserving.SDXL, Prediction.EPSILON, TimeShift.NONE);
  }

  @Override
  public void check() {}

  @Override
  public ToyNetwork create(int channels, int captionWidth, Device device, Precision precision) {
    return new ToyNetwork(channels, hidden, captionWidth, schedule(), device, precision);
  }
}
