package org.peltast.models.nextdit;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.diffusion.Condition;
import org.peltast.models.Backbone;
import org.peltast.models.ModelFamilies;
import org.peltast.models.ModelFamily;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.MetaMemory;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

class BlockStackTest {
  private static final int WIDTH = 64;

  /** The most bytes at once while a network of so many layers is only asked. */
  private static long held(String family, int layers) {
    ModelFamily.Scale scale = new ModelFamily.Scale(WIDTH, layers, 2, 16, 16);
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off();
        Backbone network =
            ModelFamilies.named(family)
                .scaled(scale)
                .create(4, 16, Device.META, Precision.FLOAT32);
        MetaMemory memory = MetaMemory.open(Device.parse("cuda"))) {
      Tensor x = Tensor.zeros(DType.FLOAT32, Device.META, 3, network.channels(), 12, 8);
      Tensor t = Tensor.zeros(DType.FLOAT32, Device.META, 3);
      Condition blank = network.blank(3, 5);
      network.forward(x, t, network.read(blank)); // makes tables of positions
      long before = memory.live();
      memory.begin();
      Scope.compute(() -> network.forward(x, t, network.read(blank)));
      return memory.peak() - before;
    }
  }

  /** A frozen network of thirty layers takes as much beside its weights as one of six. */
  @ParameterizedTest
  @ValueSource(strings = {"z-image", "lumina2"})
  void answersAreFreedWhenTheNextBlockHasReadThem(String family) {
    assertThat(held(family, 30)).isPositive().isEqualTo(held(family, 6));
  }
}
