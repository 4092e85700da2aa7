package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * The launcher script in a clone of its own, with a Java and a Maven that only tell what they got.
 */
@DisabledOnOs(OS.WINDOWS)
class LauncherTest {
  @TempDir Path temporary;
  private Path home;
  private Path bin;

  @BeforeEach
  void aCloneInAFolderWithSpaces() throws IOException {
    home = Files.createDirectories(temporary.resolve("my clone"));
    bin = Files.createDirectories(temporary.resolve("bin"));
    Path here = Path.of("").toAbsolutePath();
    Path script = Files.exists(here.resolve("peltast")) ? here : here.getParent();
    Files.copy(script.resolve("peltast"), home.resolve("peltast"));
    Files.createDirectories(home.resolve("cli/src/main/java"));
    Files.createDirectories(home.resolve(".mvn"));
    for (String file : List.of("pom.xml", "cli/pom.xml", "cli/src/main/java/Main.java")) {
      Files.writeString(home.resolve(file), "");
    }
    Files.writeString(temporary.resolve("library.jar"), "");
    java("17.0.15");
    program("javac", "exit 0");
    program(
        "mvn",
        """
        echo "$@" >> "%1$s/mvn.calls"
        mkdir -p cli/target && : > cli/target/peltast-cli-0.1.0-SNAPSHOT.jar
        printf '%%s' "%1$s/library.jar" > cli/target/libraries.txt
        """
            .formatted(temporary));
  }

  private void java(String version) throws IOException {
    program(
        "java",
        """
        if [ "$1" = -version ]; then echo 'openjdk version "%s" 2025-04-15' >&2; exit; fi
        case "$*" in *ArchiveClassesAtExit*) exit;; esac
        echo "java:$OMP_WAIT_POLICY:$*"
        echo "locale:${LC_ALL:-}:${LC_CTYPE:-}:${LANG:-}"
        exit 7
        """
            .formatted(version));
  }

  private void program(String name, String body) throws IOException {
    Path file = bin.resolve(name);
    Files.writeString(file, "#!/bin/sh\n" + body);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private record Result(int exitCode, String out, String err) {}

  private Result run(String... arguments) throws Exception {
    return run(Map.of(), arguments);
  }

  private Result run(Map<String, String> environment, String... arguments) throws Exception {
    List<String> command = new java.util.ArrayList<>(List.of("bash", home + "/peltast"));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).directory(temporary.toFile());
    builder.environment().put("PATH", bin + ":/usr/local/bin:/usr/bin:/bin");
    List.of("JAVA_HOME", "OMP_WAIT_POLICY", "PELTAST_JAVA_OPTS", "LC_ALL", "LC_CTYPE", "LANG")
        .forEach(builder.environment()::remove);
    builder.environment().putAll(environment);
    Path err = temporary.resolve("err");
    Process process = builder.redirectError(err.toFile()).start();
    process.getOutputStream().close();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return new Result(process.exitValue(), out, Files.readString(err));
  }

  private long builds() throws IOException {
    Path calls = temporary.resolve("mvn.calls");
    return Files.exists(calls) ? Files.readAllLines(calls).size() : 0;
  }

  @Test
  void buildsOnceAndHandsOverArgumentsAndExitCode() throws Exception {
    Result first = run("generate", "--prompt", "a red apple");
    assertThat(first.exitCode()).isEqualTo(7);
    assertThat(first.err()).contains("building", "done in").hasLineCount(1);
    assertThat(first.out())
        .startsWith("java:passive:")
        .contains("-Dorg.bytedeco.javacpp.noPointerGC=true", "-Dpeltast.home=" + home.toRealPath())
        .contains("/library.jar org.peltast.cli.Launch generate --prompt a red apple")
        .doesNotContain("--enable-native-access");

    Result second = run("doctor");
    assertThat(second.err()).isEmpty();
    assertThat(builds()).isEqualTo(1);
  }

