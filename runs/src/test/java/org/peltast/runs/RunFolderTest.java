package org.peltast.runs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunFolderTest {
  @TempDir Path folder;
  private final List<String> notices = new ArrayList<>();

  private RunFolder open() {
    return RunFolder.open(folder.resolve("run"), notices::add);
  }

  private static Checkpoints.Content content(long update) {
    return place -> {
      Files.writeString(place.resolve("state.json"), "{\"update\": " + update + "}");
      Files.createDirectories(place.resolve("student"));
      Files.write(place.resolve("student/weights.bin"), weights(update));
    };
  }

  private static byte[] weights(long update) {
    byte[] bytes = new byte[40];
    new Random(update).nextBytes(bytes);
    return bytes;
  }

  private static void save(RunFolder run, int keepLast, long... updates) {
    for (long update : updates) {
      run.checkpoints().save(update, keepLast, content(update));
    }
  }

  @Test
  void aRunStoresItsRecipeAndItsProvenance() {
    Provenance provenance =
        Provenance.now(
            Map.of("peltast", "0.1.0", "libtorch", "2.10.0"),
            Map.of("run", 7L),
            Map.of("teacher", Checksums.sha256("x".getBytes(StandardCharsets.UTF_8))));
    try (RunFolder run = open()) {
      assertThat(run.readRecipe()).isEmpty();
      assertThat(run.readProvenance()).isEmpty();
      run.writeRecipe("updates: 3\n");
      run.writeRecipe("updates: 4\n");
      run.writeProvenance(provenance);
      save(run, 1, 1);
    }
    RunFolder reader = RunFolder.read(folder.resolve("run"), notices::add);
    assertThat(reader.readRecipe()).contains("updates: 4\n");
    assertThat(reader.readProvenance()).contains(provenance);
    assertThat(provenance.versions()).containsKeys("jdk", "libtorch", "peltast");
    assertThat(provenance.system()).containsKeys("os", "cpu", "cores");
    assertThatThrownBy(() -> reader.writeRecipe("x"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("for reading only");
    assertThatThrownBy(() -> save(reader, 1, 1)).hasMessageContaining("for reading only");
    assertThatThrownBy(() -> RunFolder.read(folder.resolve("none"), notices::add))
        .hasMessage("There is no run in " + folder.resolve("none") + "; check the path.");
  }

  @Test
  void aCheckpointComesBackAsItWasSaved() throws Exception {
    try (RunFolder run = open()) {
      assertThat(run.checkpoints().latest()).isEmpty();
      save(run, 3, 5, 1_000_000, 1_000_007);
      TrainingCheckpoint latest = run.checkpoints().latest().orElseThrow();
      assertThat(latest.update()).isEqualTo(1_000_007);
      assertThat(Files.readAllBytes(latest.file("student/weights.bin")))
          .isEqualTo(weights(1_000_007));
      assertThat(run.checkpoints().numbers()).containsExactly(5L, 1_000_000L, 1_000_007L);
      assertThat(run.checkpoints().get(5).folder().getFileName()).hasToString("000005");
      assertThatThrownBy(() -> run.checkpoints().get(6)).hasMessageContaining("There is no");
      run.checkpoints().save(5, 3, content(99)); // once more, going back
      assertThat(run.checkpoints().numbers()).containsExactly(5L);
      assertThat(Files.readString(run.checkpoints().get(5).file("state.json"))).contains("99");
    }
    assertThat(notices).isEmpty();
  }

  @Test
  void theLastOnesAndThePinnedOnesAreKept() {
    try (RunFolder run = open()) {
      save(run, 2, 1, 2);
      run.checkpoints().pin("best", 1);
      save(run, 2, 3, 4, 5);
      assertThat(run.checkpoints().numbers()).containsExactly(1L, 4L, 5L);
      assertThat(run.checkpoints().pinned("best")).contains(1L);
      run.checkpoints().pin("best", 5);
      save(run, 2, 6);
      assertThat(run.checkpoints().numbers()).containsExactly(5L, 6L);
      assertThat(run.checkpoints().pinned("worst")).isEmpty();
      assertThatThrownBy(() -> run.checkpoints().pin("best", 77)).hasMessageContaining("none");
    }
  }

  /** Any byte of any file, the manifest's own too. */
  @Test
  void anyFlippedByteIsFoundNamedAndPassedOver() throws Exception {
    try (RunFolder run = open()) {
      save(run, 9, 1, 2);
      Path last = run.checkpoints().get(2).folder();
      Random random = new Random(5);
      int flips = 0;
      for (String name : List.of("state.json", "student/weights.bin", "manifest.json")) {
        byte[] whole = Files.readAllBytes(last.resolve(name));
        for (int i = 0; i < whole.length; i++, flips++) {
          byte[] damaged = whole.clone();
          damaged[i] ^= (byte) (1 << random.nextInt(8));
          Files.write(last.resolve(name), damaged);
          assertFallsBack(run, last);
        }
        for (int length : List.of(0, whole.length / 2, whole.length - 1, whole.length + 1)) {
          Files.write(last.resolve(name), Arrays.copyOf(whole, length));
          assertFallsBack(run, last);
        }
        Files.delete(last.resolve(name));
        assertFallsBack(run, last);
        Files.write(last.resolve(name), whole);
      }
      assertThat(flips).isGreaterThan(300);
      Files.writeString(last.resolve("extra"), "");
      assertFallsBack(run, last);
      Files.delete(last.resolve("extra"));
      assertThat(run.checkpoints().latest().orElseThrow().update()).isEqualTo(2);
    }
  }

  private void assertFallsBack(RunFolder run, Path damaged) {
    notices.clear();
    assertThat(run.checkpoints().latest().orElseThrow().update()).isEqualTo(1);
    assertThat(notices)
        .singleElement()
        .asString()
        .startsWith("Checkpoint " + damaged + " is damaged (")
        .endsWith("); falling back to the one before, 000001.");
  }

  @Test
  void withNothingWholeLeftTheSentenceSaysWhatToDo() throws Exception {
    try (RunFolder run = open()) {
      save(run, 9, 1, 2);
      for (long update : List.of(1L, 2L)) {
        Files.delete(run.checkpoints().get(update).file("state.json"));
      }
      assertThatThrownBy(() -> run.checkpoints().latest())
          .isInstanceOf(RunException.class)
          .hasMessageContaining("(state.json is missing), and there is no other; delete ");
      assertThat(notices).hasSize(1);
    }
  }

  @Test
  void aRunThatFellBackDropsTheDamagedOneAndNotTheNewOne() throws Exception {
    try (RunFolder run = open()) {
      save(run, 1, 1);
      run.checkpoints().pin("best", 1);
      save(run, 1, 9);
      Files.delete(run.checkpoints().get(9).file("state.json"));
      assertThat(run.checkpoints().latest().orElseThrow().update()).isEqualTo(1);
      save(run, 1, 5);
      assertThat(run.checkpoints().numbers()).containsExactly(1L, 5L);
    }
  }

  @Test
  void aCheckpointThatCannotBeWrittenLeavesTheOthersAlone() {
    try (RunFolder run = open()) {
      save(run, 1, 1);
      for (RuntimeException failure :
          List.of(
              new UncheckedIOException(new IOException("No space left on device")),
              new IllegalStateException("the tensor is closed"))) {
        assertThatThrownBy(
                () ->
                    run.checkpoints()
                        .save(
                            2,
                            1,
                            place -> {
                              content(2).writeTo(place);
                              throw failure;
                            }))
            .isInstanceOfAny(RunException.class, IllegalStateException.class)
            .satisfies(
                e ->
                    assertThat(e.getMessage())
                        .satisfiesAnyOf(
                            m -> assertThat(m).contains("is full; make room or choose another"),
                            m -> assertThat(m).isEqualTo("the tensor is closed")));
      }
      assertThatThrownBy(
              () -> run.checkpoints().save(2, 1, p -> Files.createFile(p.resolve("manifest.json"))))
          .hasMessageContaining("manifest.json is written by the run");
      assertThat(run.checkpoints().latest().orElseThrow().update()).isEqualTo(1);
      assertThat(run.path().resolve("checkpoints")).isDirectoryNotContaining("glob:**.tmp-*");
    }
  }

  @Test
  void whatAKillLeftHalfDoneIsSweptOnOpening() throws Exception {
    Path left = folder.resolve("run/checkpoints/.tmp-000003/student");
    Files.createDirectories(left);
    Files.writeString(left.resolve("half"), "half");
    try (RunFolder run = open()) {
      assertThat(left.getParent()).doesNotExist();
      assertThat(run.checkpoints().numbers()).isEmpty();
    }
  }

  @Test
  void badFoldersAreOneSentence() throws Exception {
    Path file = Files.writeString(folder.resolve("file"), "x");
    assertThatThrownBy(() -> RunFolder.open(file, notices::add))
        .isInstanceOf(RunException.class)
        .hasMessage(
            "Cannot open the run %s: %s is a file where a folder is wanted; choose another folder."
                .formatted(file, file));
    assertThatThrownBy(() -> RunFolder.open(file.resolve("below"), notices::add))
        .isInstanceOf(RunException.class)
        .hasMessageContaining("is a file where a folder is wanted");
    Path readOnly = Path.of("/sys/peltast");
    assumeTrue(Files.isDirectory(Path.of("/sys")), "only Linux has /sys");
    assertThatThrownBy(() -> RunFolder.open(readOnly, notices::add))
        .isInstanceOf(RunException.class)
        .hasMessageContaining("may not be written or read by this user");
  }

  @Test
  void aSecondOpeningInThisProcessIsRefused() {
    try (RunFolder run = open()) {
      assertThatThrownBy(this::open)
          .isInstanceOf(RunException.class)
          .hasMessageStartingWith(
              run.path() + " is in use by process " + ProcessHandle.current().pid() + " on ")
          .hasMessageEndingWith("; wait for it to end, or choose another folder.");
    }
    open().close();
  }

  @Test
  void aSecondProcessIsRefusedUntilTheFirstIsGone() throws Exception {
    Path path = folder.resolve("run");
    Process child = child("hold", path);
    try (BufferedReader out = reader(child)) {
      assertThat(out.readLine()).isEqualTo("ready");
      assertThatThrownBy(this::open)
          .isInstanceOf(RunException.class)
          .hasMessageStartingWith(path + " is in use by process " + child.pid() + " on ");
      assertThat(RunFolder.read(path, notices::add).checkpoints().latest()).isEmpty();
    } finally {
      child.destroyForcibly().waitFor(); // no chance to give the lock back
    }
    open().close();
  }

  /** kill -9 while it does nothing but save: whatever is there is whole, and the last is recent. */
  @Test
  void aKillInTheMiddleOfSavingLosesNothing() throws Exception {
    Path path = folder.resolve("run");
    Random random = new Random(9);
    for (int round = 0; round < 4; round++) {
      Process child = child("save", path);
      long saved = 0;
      try (BufferedReader out = reader(child)) {
        int until = 3 + random.nextInt(6);
        for (int i = 0; i < until; i++) {
          saved = Long.parseLong(out.readLine());
        }
        Thread.sleep(random.nextInt(12)); // somewhere in the middle
        child.destroyForcibly().waitFor();
      }
      try (RunFolder run = open()) {
        TrainingCheckpoint latest = run.checkpoints().latest().orElseThrow();
        assertThat(latest.update()).isGreaterThanOrEqualTo(saved);
        assertThat(Files.readAllBytes(latest.file("student/weights.bin")))
            .isEqualTo(weights(latest.update()));
        for (long number : run.checkpoints().numbers()) {
          run.checkpoints().get(number); // throws if it is damaged
        }
        try (Stream<Path> left = Files.list(path.resolve("checkpoints"))) {
          assertThat(left).noneMatch(p -> p.getFileName().toString().startsWith(".tmp"));
        }
      }
      assertThat(notices).isEmpty();
    }
  }

  private static BufferedReader reader(Process child) {
    return new BufferedReader(
        new InputStreamReader(child.getInputStream(), StandardCharsets.UTF_8));
  }

  private static Process child(String task, Path path) throws IOException {
    String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx64m",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            classPath,
            Child.class.getName(),
            task,
            path.toString())
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  /** The other process. */
  static final class Child {
    public static void main(String[] args) throws Exception {
      RunFolder run = RunFolder.open(Path.of(args[1]), System.err::println);
      if (args[0].equals("hold")) {
        System.out.println("ready");
        Thread.sleep(60_000);
      }
      long update = run.checkpoints().latest().map(TrainingCheckpoint::update).orElse(0L);
      while (true) {
        run.checkpoints().save(++update, 3, content(update));
        System.out.println(update);
      }
    }
  }

  /**
   * Mistakes are often found late, and what is mended should be typed again as if for the first.
   */
  @Test
  void aRunWithoutAnUpdateLeavesNothing() throws Exception {
    Path path = folder.resolve("above/run");
    try (RunFolder run = RunFolder.open(path, notices::add)) {
      run.writeRecipe("updates: 3\n");
    }
    assertThat(folder).isEmptyDirectory();

    Files.createDirectories(path); // somebody's own folder stays, and so does what is in it
    try (RunFolder run = RunFolder.open(path, notices::add)) {
      run.writeRecipe("updates: 3\n");
    }
    assertThat(path).isEmptyDirectory();
    try (RunFolder run = RunFolder.open(path, notices::add)) {
      Files.writeString(run.path().resolve("precious"), "x");
    }
    assertThat(path).isDirectoryContaining("glob:**/precious");
    try (RunFolder run = RunFolder.open(path, notices::add)) {
      save(run, 1, 1);
    }
    assertThat(path.resolve("checkpoints/000001")).isDirectory();
    assertThat(path.resolve(".owner")).doesNotExist();
  }

  /** Each leaves nothing, so each takes lock and folder away from those that are just coming. */
  @Test
  void manyAtOnceAreNeverTwoAtATime() throws Exception {
    Path path = folder.resolve("run");
    AtomicInteger inside = new AtomicInteger();
    AtomicInteger had = new AtomicInteger();
    Callable<String> opener =
        () -> {
          String wrong = "";
          for (int i = 0; i < 40; i++) {
            try (RunFolder run = RunFolder.open(path, notice -> {})) {
              if (inside.incrementAndGet() > 1) {
                wrong = "two at a time";
              }
              had.incrementAndGet();
              Thread.onSpinWait();
              inside.decrementAndGet();
            } catch (RunException e) {
              if (!e.getMessage().contains("is in use by")) {
                wrong = e.getMessage();
              }
            }
          }
          return wrong;
        };
    ExecutorService threads = Executors.newFixedThreadPool(3);
    try {
      for (Future<String> wrong : threads.invokeAll(List.of(opener, opener, opener))) {
        assertThat(wrong.get()).isEmpty();
      }
    } finally {
      threads.shutdown();
    }
    assertThat(had.get()).isPositive();
    try (Stream<Path> left = Files.walk(folder)) {
      assertThat(left).noneMatch(Files::isRegularFile);
    }
  }

  @Test
  void aRunGoesOnWithWhatItBeganWithAlone() {
    try (RunFolder run = open()) {
      run.settleProvenance(provenance("teacher", "1", "prompts.txt", "2"));
      run.settleProvenance(provenance("teacher", "1", "prompts.txt", "2"));
      assertThatThrownBy(
              () -> run.settleProvenance(provenance("teacher", "1", "prompts.txt", "3", "x", "4")))
          .isInstanceOf(RunException.class)
          .hasMessage(
              run.path()
                  + " cannot go on: what it reads has changed since it began (prompts.txt, x); put"
                  + " back what was there, or choose another folder to begin anew.");
      assertThatThrownBy(() -> run.settleProvenance(provenance("teacher", "1")))
          .hasMessageContaining("(prompts.txt)");
      assertThat(run.readProvenance().orElseThrow().inputs()).containsEntry("prompts.txt", "2");
    }
  }

  private static Provenance provenance(String... inputs) {
    Map<String, String> all = new TreeMap<>();
    for (int i = 0; i < inputs.length; i += 2) {
      all.put(inputs[i], inputs[i + 1]);
    }
    return Provenance.now(Map.of(), Map.of("run", 7L), all);
  }

  @Test
  void checksumsOfFoldersDependOnNamesAndBytesAlone() throws Exception {
    for (String name : List.of("a", "b")) {
      Files.createDirectories(folder.resolve(name + "/sub"));
      Files.writeString(folder.resolve(name + "/sub/x"), "1");
      Files.writeString(folder.resolve(name + "/y"), "2");
    }
    String sum = Checksums.sha256(folder.resolve("a"));
    assertThat(Checksums.sha256(folder.resolve("b"))).isEqualTo(sum).hasSize(64);
    Files.move(folder.resolve("b/y"), folder.resolve("b/z"));
    assertThat(Checksums.sha256(folder.resolve("b"))).isNotEqualTo(sum);
    assertThat(Checksums.sha256(folder.resolve("a/y")))
        .isEqualTo("d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35");
    assertThatThrownBy(() -> Checksums.sha256(folder.resolve("none")))
        .isInstanceOf(RunException.class)
        .hasMessageEndingWith("none does not exist.");
  }
}
