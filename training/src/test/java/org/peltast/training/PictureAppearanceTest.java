package org.peltast.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.models.codec.PixelCodec;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/** The log's colours are those of the middle of the first picture, whatever its size. */
class PictureAppearanceTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7, 8})
  void theMiddleOfTheFirstPictureIsSeen(int edge) {
    try (Scope scope = Scope.open()) {
      Tensor grey = Tensor.zeros(2, 3, edge, edge); // 0.5 as a picture
      int margin = edge / 4;
      int side = edge - 2 * margin;
      float[] red = new float[3 * side * side];
      for (int i = 0; i < red.length; i++) {
        red[i] = i < side * side ? 1 : -1;
      }
      grey.narrow(0, 0, 1)
          .narrow(2, margin, side)
          .narrow(3, margin, side)
          .copyFrom(Tensor.of(red, 1, 3, side, side));
      Map<String, Tensor> figures = new PictureAppearance(new PixelCodec(), false).of(grey);
      assertThat(figures.get("saturation").item()).isEqualTo(1.0);
      Map<String, Tensor> whole = new PictureAppearance(new PixelCodec(), true).of(grey);
      double share = (double) side * side / (edge * edge);
      assertThat(whole.get("saturation").item()).isCloseTo(share, within(1e-6)); // grey has none
      // Channel means 1, 0, 0 about ⅓.
      assertThat(figures.get("colourCast").item()).isCloseTo(Math.sqrt(2) / 3, within(1e-6));
    }
  }
}
