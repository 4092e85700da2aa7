package org.peltast.models.sdxl;

import org.peltast.models.ItemCost;

/** What an item of a batch costs a UNet in SDXL's structure, counted level by level. */
final class UNetCost {
  private final UNetConfig config;
  private final int tokens;
  private double operations; // multiply-adds

  private UNetCost(UNetConfig config, int tokens) {
    this.config = config;
    this.tokens = tokens;
  }

  static ItemCost of(UNetConfig c, int height, int width, int captionTokens) {
    UNetCost cost = new UNetCost(c, captionTokens);
    cost.walk(height, width);
    return new ItemCost(0, 2 * cost.operations);
  }

  private void walk(int height, int width) {
    int n = config.levels();
    double[] pixels = new double[n];
    int h = height;
    int w = width;
    for (int i = 0; i < n; i++) {
      pixels[i] = (double) h * w;
      h = (h + 1) / 2;
      w = (w + 1) / 2;
    }
    java.util.ArrayDeque<Integer> skips = new java.util.ArrayDeque<>();
    int at = config.widths().get(0);
    conv(pixels[0], config.channels(), at, config.kernelIn());
    skips.push(at);
    linear(1, config.widths().get(0) + config.additionWidth(), config.timeWidth());
    linear(2, config.timeWidth(), config.timeWidth());
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < config.layers().get(i); j++) {
        residual(pixels[i], at, config.widths().get(i));
        at = config.widths().get(i);
        if (config.downAttends().get(i)) {
          transformer(pixels[i], at, config.heads().get(i), config.downDepths().get(i).get(j));
        }
        skips.push(at);
      }
      if (i < n - 1) {
        conv(pixels[i + 1], at, at, 3);
        skips.push(at);
      }
    }
    residual(pixels[n - 1], at, at);
    transformer(
        pixels[n - 1], at, config.heads().get(n - 1), config.downDepths().get(n - 1).get(0));
    residual(pixels[n - 1], at, at);
    for (int u = 0; u < n; u++) {
      int i = n - 1 - u;
      for (int j = 0; j <= config.layers().get(i); j++) {
        residual(pixels[i], at + skips.pop(), config.widths().get(i));
        at = config.widths().get(i);
        if (config.upAttends().get(u)) {
          transformer(pixels[i], at, config.heads().get(i), config.upDepths().get(u).get(j));
        }
      }
      if (i > 0) {
        conv(pixels[i - 1], at, at, 3);
      }
    }
    conv(pixels[0], at, config.channels(), config.kernelOut());
  }

  private void conv(double pixels, int in, int out, int kernel) {
    operations += pixels * in * out * kernel * kernel;
  }

  private void linear(double rows, int in, int out) {
    operations += rows * in * out;
  }

  private void residual(double pixels, int in, int out) {
    operations +=
        9 * pixels * out * ((double) in + out)
            + (in == out ? 0 : pixels * in * out)
            + (double) config.timeWidth() * out;
  }

  private void transformer(double pixels, int width, int heads, int depth) {
    double inner = (double) width / heads * heads;
    double block =
        pixels * inner * (4 * inner + 2 * inner + 12 * inner)
            + 2.0 * tokens * config.contextWidth() * inner
            + 2 * pixels * (pixels + tokens) * inner;
    operations += 2 * pixels * width * inner + depth * block;
  }
}
