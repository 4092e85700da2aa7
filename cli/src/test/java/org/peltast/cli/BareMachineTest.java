package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.testing.TinyModel;

/** A machine that gives Java little: no UTF-8 locale, no home folder, few files, a disk noexec. */
@EnabledOnOs(OS.LINUX)
class BareMachineTest {
  private static final List<String> PROPERTIES =
      List.of(
          "user.home",
          "peltast.cache",
          "peltast.natives",
          "org.bytedeco.javacpp.cachedir",
          "ENGINE_CACHE_DIR",
          "DJL_CACHE_DIR");

  @TempDir Path folder;
  private final Map<String, String> before = new java.util.HashMap<>();

  @BeforeEach
  void keepProperties() {
    for (String property : PROPERTIES) {
      String value = System.getProperty(property);
      if (value != null) {
        before.put(property, value);
      }
    }
  }

  @AfterEach
  void restoreProperties() {
    PROPERTIES.forEach(System::clearProperty);
    before.forEach(System::setProperty);
  }

  /** Without the launcher, which selects another locale; names can only be refused then. */
  @Test
  void inThePosixLocaleAPromptIsReadAsUnderUtf8AndANameIsRefused() throws Exception {
    Path model = folder.resolve("model");
    TinyModel.write(model);
    Child child = new Child(folder);
    Path plain = folder.resolve("plain.png");
    Map<String, String> utf8 = Map.of("LC_ALL", "C.UTF-8");
    String[] typed = {"generate", "--model", model + "", "--prompt", "café", "--out", plain + ""};
    assertThat(child.with(List.of(), utf8).run(typed)).as(child.said()).isZero();

    Map<String, String> posix = Map.of("LC_ALL", "POSIX");
    Path direct = folder.resolve("direct.png");
    typed[6] = direct.toString();
    assertThat(child.with(List.of(), posix).run(typed)).as(child.said()).isZero();
    assertThat(direct).hasSameBinaryContentAs(plain);

    typed[6] = folder.resolve("né.png").toString();
    assertThat(child.with(List.of(), posix).run(typed)).isEqualTo(ExitCode.USAGE);
    assertThat(child.said())
        .contains("is not a path", "start it in a UTF-8 locale, as by LC_ALL=C.UTF-8")
        .doesNotContain("Exception");
  }

  @Test
  void aUserWithoutAnEntryHasTheHomeOfTheEnvironment() {
    System.setProperty("user.home", "?");
    PROPERTIES.stream().skip(1).forEach(System::clearProperty);
    assertThat(JvmSetup.prepare(Map.of("HOME", folder.toString()), "generate")).isNull();
    assertThat(Places.unpacked()).isEqualTo(folder.resolve(".cache/peltast/natives"));
    assertThat(Places.natives()).isEqualTo(folder.resolve(".javacpp/cache"));
  }

  @Test
  void withoutAnyHomeItIsOneSentenceUnlessACacheIsNamed() {
    System.setProperty("user.home", "?");
    PROPERTIES.stream().skip(1).forEach(System::clearProperty);
    assertThat(JvmSetup.prepare(Map.of(), "distill"))
        .isEqualTo(
            "this user has no home folder to keep caches in; set HOME, or PELTAST_CACHE, to a folder that it may write to.");
    assertThat(JvmSetup.prepare(Map.of("HOME", "?"), "distill")).isNotNull();
    assertThat(JvmSetup.prepare(Map.of(), "inspect", "x")).isNull();

    System.setProperty("peltast.cache", folder.toString());
    assertThat(JvmSetup.prepare(Map.of(), "distill")).isNull();
    assertThat(System.getProperty("org.bytedeco.javacpp.cachedir"))
        .isEqualTo(folder.resolve("natives/javacpp").toString());
    assertThat(System.getProperty("ENGINE_CACHE_DIR"))
        .isEqualTo(folder.resolve("natives/djl").toString());
  }

  /** As in a container whose image gives every user the same home, which none may write to. */
  @Test
  void usersWithoutAHomeOfTheirOwnShareNoNatives() throws IOException {
    PROPERTIES.stream().skip(1).forEach(System::clearProperty);
    System.setProperty("user.home", "/nonexistent");
    String temporary = System.getProperty("java.io.tmpdir");
    System.setProperty("java.io.tmpdir", folder.toString());
    try {
      assertThat(JvmSetup.prepare(Map.of(), "generate")).isNull();
      Object user = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
      Path own = folder.resolve("peltast-natives-" + user);
      assertThat(Places.natives()).isEqualTo(own.resolve("javacpp"));
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(own)))
          .isEqualTo("rwx------");

