package org.peltast.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.peltast.runs.RunException;
import org.peltast.tensor.Device;
import org.peltast.tensor.TensorException;

class DevicesTest {
  @Test
  void autoIsAGpuIfThereIsOne() {
    assertThat(Devices.of("auto", 0, 0)).isEqualTo(Device.CPU);
    assertThat(Devices.of("auto", 1, 0)).isEqualTo(Device.cuda(0));
    assertThat(Devices.of("cpu", 1, 0)).isEqualTo(Device.CPU);
    assertThat(Devices.of("cuda:1", 2, 0)).isEqualTo(Device.cuda(1));
  }

  @Test
  void gpusAreDealtOutToTheProcessesOfAMachine() {
    for (String any : List.of("auto", "cuda")) {
      assertThat(Devices.of(any, 2, 0)).isEqualTo(Device.cuda(0));
      assertThat(Devices.of(any, 2, 1)).isEqualTo(Device.cuda(1));
      assertThat(Devices.of(any, 2, 2)).isEqualTo(Device.cuda(0));
    }
    assertThat(Devices.of("cuda:0", 2, 1)).isEqualTo(Device.cuda(0));
    assertThat(Devices.of("cpu", 2, 1)).isEqualTo(Device.CPU);
    assertThat(Devices.of("auto", 0, 1)).isEqualTo(Device.CPU);
  }

  @Test
  void aGpuThatIsNotThereIsOneSentence() {
    assertThatThrownBy(() -> Devices.of("cuda", 0, 0))
        .isInstanceOf(RunException.class)
        .hasMessage(
            "device is cuda, but libtorch sees no GPU here; set device=cpu or device=auto, and see `peltast doctor`.");
    assertThatThrownBy(() -> Devices.of("tpu", 0, 0))
        .isInstanceOf(TensorException.class)
        .hasMessageContaining("unknown device 'tpu'");
  }
}
