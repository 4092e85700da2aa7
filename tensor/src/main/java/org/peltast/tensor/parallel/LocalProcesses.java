package org.peltast.tensor.parallel;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Several processes of this machine that form one process group (what torchrun is to PyTorch): each
 * has torchrun's environment variables, by which {@link ProcessGroup#fromEnvironment} finds the
 * others, and its share of the cores.
 *
 * <p>The standard output of rank 0 is passed on, and the standard errors of all, those of the
 * others with their rank before each line. When one process fails, the others have a while to end
 * by themselves, and are ended after it.
 */
public final class LocalProcesses implements AutoCloseable {
  /** The environment variable with the process that a launched one must not outlive. */
  public static final String LAUNCHER = "PELTAST_LAUNCHER";

  /** As many as may be started. */
  public static final int MOST = 1024;

  /** How lines begin that Gloo prints on connecting, and each Java of a module once more. */
  private static final List<String> NOISE =
      List.of("[Gloo] Rank ", "WARNING: Using incubator modules: ");

  private static final long TO_END = 25; // seconds, for the others once one has failed
  private static final int SIGNALLED = 128; // exit codes above: 128 + the signal's number

  /**
   * How all have ended.
   *
   * @param failed the rank that failed first; −1 if none did
   * @param code its exit code; 0 if none failed
   * @param first the exit code of rank 0
   * @param processes how many there were
   */
  public record End(int failed, int code, int first, int processes) {
    /** Whether one failed. */
    public boolean isFailure() {
      return failed >= 0;
    }

    /** Whether it was ended by a signal. */
    public boolean isSignalled() {
      return code > SIGNALLED;
    }

    /** What happened, if one failed: one sentence. */
    public String sentence() {
      return String.format(
          Locale.ROOT,
          "rank %d of %d ended with %s; all others were ended.",
          failed,
          processes,
          isSignalled() ? "signal " + (code - SIGNALLED) : "exit code " + code);
    }
  }

  private final List<Process> ranks = new ArrayList<>();
  private final List<Thread> copying = new ArrayList<>();
  private final AtomicBoolean signalled = new AtomicBoolean();

  private final List<String> command;
  private final int processes;
  private final OutputStream out;
  private final OutputStream err;

  /**
   * Processes that are not started yet.
   *
   * @param command the program and its arguments, the same for all; a Java program's flags among
   *     them, for JAVA_TOOL_OPTIONS is not passed on
   * @param processes from 1 to {@link #MOST}
   * @param out takes what rank 0 prints
   * @param err takes the errors of the other ranks
   */
  public LocalProcesses(List<String> command, int processes, OutputStream out, OutputStream err) {
    this.command = List.copyOf(command);
    this.processes = processes;
    this.out = out;
    this.err = err;
  }

  /** Starts them. */
  public void start() throws IOException {
    // Whatever ends this process ends the others; who is killed outright is missed by them.
    Runtime.getRuntime().addShutdownHook(new Thread(this::close, "peltast-last"));
    int port = freePort();
    for (int rank = 0; rank < processes; rank++) {
      synchronized (ranks) {
        ranks.add(start(rank, port));
      }
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return free.getLocalPort();
    }
  }

  private Process start(int rank, int port) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command);
    Map<String, String> environment = builder.environment();
    environment.remove("JAVA_TOOL_OPTIONS");
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
      copy("peltast-output", process.getInputStream(), out, "");
    } else {
      copy("peltast-errors-" + rank, process.getErrorStream(), err, "[rank " + rank + "] ");
    }
    return process;
  }

  private static Path nothing() {
    return Path.of(System.getProperty("os.name").startsWith("Windows") ? "NUL" : "/dev/null");
  }

  /** Copies lines as they come, without {@link #NOISE}. */
  private void copy(String name, InputStream from, OutputStream to, String prefix) {
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

  /**
   * Passes a signal on to all.
   *
   * @param name INT or TERM
   */
  public void signal(String name) {
    signalled.set(true);
    synchronized (ranks) {
      ranks.forEach(process -> send(name, process));
    }
  }

  /** Whether a signal was passed on. */
  public boolean isSignalled() {
    return signalled.get();
  }

  /** {@link Process#destroy} knows SIGTERM alone. */
  private static void send(String signal, Process to) {
    try {
      new ProcessBuilder("kill", "-" + signal, Long.toString(to.pid())).start();
    } catch (IOException noKill) {
      to.destroy();
    }
  }

  /** Waits for all; once one has failed the others have a while to end by themselves. */
  public End await() throws InterruptedException {
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
        close();
      }
      Thread.sleep(20);
    }
    for (Thread thread : copying) {
      thread.join(TimeUnit.SECONDS.toMillis(2));
    }
    for (int rank = 0; rank < ranks.size() && failed < 0; rank++) {
      failed = ranks.get(rank).exitValue() == 0 ? -1 : rank;
    }
    return new End(
        failed,
        failed < 0 ? 0 : ranks.get(failed).exitValue(),
        ranks.get(0).exitValue(),
        ranks.size());
  }

  /** Ends those that are left. */
  @Override
  public void close() {
    synchronized (ranks) {
      ranks.forEach(Process::destroyForcibly);
    }
  }

  /**
   * Calls back, in a process that was launched, when whoever launched it is gone: one that was
   * killed cannot end the processes that it started.
   */
  public static void watchLauncher(Runnable gone) {
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
              gone.run();
            },
            "peltast-launcher");
    watch.setDaemon(true);
    watch.start();
  }
}
