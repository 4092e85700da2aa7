package org.peltast.models.nextdit.fused;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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
import org.peltast.tensor.nn.Parameter;

/** What the fused kernels keep is counted as they lay it out. */
class FusedOutlineTest {
  @ParameterizedTest
  @CsvSource({
    "FLOAT32, true, 48, 4",
    "FLOAT32, false, 48, 2",
    "BFLOAT16, true, 48, 2",
    "BFLOAT16, true, 16, 1"
  })
  void aSlotTakesTheBytesOfItsLayout(DType products, boolean learning, int asked, int groups)
      throws Exception {
    Shape shape = new Shape(3, 48, asked, 64, 4, groups, 170, 1e-5, 1e-5, products, learning);
    AtomicLong taken = new AtomicLong();
    Thread fresh = // with slots of its own
        new Thread(
            () -> {
              try (Workspace.Slot<FusedBlock.Activations> slot =
                  FusedBlock.Activations.take(shape)) {
                taken.set(slot.bytes());
              }
            });
    fresh.start();
    fresh.join();
    assertThat(FusedBlock.Activations.bytes(shape)).isEqualTo(taken.get());
  }

  @Test
  void gradientsReachEveryWeightAndInput() {
    try (MetaMemory memory = MetaMemory.open(Device.CPU);
        Scope scope = Scope.open();
        Backbone real =
            ModelFamilies.standard()
                .scaled(new ModelFamily.Scale(64, 2, 2, 8, 32))
                .create(4, 16, Device.CPU, Precision.FLOAT32);
        Backbone outline = real.outline()) {
      assertThat(outline.obstacleToFusion()).isEqualTo(real.obstacleToFusion());
      outline.parameters().trainable(true);
      Tensor x = Tensor.zeros(DType.FLOAT32, Device.META, 2, 4, 8, 8).requireGrad(true);
      Tensor t = Tensor.zeros(DType.FLOAT32, Device.META, 2);
      outline.forward(x, t, outline.read(outline.blank(2, 20))).sum().backward();
      assertThat(x.grad()).isNotNull();
      List<String> without =
          outline.parameters().all().stream()
              .filter(p -> p.value().grad() == null)
              .map(Parameter::name)
              .toList();
      assertThat(without).allMatch(name -> name.equals("x_pad_token"));
      try (Autograd off = Autograd.off()) {
        assertThat(outline.forward(x, t, outline.read(outline.blank(2, 20))).requiresGrad())
            .isFalse();
      }
      assertThat(memory.live()).isPositive();
    }
  }
}
