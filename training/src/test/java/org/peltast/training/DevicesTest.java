package org.peltast.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.peltast.runs.RunException;
import org.peltast.tensor.Device;
import org.peltast.tensor.TensorException;

class DevicesTest {
  @Test
  void autoIsAGpuIfThereIsOne() {
    assertThat(Devices.of("auto", false)).isEqualTo(Device.CPU);
    assertThat(Devices.of("auto", true)).isEqualTo(Device.cuda(0));
    assertThat(Devices.of("cpu", true)).isEqualTo(Device.CPU);
    assertThat(Devices.of("cuda:1", true)).isEqualTo(Device.cuda(1));
  }

  @Test
  void aGpuThatIsNotThereIsOneSentence() {
    assertThatThrownBy(() -> Devices.of("cuda", false))
        .isInstanceOf(RunException.class)
        .hasMessage(
            "device is cuda, but libtorch sees no GPU here; set device=cpu or device=auto, and see `peltast doctor`.");
    assertThatThrownBy(() -> Devices.of("tpu", false))
        .isInstanceOf(TensorException.class)
        .hasMessageContaining("unknown device 'tpu'");
  }
}
