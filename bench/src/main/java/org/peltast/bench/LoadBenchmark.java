package org.peltast.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import org.peltast.models.Backbone;
import org.peltast.models.ModelFamilies;
import org.peltast.models.ModelFamily;
import org.peltast.models.NetworkRecipe;
import org.peltast.models.files.Weights;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import org.peltast.tensor.nn.Parameter;

/**
 * Loads a sharded checkpoint of about 2 GB into a network of the standard family, and says how long
 * that took and what memory the process held at most. {@code bench/load.sh} runs it in turns with
 * {@code safetensors.torch.load_file} and {@code load_state_dict}.
 *
 * <p>Memory is what Linux says of the process: {@code RssAnon} is its own, {@code RssFile} the
 * pages of mapped files, which belong to the page cache and are given back when another needs them.
 */
public final class LoadBenchmark {
  private static final ModelFamily.Scale SCALE = new ModelFamily.Scale(1536, 14, 12, 64, 64);
  private static final int CAPTION = 2560;
  private static final int CHANNELS = 16;
  private static final int PATTERN = 1 << 20;
  private static final long SHARD = 500_000_000L;
  private static final String FILE = "diffusion_pytorch_model.safetensors";

  private LoadBenchmark() {}

  /**
   * Runs.
   *
   * @param args {@code write FOLDER} makes a checkpoint of random float32 weights; {@code load
   *     FOLDER} loads it and prints seconds, bytes of weights, and the most bytes of RssAnon and of
   *     RssFile beside what was held before
   */
  public static void main(String[] args) throws IOException {
    if (args.length != 2 || !(args[0].equals("write") || args[0].equals("load"))) {
      throw new IllegalArgumentException("usage: LoadBenchmark write|load FOLDER");
    }
    Path folder = Path.of(args[1]);
    Engine.open();
    NetworkRecipe recipe = ModelFamilies.standard().scaled(SCALE);
    try (Backbone network = recipe.create(CHANNELS, CAPTION, Device.CPU, Precision.FLOAT32)) {
      if (args[0].equals("write")) {
        write(network, Files.createDirectories(folder));
      } else {
        load(network, folder);
      }
    }
  }

  private static void write(Backbone network, Path folder) {
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      Tensor pattern = Rng.of(1).normal(PATTERN).mul(0.02);
      for (Parameter p : network.parameters().all()) {
        try (Scope s = Scope.open()) {
          Tensor all = p.value().detach().reshape(p.value().count());
          for (long at = 0; at < all.count(); at += PATTERN) {
            long n = Math.min(PATTERN, all.count() - at);
            all.narrow(0, at, n).copyFrom(pattern.narrow(0, 0, n));
          }
        }
      }
      TensorFiles.writeSharded(
          folder.resolve(FILE),
          network.parameters().values(),
          Map.of("format", "pt"),
          DType.FLOAT32,
          SHARD);
    }
  }

  private static void load(Backbone network, Path folder) {
    long weights = network.parameters().count() * Float.BYTES;
    try (Resident resident = new Resident()) {
      long begin = System.nanoTime();
      Weights.load(folder, network.parameters());
      double seconds = (System.nanoTime() - begin) / 1e9;
      System.out.printf(
          Locale.ROOT,
          "seconds %.3f weights %d anon %d file %d%n",
          seconds,
          weights,
          // Networks hold their weights, as zeros, before they are loaded.
          resident.peak("RssAnon") - resident.first("RssAnon") + weights,
          resident.peak("RssFile") - resident.first("RssFile"));
    }
  }

  /** Looks at the process's memory, again and again. */
  private static final class Resident implements AutoCloseable {
    private static final String[] KINDS = {"RssAnon", "RssFile"};

    private final long[] first = now();
    private final long[] peak = first.clone();
    private final Thread thread = new Thread(this::look, "resident");

    Resident() {
      thread.setDaemon(true);
      thread.start();
    }

    private void look() {
      while (!Thread.currentThread().isInterrupted()) {
        see();
        try {
          Thread.sleep(5);
        } catch (InterruptedException e) {
          return;
        }
      }
    }

    private synchronized void see() {
      long[] now = now();
      for (int i = 0; i < now.length; i++) {
        peak[i] = Math.max(peak[i], now[i]);
      }
    }

    long first(String kind) {
      return first[Arrays.asList(KINDS).indexOf(kind)];
    }

    synchronized long peak(String kind) {
      see();
      return peak[Arrays.asList(KINDS).indexOf(kind)];
    }

    private static long[] now() {
      try {
        long[] bytes = new long[KINDS.length];
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
          for (int i = 0; i < KINDS.length; i++) {
            if (line.startsWith(KINDS[i] + ":")) {
              bytes[i] = Long.parseLong(line.replaceAll("[^0-9]", "")) << 10;
            }
          }
        }
        return bytes;
      } catch (IOException e) {
        throw new BenchException("/proc/self/status cannot be read: " + e.getMessage());
      }
    }

    @Override
    public void close() {
      thread.interrupt();
    }
  }
}
