package org.peltast.cli;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** This class path's command in JVMs of their own, with a cache of their own. */
final class Child {
  private static final Duration PATIENCE = Duration.ofMinutes(10);

  private final Path folder;
  private final Path cache;
  private final Path output;
  private final List<String> flags;
  private final Map<String, String> environment;

  /** Children whose cache, temporary files and output lie in a folder. */
  Child(Path folder) {
    this(folder, folder.resolve("cache"), "output.txt", List.of(), Map.of());
  }

  private Child(
      Path folder, Path cache, String output, List<String> flags, Map<String, String> environment) {
    this.folder = folder;
    this.cache = cache;
    this.output = folder.resolve(output);
    this.flags = flags;
    this.environment = environment;
  }

  /** The same with another cache. */
  Child withCache(Path other) {
    return new Child(folder, other, "output.txt", flags, environment);
  }

  /** The same with more flags of the JVM and more variables of the environment. */
  Child with(List<String> more, Map<String, String> variables) {
    return new Child(folder, cache, output.getFileName().toString(), more, variables);
  }

  /** Another, to run at the same time: with an output of its own. */
  Child beside() {
    return new Child(folder, cache, "beside.txt", flags, environment);
  }

  /** Where children keep temporary files. */
  Path temporary() {
    return folder.resolve("tmp");
  }

  /** What to start. */
  List<String> command(String... arguments) {
    return commandOf(System.getProperty("java.class.path"), arguments);
  }

  /** The same with other libraries. */
  List<String> commandOf(String classPath, String... arguments) {
    List<String> all = new ArrayList<>();
    all.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // Tests may be run as on a lesser processor; so are their children.
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(flag -> flag.startsWith("-XX:UseAVX="))
        .forEach(all::add);
    all.addAll(
        List.of(
            "-Xmx1g",
            "-XX:TieredStopAtLevel=1",
            // Verifying the classes takes a tenth of a start, and they are the same in every child.
            "-XX:+UnlockDiagnosticVMOptions",
            "-XX:-BytecodeVerificationRemote",
            "-XX:+UseSerialGC",
            "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
            "-Dorg.bytedeco.javacpp.maxBytes=0",
            "-Dorg.bytedeco.javacpp.noPointerGC=true",
            "--add-modules=jdk.incubator.vector",
            "-Djava.io.tmpdir=" + temporary(),
            "-Dpeltast.home=" + home()));
    all.addAll(flags);
    all.addAll(List.of("-cp", classPath, Launch.class.getName()));
    all.addAll(List.of(arguments));
    return all;
  }

  /** The arguments that set keys of a recipe, after others. */
  static String[] sets(List<String> arguments, String... keysAndValues) {
    List<String> all = new ArrayList<>(arguments);
    Arrays.stream(keysAndValues).forEach(set -> all.addAll(List.of("--set", set)));
    return all.toArray(String[]::new);
  }

  /** The clone: tests run in the module's folder. */
  private static Path home() {
    Path here = Path.of("").toAbsolutePath();
    return Files.exists(here.resolve("peltast")) ? here : here.getParent();
  }

  Process start(List<String> command) throws IOException {
    Files.createDirectories(temporary());
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().remove("JAVA_TOOL_OPTIONS"); // a JVM that has it says so first
    builder.environment().put("PELTAST_CACHE", cache.toString());
    builder.environment().putAll(environment);
    builder.redirectErrorStream(true).redirectOutput(output.toFile());
    return builder.start();
  }

  /** Runs to the end and returns the exit code. */
  int run(String... arguments) throws Exception {
    return end(start(command(arguments)));
  }

  /** Waits for the end and returns the exit code. */
  static int end(Process process) throws Exception {
    await(process, () -> false);
    return process.exitValue();
  }

  /**
   * Waits until something has come, or the child has ended. Every file of a run is flushed to the
   * device, which may take seconds where a disk is shared: so the wait is long, and a child that
   * hangs says where.
   */
  static void await(Process process, Callable<Boolean> come) throws Exception {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (process.isAlive() && !come.call()) {
      if (System.nanoTime() > end) {
        String stacks = stacks(process);
        process.destroyForcibly().waitFor();
        throw new AssertionError("a child hangs:\n" + stacks);
      }
      Thread.sleep(1);
    }
  }

