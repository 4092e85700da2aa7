package org.peltast.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** No misuse through the public surface may abort the JVM, or show a raw error of libtorch's. */
class MisuseTest {
  @TempDir Path folder;

  @Test
  void nothingButOurOwnExceptionsComesBack() throws Exception {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElse("java"));
    for (String flag : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      if (flag.startsWith("-Dorg.bytedeco.")) {
        command.add(flag);
      }
    }
    command.add("-Xmx512m");
    command.add("-XX:ErrorFile=" + folder.resolve("hs_err.log"));
    command.add("-XX:-CreateCoredumpOnCrash");
    command.add("-cp");
    command.add(
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
    command.add(MisuseProbe.class.getName());
    command.add(folder.toString());
    File output = folder.resolve("output").toFile();
    int exit =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(output)
            .start()
            .waitFor();
    String told = read(output.toPath());
    assertThat(exit)
        .as(
            "%s%nthe last call was: %s",
            told.substring(Math.max(0, told.length() - 20_000)),
            read(folder.resolve("last-call")).trim())
        .isZero();
    // A probe that finds nothing to call, or whose calls all succeed, would prove nothing.
    assertThat(told).containsPattern("[2-9]\\d\\d members, \\d{5,} calls, \\d{4,} refused");
  }

  /** What a process wrote, which may have ended in the middle of a letter. */
  private static String read(Path file) throws IOException {
    return Files.exists(file) ? new String(Files.readAllBytes(file), StandardCharsets.UTF_8) : "";
  }
}
