package org.peltast.testing;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.peltast.diffusion.EulerOde;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.diffusion.StepGrid;
import org.peltast.diffusion.TimeShift;
import org.peltast.models.Backbone;
import org.peltast.models.GenerationSettings;
import org.peltast.models.ModelFolder;
import org.peltast.models.NetworkRecipe;
import org.peltast.models.TextToImage;
import org.peltast.models.codec.Normalisation;
import org.peltast.models.codec.NormalisedCodec;
import org.peltast.models.codec.PixelCodec;
import org.peltast.models.text.MiniLmEncoder;
import org.peltast.models.text.TextEncoder;
import org.peltast.models.zimage.ZImageConfig;
import org.peltast.models.zimage.ZImageTransformer;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.nn.Parameters;

/**
 * A whole model folder that is small enough to be distilled in a blink: 16 × 16 pixels, 1 block.
 */
public final class TinyModel {
  /** Height and width of its pictures, in pixels. */
  public static final int EDGE = 16;

  private TinyModel() {}

  /** Writes it; the same bytes each time. */
  public static void write(Path folder) {
    write(folder, EDGE);
  }

  /**
   * The same for larger pictures, of at most 16 times as many pixels. Their blocks are the plain
   * ones: children compile in haste, and kernels that are not compiled well take minutes.
   */
  public static void write(Path folder, int edge) {
    int heads = edge == EDGE ? 1 : 2; // one head is a whole vector, which the fused kernels take
    ZImageConfig config =
        new ZImageConfig(
            List.of(4),
            3,
            16,
            1,
            1,
            heads,
            1e-5,
            true,
            384,
            256,
            1000,
            List.of(8 / heads, 4 / heads, 4 / heads),
            List.of(160, 64, 64));
    try (Parameters parameters = Parameters.on(Device.CPU, Precision.FLOAT32);
        TextEncoder text = new MiniLmEncoder()) {
      ZImageTransformer network = new ZImageTransformer(config, parameters);
      parameters.initialise(Rng.of(1).fork("weights"));
      ModelFolder.write(
          folder,
          TextToImage.of(
              network,
              NoiseSchedule.flow(new TimeShift(1)),
              new NormalisedCodec(new PixelCodec(), Normalisation.uniform(3, 0, 0.5)),
              text,
              new GenerationSettings(
                  edge, edge, StepGrid.uniform(2), new Guidance(3), new EulerOde()),
              Map.of()),
          DType.FLOAT32);
    }
  }

  /** A model of any family whose codec is pixels, for pictures of a size. */
  public static void write(Path folder, NetworkRecipe recipe, int height, int width) {
    try (TextEncoder text = new MiniLmEncoder();
        Backbone network = recipe.create(3, text.width(), Device.CPU, Precision.FLOAT32)) {
      network.parameters().initialise(Rng.of(1).fork("weights"));
      ModelFolder.write(
          folder,
          TextToImage.of(
              network,
              recipe.schedule(),
              new NormalisedCodec(new PixelCodec(), Normalisation.uniform(3, 0, 0.5)),
              text,
              new GenerationSettings(
                  height, width, StepGrid.uniform(2), new Guidance(3), new EulerOde()),
              Map.of()),
          DType.FLOAT32);
    }
  }
}