  @Test
  void buildsAgainWhenASourceIsNewerOrGoneOrALibraryIsGone() throws Exception {
    run();
    Path source = home.resolve("cli/src/main/java/Main.java");
    Files.setLastModifiedTime(source, FileTime.from(Instant.now().plusSeconds(2)));
    run();
    assertThat(builds()).isEqualTo(2);

    Files.setLastModifiedTime(source, FileTime.from(Instant.now().minusSeconds(100)));
    Path more = home.resolve("cli/src/main/java/More.java");
    Files.writeString(more, "");
    run();
    long before = builds();
    Files.delete(more);
    Files.setLastModifiedTime(
        home.resolve("cli/src/main/java"), FileTime.from(Instant.now().plusSeconds(2)));
    run();
    assertThat(builds()).isEqualTo(before + 1);

    Files.setLastModifiedTime(
        home.resolve("cli/src/main/java"), FileTime.from(Instant.now().minusSeconds(100)));
    run();
    before = builds();
    Files.delete(temporary.resolve("library.jar"));
    run();
    assertThat(builds()).isEqualTo(before + 1);
  }

  /** A lock of a dead process, of this process's own number, and of nobody. */
  @Test
  void aLockThatAKilledBuildLeftBehindDoesNotStopTheNext() throws Exception {
    Path lock = Files.createDirectories(home.resolve("cli/target/launch/lock"));
    Files.writeString(lock.resolve("pid"), "999999999");
    assertThat(run().err()).contains("done in");

    // The script's number is not known before it runs: `exec` keeps that of the shell before it.
    Files.writeString(home.resolve("cli/src/main/java/Main.java"), "newer");
    Files.setLastModifiedTime(
        home.resolve("cli/src/main/java/Main.java"),
        java.nio.file.attribute.FileTime.fromMillis(System.currentTimeMillis() + 60_000));
    program(
        "own-number",
        """
        mkdir -p "%1$s" && printf '%%s' "$$" > "%1$s/pid"
        exec bash "%2$s"
        """
            .formatted(lock, home.resolve("peltast")));
    ProcessBuilder builder =
        new ProcessBuilder("sh", bin.resolve("own-number") + "").directory(temporary.toFile());
    builder.environment().put("PATH", bin + ":/usr/local/bin:/usr/bin:/bin");
    builder.environment().remove("JAVA_HOME");
    Process process =
        builder.redirectErrorStream(true).redirectOutput(temporary.resolve("o").toFile()).start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(temporary.resolve("o")).content().contains("done in");

    Files.createDirectories(lock); // killed before it signed
    assertThat(run().err()).contains("waiting for it", "done in");
  }

  @Test
  void saysInOneSentenceWhatIsMissing() throws Exception {
    java("11.0.2");
    assertThat(run().err()).contains("too old").contains("JDK 17").hasLineCount(1);
    java("17.0.1");
    Files.delete(bin.resolve("javac"));
    program("javac", "exit 0");
    program("mvn", "echo '[ERROR] COMPILATION ERROR : x.java'; exit 1");
    Result failed = run();
    assertThat(failed.exitCode()).isEqualTo(1);
    assertThat(failed.err()).contains("[ERROR] COMPILATION ERROR : x.java", "build.log");
  }

  /** Without the flag the fused kernels are silently done without. */
  @Test
  void whatComputesOrPlansBlocksHasTheKernels() throws Exception {
    for (String command : List.of("generate", "verify", "plan", "distill")) {
      assertThat(run(command).out()).as(command).contains("--add-modules=jdk.incubator.vector");
    }
    assertThat(run("recipes").out()).doesNotContain("jdk.incubator.vector");
  }

  @Test
  void aNewerJavaGetsTheFlagsItKnows() throws Exception {
    java("24");
    assertThat(run().out())
        .contains("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow");
  }

