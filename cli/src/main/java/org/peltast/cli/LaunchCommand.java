package org.peltast.cli;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * {@code peltast launch}: one command as several processes of this machine, each a rank of one
 * process group (what torchrun is to PyTorch). The processes find each other by torchrun's
 * environment variables.
 */
@Command(
    name = "launch",
    description = {
      "Runs a command as several processes on this machine that train together.",
      "",
      "Each process gets its share of the processor's cores. What the first one prints is shown;"
          + " lines of errors of the others begin with their rank. When one process fails, all are"
          + " ended."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast launch --processes 2 distill --teacher my-teacher --out output/two",
      "  peltast launch --processes 4 train teacher --out output/four"
    })
final class LaunchCommand implements Callable<Integer> {
  /** The process that a launched one must not outlive. */
  static final String LAUNCHER = "PELTAST_LAUNCHER";

  /** How lines begin that Gloo prints on connecting, and each Java of a module once more. */
  private static final List<String> NOISE =
      List.of("[Gloo] Rank ", "WARNING: Using incubator modules: ");

  private static final long TO_END = 25; // seconds, for the others once one has failed
  private static final int MOST = 1024;
  private static final int SIGNALLED = 128; // exit codes above: 128 + the signal's number

  @Spec private CommandSpec spec;

  @Option(
      names = "--processes",
      required = true,
      paramLabel = "N",
      description = "How many processes.")
  private int processes;

  @Parameters(
      arity = "1..*",
      paramLabel = "COMMAND",
      description = "The command and its options, as after `peltast`.")
  private List<String> command;

  private final List<Thread> copying = new ArrayList<>();

