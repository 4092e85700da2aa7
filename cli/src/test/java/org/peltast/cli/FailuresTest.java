package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.jar.JarOutputStream;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.runs.RunException;
import org.peltast.tensor.MemoryException;
import org.peltast.tensor.TensorException;

class FailuresTest {
  private static String told(Throwable failure, int expectedCode) {
    StringWriter err = new StringWriter();
    assertThat(Failures.report(failure, new PrintWriter(err))).isEqualTo(expectedCode);
    return err.toString();
  }

  @Test
  void aRoomsSentenceIsShownAsItIs() {
    assertThat(told(new RunException("There is no run in x; check the path."), ExitCode.USAGE))
        .isEqualTo("peltast: There is no run in x; check the path." + System.lineSeparator());
    assertThat(told(new TensorException("no end"), ExitCode.USAGE)).contains("no end.");
    assertThat(told(new MemoryException("too much"), ExitCode.FAILED)).contains("too much.");
  }

  @Test
  void filesAreNamed() {
    assertThat(told(new NoSuchFileException("prompts.txt"), ExitCode.USAGE))
        .contains("prompts.txt does not exist.");
    assertThat(told(new UncheckedIOException(new AccessDeniedException("a/b")), ExitCode.USAGE))
        .contains("may not read or write a/b");
    assertThat(told(new IOException("No space left on device"), ExitCode.FAILED))
        .contains("No space left on device.");
  }

  @Test
  void memoryAndNativesSayWhatHelps() {
    assertThat(told(new OutOfMemoryError("Java heap space"), ExitCode.FAILED)).contains("-Xmx");
    assertThat(told(new UnsatisfiedLinkError("no jnitorch"), ExitCode.FAILED))
        .contains("peltast doctor");
  }

  @Test
  void jarsThatAreCutShortAreNamedAndSoundOnesAreNot(@TempDir Path folder) throws IOException {
    Path sound = folder.resolve("sound.jar");
    try (JarOutputStream jar = new JarOutputStream(Files.newOutputStream(sound))) {
      jar.putNextEntry(new ZipEntry("x"));
      jar.write(new byte[1000]);
    }
    byte[] bytes = Files.readAllBytes(sound);
    Path half = Files.write(folder.resolve("half.jar"), Arrays.copyOf(bytes, bytes.length / 2));
    Path none = folder.resolve("none.jar");
    String classPath =
        Stream.of(sound, folder, half, none)
            .map(Path::toString)
            .collect(Collectors.joining(File.pathSeparator));
    assertThat(Libraries.damaged(classPath)).containsExactly(half);
  }

  @Test
  void aDefectsTraceGoesToAFileThatIsNamed() throws IOException {
    String told = told(new IllegalStateException("impossible"), ExitCode.DEFECT);
    assertThat(told).contains("internal error (IllegalStateException: impossible)").hasLineCount(1);
    Matcher named = Pattern.compile("with (\\S+\\.log)\\.").matcher(told);
    assertThat(named.find()).isTrue();
    Path log = Path.of(named.group(1));
    assertThat(Files.readString(log)).contains("\tat org.peltast.cli.FailuresTest");
    Files.delete(log);
  }
}