  /** Java reads arguments and names of files, and prints, in the locale's character set. */
  @Test
  void thePosixLocalesCharactersAreUtf8() throws Exception {
    assertThat(run().out()).contains("locale::C.UTF-8:");
    assertThat(run(Map.of("LC_ALL", "POSIX")).out()).contains("locale:C.UTF-8::");
    assertThat(run(Map.of("LANG", "C")).out()).contains("locale::C.UTF-8:C");
    assertThat(run(Map.of("LC_ALL", "C.UTF-8", "LANG", "C")).out()).contains("locale:C.UTF-8::C");
    assertThat(run(Map.of("LANG", "tr_TR.UTF-8")).err()).isEmpty();
  }

  /** As in a container whose image names a locale and does not have it. */
  @Test
  void aLocaleThatIsNotInstalledGivesWayToOneThatIs() throws Exception {
    assertThat(run(Map.of("LC_ALL", "xx_XX.UTF-8")).out()).contains("locale:C.UTF-8::");
    Result language = run(Map.of("LANG", "xx_XX.UTF-8"));
    assertThat(language.out()).contains("locale::C.UTF-8:xx_XX.UTF-8");
    assertThat(language.err()).isEmpty();
    Result none = run(Map.of("LOCPATH", temporary.toString())); // nothing is installed there
    assertThat(none.out()).contains("-Dfile.encoding=UTF-8", "locale::C.UTF-8:");
  }

  /** The copy of a built clone must not run the classes of the clone that it was copied from. */
  @Test
  void aCopiedCloneRunsItsOwnClasses() throws Exception {
    run();
    Path copy = temporary.resolve("a copy");
    // With the files' times, so that no source is newer than the build.
    Process cp = new ProcessBuilder("cp", "-a", home.toString(), copy.toString()).start();
    assertThat(cp.waitFor()).isZero();
    home = copy;
    assertThat(run().out()).contains("-cp " + copy.toRealPath() + "/cli/target/peltast-cli-");
    assertThat(builds()).isEqualTo(2);
    run();
    assertThat(builds()).isEqualTo(2);
  }

  @Test
  void worksThroughALink() throws Exception {
    Path link = Files.createSymbolicLink(bin.resolve("peltast"), home.resolve("peltast"));
    ProcessBuilder builder = new ProcessBuilder("bash", link.toString()).directory(bin.toFile());
    builder.environment().put("PATH", bin + ":/usr/local/bin:/usr/bin:/bin");
    builder.environment().remove("JAVA_HOME");
    Process process = builder.redirectErrorStream(true).start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(out).contains("-Dpeltast.home=" + home.toRealPath());
  }

  /** The launcher for Windows cannot be run here; what it starts Java with must be the same. */
  @Test
  void theLauncherForWindowsGivesJavaTheSameFlags() throws Exception {
    Path here = Path.of("").toAbsolutePath();
    Path root = Files.exists(here.resolve("peltast.cmd")) ? here : here.getParent();
    Pattern flag = Pattern.compile("(?<![\\w.])-(?:-[a-z]|X|D)[\\w.:=*,+-]*");
    Set<String> script = flags(flag, Files.readString(root.resolve("peltast")));
    Set<String> windows = flags(flag, Files.readString(root.resolve("peltast.cmd")));
    assertThat(script).contains("-Xmx1536m", "--add-modules=jdk.incubator.vector");
    script.removeIf(
        f ->
            f.startsWith("-Dpeltast.columns") // of a POSIX terminal
                || f.matches("-XX:(TieredStop|SharedArchive|ArchiveClasses).*") // quicker starts
                || f.equals("--help")
                || f.equals("--version"));
    assertThat(windows).containsAll(script);
  }

  private static Set<String> flags(Pattern flag, String script) {
    String code = script.replaceAll("(?m)^ *(#|rem ).*$", "");
    return flag.matcher(code)
        .results()
        .map(MatchResult::group)
        .collect(Collectors.toCollection(TreeSet::new));
  }
}
