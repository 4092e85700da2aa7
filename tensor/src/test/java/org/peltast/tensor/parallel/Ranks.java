package org.peltast.tensor.parallel;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Processes of {@link RankProbe}, each a rank of one group. */
final class Ranks {
  private static final long PATIENCE = 300; // seconds: far more than is ever needed

  private final Path folder;
  private final List<Process> processes = new ArrayList<>();

  /**
   * Starts all ranks.
   *
   * @param folder where their output and files go
   */
  Ranks(Path folder, int size, String... arguments) throws IOException {
    this.folder = folder;
    int port;
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    for (int rank = 0; rank < size; rank++) {
      List<String> command = new ArrayList<>();
      command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
      for (String flag : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
        if (flag.startsWith("-Dorg.bytedeco.")) {
          command.add(flag);
        }
      }
      command.addAll(List.of("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-ea"));
      command.add("--add-modules=jdk.incubator.vector");
      command.add("-XX:-CreateCoredumpOnCrash");
      command.add("-XX:ErrorFile=" + folder.resolve("hs_err-" + rank + ".log"));
      command.add("-cp");
      command.add(
          System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
      command.add(RankProbe.class.getName());
      command.add(folder.toString());
      command.addAll(List.of(arguments));
      ProcessBuilder builder = new ProcessBuilder(command);
      builder.environment().put("RANK", Integer.toString(rank));
      builder.environment().put("WORLD_SIZE", Integer.toString(size));
      builder.environment().put("LOCAL_RANK", Integer.toString(rank));
      builder.environment().put("MASTER_ADDR", "127.0.0.1");
      builder.environment().put("MASTER_PORT", Integer.toString(port));
      builder.environment().put("OMP_NUM_THREADS", "1");
      builder.redirectErrorStream(true).redirectOutput(output(rank).toFile());
      processes.add(builder.start());
    }
  }

  private Path output(int rank) {
    return folder.resolve("output-" + rank);
  }

  /** What a rank has printed so far. */
  String said(int rank) throws IOException {
    return new String(Files.readAllBytes(output(rank)), StandardCharsets.UTF_8);
  }

  /** Waits until a rank has printed something. */
  void awaitSaid(int rank, String words) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE);
    while (!said(rank).contains(words)) {
      if (!processes.get(rank).isAlive() || System.nanoTime() > end) {
        String all = allSaid();
        endAll();
        throw new AssertionError("rank " + rank + " did not say '" + words + "':\n" + all);
      }
      Thread.sleep(20);
    }
  }

  /** Sends a signal by its name. */
  void signal(int rank, String signal) throws Exception {
    new ProcessBuilder("kill", signal, Long.toString(processes.get(rank).pid())).start().waitFor();
  }

  /** Waits for the end of a rank, which must come. */
  int exit(int rank) throws Exception {
    if (!processes.get(rank).waitFor(PATIENCE, TimeUnit.SECONDS)) {
      String all = allSaid();
      endAll();
      throw new AssertionError("rank " + rank + " hangs:\n" + all);
    }
    return processes.get(rank).exitValue();
  }

  /** Waits for all, which must succeed. */
  void succeed() throws Exception {
    for (int rank = 0; rank < processes.size(); rank++) {
      if (exit(rank) != 0) {
        String all = allSaid();
        endAll();
        throw new AssertionError("rank " + rank + " failed:\n" + all);
      }
    }
  }

  void endAll() {
    processes.forEach(Process::destroyForcibly);
  }

  private String allSaid() throws IOException {
    StringBuilder all = new StringBuilder();
    for (int rank = 0; rank < processes.size(); rank++) {
      all.append("rank ").append(rank).append(":\n").append(said(rank));
    }
    return all.toString();
  }
}
