package org.peltast.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Engine;

/**
 * Peltast and PyTorch in turns: after each of Peltast's updates PyTorch runs one, so that both meet
 * the same machine, also when it is shared. One variant is compared after another; its process
 * starts and warms up between two of Peltast's updates, whose time it is not in.
 */
public final class AgainstPytorch implements AutoCloseable {
  /** Every variant of the peer script. */
  public static final List<String> VARIANTS =
      List.of(
          "lean-eager-bf16",
          "diffusers-eager-bf16",
          "lean-eager-float32",
          "diffusers-eager-float32",
          "lean-compiled-bf16",
          "diffusers-compiled-bf16",
          "lean-compiled-float32",
          "diffusers-compiled-float32");

  /**
   * One variant against Peltast in the same rounds.
   *
   * @param variant as the peer script names it
   * @param peltastSeconds median update of Peltast in these rounds
   * @param pytorchSeconds median update of the variant
   * @param ratio the median of the rounds' ratios, Peltast over PyTorch: less than 1 is faster
   * @param peakRssMb the most megabytes that the variant's process held
   */
  public record Ratio(
      String variant, double peltastSeconds, double pytorchSeconds, double ratio, long peakRssMb) {
    /** Everything by name, for JSON. */
    public Map<String, Object> toMap() {
      Map<String, Object> map = new LinkedHashMap<>();
      map.put("variant", variant);
      map.put("peltastSeconds", peltastSeconds);
      map.put("pytorchSeconds", pytorchSeconds);
      map.put("ratio", ratio);
      map.put("pytorchPeakRssMb", peakRssMb);
      return map;
    }
  }

  private final String python;
  private final Path script;
  private final List<String> variants;
  private final UpdateShape shape;
  private final int warmUp;
  private final int rounds;
  private final List<Ratio> ratios = new ArrayList<>();
  private final List<Double> ours = new ArrayList<>();
  private final List<Double> theirs = new ArrayList<>();
  private @Nullable PytorchPeer peer;

  /**
   * A comparison that has not begun.
   *
   * @param python the interpreter
   * @param script {@code bench/peer/step.py} of the clone
   * @param variants which, in order
   * @param warmUp updates of each variant before its first turn
   * @param rounds turns of each variant
   */
  public AgainstPytorch(
      String python,
      Path script,
      List<String> variants,
      UpdateShape shape,
      int warmUp,
      int rounds) {
    this.python = python;
    this.script = script;
    this.variants = List.copyOf(variants);
    this.shape = shape;
    this.warmUp = warmUp;
    this.rounds = rounds;
  }

  /** How many updates of Peltast this takes. */
  public int updates() {
    return variants.size() * rounds;
  }

  /** Starts the first variant: what is missing is said before anything has been measured. */
  public void begin() {
    peer = start(0);
  }

  private PytorchPeer start(int index) {
    return PytorchPeer.start(
        python,
        script,
        variants.get(index),
        Map.of(
            "batch", shape.batch(),
            "dim", shape.dim(),
            "layers", shape.layers(),
            "heads", shape.heads(),
            "tokens", shape.imageTokens(),
            "caption", shape.captionTokens(),
            "fake", shape.fakeUpdates(),
            "threads", Engine.threads(),
            "warm-up", warmUp));
  }

  /** PyTorch's turn, after one of Peltast's updates that took so many seconds. */
  public void turn(double seconds) {
    if (ratios.size() == variants.size()) {
      return;
    }
    PytorchPeer now = peer == null ? start(ratios.size()) : peer;
    peer = now;
    ours.add(seconds);
    theirs.add(now.turn());
    if (ours.size() == rounds) {
      double[] each = new double[rounds];
      for (int i = 0; i < rounds; i++) {
        each[i] = ours.get(i) / theirs.get(i);
      }
      long peak = now.end();
      ratios.add(
          new Ratio(
              variants.get(ratios.size()),
              UpdateSummary.median(ours.stream().mapToDouble(s -> s).toArray()),
              UpdateSummary.median(theirs.stream().mapToDouble(s -> s).toArray()),
              UpdateSummary.median(each),
              peak));
      ours.clear();
      theirs.clear();
      close();
    }
  }

  /** What was found so far. */
  public List<Ratio> ratios() {
    return List.copyOf(ratios);
  }

  @Override
  public void close() {
    if (peer != null) {
      peer.close();
      peer = null;
    }
  }
}