  /** Created by picocli. */
  @SuppressWarnings("NullAway.Init") // picocli injects the fields before it calls anything here
  LaunchCommand() {}

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (processes < 1 || processes > MOST) {
      throw new ParameterException(
          spec.commandLine(),
          String.format(
              Locale.ROOT, "--processes must be from 1 to %d, but is %d", MOST, processes));
    }
    String first = command.get(0);
    if (!spec.root().subcommands().containsKey(first) || first.equals(spec.name())) {
      throw new ParameterException(
          spec.commandLine(),
          String.format(
              Locale.ROOT, "'%s' is no command that can be launched", Failures.printable(first)));
    }
    Ranks.requireAlone(String.join(" ", command.subList(0, words(first))), processes > 1);
    List<Process> ranks = new ArrayList<>();
    // Whatever ends this process ends the others; who is killed outright is missed by them.
    Thread last = new Thread(() -> ranks.forEach(Process::destroyForcibly), "peltast-last");
    Runtime.getRuntime().addShutdownHook(last);
    Interrupts interrupts = Interrupts.forward(ranks);
    try {
      int port = freePort();
      for (int rank = 0; rank < processes; rank++) {
        synchronized (ranks) {
          ranks.add(start(rank, port));
        }
      }
      return await(ranks, interrupts);
    } finally {
      ranks.forEach(Process::destroyForcibly);
    }
  }

  /** How many words name the command: two, if its own commands are meant. */
  private int words(String first) {
    CommandLine named = spec.root().subcommands().get(first);
    boolean two =
        named != null && command.size() > 1 && named.getSubcommands().containsKey(command.get(1));
    return two ? 2 : 1;
  }

  private static int freePort() throws IOException {
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return free.getLocalPort();
    }
  }

  private Process start(int rank, int port) throws IOException {
    List<String> all = new ArrayList<>();
    all.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    for (String flag : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      // A debugger's port and files that are written at the end are for one process.
      if (!flag.startsWith("-agentlib:") && !flag.startsWith("-XX:ArchiveClassesAtExit")) {
        all.add(flag);
      }
    }
    all.addAll(List.of("-cp", System.getProperty("java.class.path"), Launch.class.getName()));
    all.addAll(command);
    ProcessBuilder builder = new ProcessBuilder(all);
    Map<String, String> environment = builder.environment();
    environment.remove("JAVA_TOOL_OPTIONS"); // this process's flags contain it
    environment.put("RANK", Integer.toString(rank));
    environment.put("LOCAL_RANK", Integer.toString(rank));
    environment.put("WORLD_SIZE", Integer.toString(processes));
    environment.put("LOCAL_WORLD_SIZE", Integer.toString(processes));
    environment.put("MASTER_ADDR", "127.0.0.1");
    environment.put("MASTER_PORT", Integer.toString(port));
    environment.put(LAUNCHER, Long.toString(ProcessHandle.current().pid()));
    String threads =
        Integer.toString(Math.max(1, Runtime.getRuntime().availableProcessors() / processes));
    environment.putIfAbsent("OMP_NUM_THREADS", threads);
    environment.putIfAbsent("OPENBLAS_NUM_THREADS", threads);
    builder.redirectInput(ProcessBuilder.Redirect.INHERIT);
    if (rank == 0) {
      builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    } else {
      builder.redirectInput(ProcessBuilder.Redirect.from(nothing().toFile()));
      builder.redirectOutput(ProcessBuilder.Redirect.DISCARD);
    }
    Process process = builder.start();
    if (rank == 0) {
      copy("peltast-output", process.getInputStream(), System.out, "");
    } else {
      copy("peltast-errors-" + rank, process.getErrorStream(), System.err, "[rank " + rank + "] ");
    }
    return process;
  }

  private static Path nothing() {
    return Path.of(System.getProperty("os.name").startsWith("Windows") ? "NUL" : "/dev/null");
  }

  /** Copies lines as they come, without {@link #NOISE}. */
  private void copy(String name, InputStream from, PrintStream to, String prefix) {
    Thread thread =
        new Thread(
            () -> {
              try (InputStream in = from) {
                copy(in, to, prefix.getBytes(StandardCharsets.UTF_8));
              } catch (IOException ended) {
                // With its process.
              }
            },
            name);
    thread.setDaemon(true);
    thread.start();
    copying.add(thread);
  }

  private static void copy(InputStream in, OutputStream to, byte[] prefix) throws IOException {
    BufferedInputStream buffered = new BufferedInputStream(in);
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    int b;
    do {
      b = buffered.read();
      if (b >= 0) {
        line.write(b);
      }
      if (line.size() > 0 && (b == '\n' || b < 0)) {
        byte[] whole = line.toByteArray();
        line.reset();
        String text = new String(whole, StandardCharsets.ISO_8859_1);
        if (NOISE.stream().noneMatch(text::startsWith)) {
          byte[] out = new byte[prefix.length + whole.length];
          System.arraycopy(prefix, 0, out, 0, prefix.length);
          System.arraycopy(whole, 0, out, prefix.length, whole.length);
          to.write(out, 0, out.length); // at once: lines of several processes do not mix
          to.flush();
        }
      }
    } while (b >= 0);
  }

  /** Waits for all; once one has failed the others have a while to end by themselves. */
  private int await(List<Process> ranks, Interrupts interrupts) throws InterruptedException {
    long end = Long.MAX_VALUE;
    int failed = -1;
    while (ranks.stream().anyMatch(Process::isAlive)) {
      for (int rank = 0; rank < ranks.size() && failed < 0; rank++) {
        if (!ranks.get(rank).isAlive() && ranks.get(rank).exitValue() != 0) {
          failed = rank;
          end = System.nanoTime() + TimeUnit.SECONDS.toNanos(TO_END);
        }
      }
      if (System.nanoTime() > end) {
        ranks.forEach(Process::destroyForcibly);
      }
      Thread.sleep(20);
    }
    for (Thread thread : copying) {
      thread.join(TimeUnit.SECONDS.toMillis(2));
    }
    for (int rank = 0; rank < ranks.size() && failed < 0; rank++) {
      failed = ranks.get(rank).exitValue() == 0 ? -1 : rank;
    }
    if (failed < 0) {
      return ExitCode.OK;
    }
    int code = ranks.get(failed).exitValue();
    if (interrupts.getAsBoolean()) {
      return ranks.get(0).exitValue() == 0 ? ExitCode.OK : ExitCode.INTERRUPTED;
    }
    spec.commandLine()
        .getErr()
        .println(
            String.format(
                Locale.ROOT,
                "peltast: rank %d of %d ended with %s; all others were ended.",
                failed,
                processes,
                code > SIGNALLED ? "signal " + (code - SIGNALLED) : "exit code " + code));
    spec.commandLine().getErr().flush();
    return code > SIGNALLED ? ExitCode.FAILED : code;
  }

  /**
   * Ends this process when whoever launched it is gone: one that was killed cannot end the
   * processes that it started.
   */
  static void endWithLauncher() {
    String launcher = System.getenv(LAUNCHER);
    if (launcher == null || !launcher.matches("[0-9]{1,18}")) {
      return;
    }
    long pid = Long.parseLong(launcher);
    Thread watch =
        new Thread(
            () -> {
              while (ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false)) {
                try {
                  TimeUnit.SECONDS.sleep(2);
                } catch (InterruptedException e) {
                  return;
                }
              }
              System.err.println("peltast: the process that launched this one is gone.");
              Runtime.getRuntime().halt(ExitCode.FAILED);
            },
            "peltast-launcher");
    watch.setDaemon(true);
    watch.start();
  }
}