  /**
   * What all threads of a child are at: as Java sees it, and, as one that hangs below Java answers
   * nothing, as the debugger and the kernel do, where they are there.
   */
  static String stacks(Process process) {
    String pid = Long.toString(process.pid());
    StringBuilder all = new StringBuilder();
    all.append(asked(Path.of(System.getProperty("java.home"), "bin", "jstack").toString(), pid));
    all.append(asked("gdb", "-p", pid, "-batch", "-nx", "-ex", "thread apply all backtrace"));
    Path tasks = Path.of("/proc", pid, "task");
    try (Stream<Path> threads = Files.list(tasks)) {
      for (Path thread : threads.sorted().toList()) {
        all.append(thread);
        for (String file : List.of("comm", "wchan", "syscall", "stack")) {
          all.append(" | ").append(file).append(' ').append(content(thread.resolve(file)));
        }
        all.append('\n');
      }
    } catch (IOException e) {
      all.append("no ").append(tasks).append('\n'); // another system, or it has just ended
    }
    return all.toString();
  }

  private static String content(Path file) {
    try {
      return Files.readString(file).strip();
    } catch (IOException e) {
      return "?";
    }
  }

  /** What a program says within a minute; that it is not there, if so. */
  private static String asked(String... program) {
    String name = "== " + String.join(" ", program) + "\n";
    try {
      Path said = Files.createTempFile("peltast-stacks", ".txt");
      Process asked =
          new ProcessBuilder(program)
              .redirectErrorStream(true)
              .redirectOutput(said.toFile())
              .start();
      asked.getOutputStream().close();
      if (!asked.waitFor(1, TimeUnit.MINUTES)) {
        asked.destroyForcibly().waitFor(); // deaf as the child itself
      }
      String text = Files.readString(said);
      Files.delete(said);
      return name + text + "\n";
    } catch (IOException e) {
      return name + "not here\n";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return name + "interrupted\n";
    }
  }

  /** Sends a signal by its name, as in -INT: {@link Process#destroy} knows SIGTERM alone. */
  static void signal(Process process, String signal) throws Exception {
    new ProcessBuilder("kill", signal, Long.toString(process.pid())).start().waitFor();
  }

  /**
   * Whether a child hears SIGINT: one that was started in the background of a script inherits that
   * it is ignored, and no program can change that for a JVM.
   */
  static boolean hearsInterrupts() throws IOException {
    Path status = Path.of("/proc/self/status");
    if (!Files.exists(status)) {
      return true;
    }
    return Files.readAllLines(status).stream()
        .filter(line -> line.startsWith("SigIgn:"))
        .map(line -> Long.parseUnsignedLong(line.substring("SigIgn:".length()).strip(), 16))
        .noneMatch(ignored -> (ignored & 2) != 0);
  }

  /** What the last one printed, without Java's own line about the kernels' module. */
  String said() throws IOException {
    return Files.readString(output)
        .replace("WARNING: Using incubator modules: jdk.incubator.vector\n", "");
  }

  /** Waits until the last one has printed something, or has ended. */
  void awaitSaid(Process process, String words) throws Exception {
    await(process, () -> said().contains(words));
  }

  /** A distillation of a {@link TinyModel} that saves after every update, on a few prompts. */
  String[] tinyDistillation(Path teacher, Path out, String... keysAndValues) throws IOException {
    Path prompts = folder.resolve("prompts.txt");
    if (!Files.exists(prompts)) {
      Files.writeString(prompts, "a red owl\na blue owl\na boat\na red boat on a lake\n");
    }
    String[] tiny =
        sets(
            List.of("distill", "--teacher", teacher.toString(), "--out", out.toString()),
            "data.images=" + prompts,
            "precision=float32",
            "run.batch=4",
            "run.checkpointEvery=0s");
    return sets(List.of(tiny), keysAndValues);
  }

  /** A teacher for 16-pixel pictures that a test can wait for, exported to {@code out/teacher}. */
  String[] tinyTeacher(Path out, String... keysAndValues) {
    String[] tiny =
        sets(
            List.of("train", "teacher", "--out", out.toString()),
            "data.size=16",
            "model.codec=pixels",
            "model.patch=4",
            "model.dim=16",
            "model.layers=1",
            "model.heads=1",
            "model.axesDims=[8, 4, 4]",
            "precision=float32",
            "run.updates=2",
            "run.batch=4",
            "run.looksEvery=0");
    return sets(List.of(tiny), keysAndValues);
  }
}