      // Something of that name which is not the user's folder is left alone.
      PROPERTIES.stream().skip(1).forEach(System::clearProperty);
      Files.delete(own);
      Files.createSymbolicLink(own, Files.createDirectory(folder.resolve("another's")));
      assertThat(JvmSetup.prepare(Map.of(), "generate")).isNull();
      assertThat(System.getProperty("org.bytedeco.javacpp.cachedir")).isNull();
    } finally {
      System.setProperty("java.io.tmpdir", temporary);
    }
    Failures.Verdict none =
        Failures.judge(new UnsatisfiedLinkError("java.io.IOException: Could not create the cache"));
    assertThat(none).isNotNull();
    assertThat(none.sentence()).contains("set PELTAST_NATIVES to one");
  }

  @Test
  void nativesLieWhereTheUserSays() {
    PROPERTIES.stream().skip(2).forEach(System::clearProperty);
    assertThat(JvmSetup.prepare(Map.of(JvmSetup.NATIVES, folder.toString()), "distill")).isNull();
    assertThat(Places.natives()).isEqualTo(folder.resolve("javacpp"));
    assertThat(System.getProperty("peltast.natives")).isEqualTo(folder.toString());
  }

  /** What the dynamic linker says, whichever library hands it on. */
  @Test
  void aDiskWithoutProgramsIsNamedWithItsMend() {
    String linker =
        "/home/me/.javacpp/cache/x/libjnitorch.so: failed to map segment from shared object";
    for (Throwable failure :
        List.of(
            new UnsatisfiedLinkError(linker),
            new ExceptionInInitializerError(new UnsatisfiedLinkError("/x/y: " + linker)),
            new org.peltast.models.ModelException(
                "ONNX Runtime cannot load", new UnsatisfiedLinkError(linker)))) {
      Failures.Verdict verdict = Failures.judge(failure);
      assertThat(verdict).isNotNull();
      assertThat(verdict.exitCode()).isEqualTo(ExitCode.FAILED);
      assertThat(verdict.sentence())
          .isEqualTo(
              "native libraries cannot be loaded from /home/me/.javacpp/cache/x: no program may run from its disk, which is mounted noexec; set PELTAST_NATIVES to a folder on another one.");
    }
  }

  @Test
  void aCacheThatCannotBeWrittenDoesNotStopADrawing() throws Exception {
    Path model = folder.resolve("model");
    TinyModel.write(model);
    Child child = new Child(folder);
    Path out = folder.resolve("drawn.png");
    String[] typed = {"generate", "--model", model + "", "--prompt", "an owl", "--out", out + ""};
    assertThat(child.run(typed)).as(child.said()).isZero();
    byte[] drawn = Files.readAllBytes(out);
    Path cache = folder.resolve("cache");
    readOnly(cache, true);
    try {
      assertThat(child.run(typed)).as(child.said()).isZero();
      assertThat(out).hasBinaryContent(drawn);
    } finally {
      readOnly(cache, false);
    }
  }

  /** Java cannot open its own libraries then, and would say that a class is not there. */
  @ParameterizedTest
  @ValueSource(ints = {24, 40, 48, 56, 64})
  void tooFewFilesAreOneSentence(int limit) throws Exception {
    Child child = new Child(folder);
    List<String> command =
        new ArrayList<>(List.of("sh", "-c", "ulimit -n " + limit + "; exec \"$@\"", "sh"));
    command.addAll(child.command("recipes"));
    int code = Child.end(child.start(command));
    if (limit == 24) {
      assertThat(code).isEqualTo(ExitCode.FAILED);
    }
    if (code != ExitCode.OK) { // how many it takes depends on how the classes lie
      assertThat(child.said())
          .contains("ulimit -n 256")
          .doesNotContain("Exception", "damaged")
          .hasLineCount(1);
    }
  }

  private static void readOnly(Path root, boolean only) throws IOException {
    if (!Files.exists(root)) {
      return;
    }
    try (var walk = Files.walk(root)) {
      for (Path path : walk.toList()) {
        assertThat(path.toFile().setWritable(!only)).isTrue();
      }
    }
  }
}
