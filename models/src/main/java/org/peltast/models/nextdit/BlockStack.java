package org.peltast.models.nextdit;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.ActivationCheckpointing;
import org.peltast.tensor.nn.Parameters;

/**
 * Blocks one after another: by the plain operators, or, where they apply, by fused kernels, which
 * compute the same.
 */
public final class BlockStack {
  /**
   * Kernels that compute consecutive blocks in one go.
   *
   * @param multiple of how many tokens they compute sequences; others are filled up
   * @param run computes them
   */
  public record Kernels(int multiple, Run run) {}

  /** Consecutive blocks in one go. */
  @FunctionalInterface
  public interface Run {
    /**
     * Applies the blocks from {@code from} to below {@code to}; the rest as in {@link
     * SandwichBlock#forward}.
     */
    Tensor forward(
        int from,
        int to,
        Tensor x,
        @Nullable Tensor time,
        Tensor rope,
        @Nullable Tensor mask,
        int asked);
  }

  private final List<SandwichBlock> blocks;
  private final Parameters network;
  private final @Nullable Kernels kernels;

  /**
   * A stack.
   *
   * @param network the blocks are of
   * @param kernels of these blocks; null if there are none
   */
  public BlockStack(List<SandwichBlock> blocks, Parameters network, @Nullable Kernels kernels) {
    this.network = network;
    this.blocks = List.copyOf(blocks);
    this.kernels = blocks.isEmpty() ? null : kernels;
  }

  /**
   * Applies them in order.
   *
   * @param x [B, S, dim] float32
   * @param time [B, M] float32, for modulated blocks
   * @param rope see {@link RotaryAttention#forward}
   * @param mask see {@link RotaryAttention#forward}
   * @return [B, S, dim] float32
   */
  public Tensor forward(Tensor x, @Nullable Tensor time, Tensor rope, @Nullable Tensor mask) {
    return forward(x, time, rope, mask, (int) x.size(1), Map.of());
  }

  /**
   * The same where not all tokens' rows are asked for, the last block computing no others; and what
   * some blocks answer on the way.
   *
   * @param asked A, how many tokens, from the first
   * @param taps by block's number, who is given its answer for all tokens, [B, S, dim] float32, to
   *     keep views of: it is freed when the next block has read it
   * @return [B, A, dim] float32
   */
  public Tensor forward(
      Tensor x,
      @Nullable Tensor time,
      Tensor rope,
      @Nullable Tensor mask,
      int asked,
      Map<Integer, Consumer<Tensor>> taps) {
    int tokens = (int) x.size(1);
    if (kernels != null && tokens % kernels.multiple() != 0) {
      int all = (tokens / kernels.multiple() + 1) * kernels.multiple();
      return apply(
          x.extend(1, all),
          time,
          rope.extend(rope.rank() - 3, all),
          masked(x, mask, all),
          asked,
          taps);
    }
    return apply(x, time, rope, mask, asked, taps);
  }

  /** A mask for a sequence that is filled up, which nobody attends to beyond its own tokens. */
  private static Tensor masked(Tensor x, @Nullable Tensor mask, int all) {
    long b = x.size(0);
    long tokens = x.size(1);
    DType dtype = DType.FLOAT32;
    Tensor own = mask == null ? Tensor.zeros(dtype, x.device(), b, 1, 1, tokens) : mask;
    Tensor beyond =
        Tensor.zeros(dtype, x.device(), b, 1, 1, all - tokens).add(Double.NEGATIVE_INFINITY);
    return Tensor.cat(List.of(own, beyond), 3);
  }

  private Tensor apply(
      Tensor x,
      @Nullable Tensor time,
      Tensor rope,
      @Nullable Tensor mask,
      int asked,
      Map<Integer, Consumer<Tensor>> taps) {
    boolean byKernels = kernels != null;
    boolean together = byKernels && !(network.checkpointing() && Autograd.isOn());
    int all = (int) x.size(1);
    Tensor y = x;
    Scope held = Scope.detached(); // y, until the next blocks have read it
    try {
      int from = 0;
      while (from < blocks.size()) {
        int to = from + 1;
        while (together && to < blocks.size() && !taps.containsKey(to - 1)) {
          to++;
        }
        boolean tapped = taps.containsKey(to - 1);
        int rows = to < blocks.size() || tapped ? all : asked;
        y = apply(from, to, byKernels, y, time, rope, mask, rows);
        held.close();
        held = Scope.detached();
        held.keep(y);
        if (tapped) {
          requireNonNull(taps.get(to - 1)).accept(y);
        }
        from = to;
      }
      return y.size(1) == asked ? y.handle() : y.narrow(1, 0, asked);
    } finally {
      held.close();
    }
  }

  private Tensor apply(
      int from,
      int to,
      boolean byKernels,
      Tensor x,
      @Nullable Tensor time,
      Tensor rope,
      @Nullable Tensor mask,
      int rows) {
    Kernels fused = byKernels ? kernels : null;
    if (fused != null && to > from + 1) {
      return fused.run().forward(from, to, x, time, rope, mask, rows);
    }
    SandwichBlock block = blocks.get(from);
    return ActivationCheckpointing.block(
        network,
        in -> {
          Tensor stream = requireNonNull(in.get(0));
          Tensor places = requireNonNull(in.get(2));
          return fused == null
              ? block.forward(stream, in.get(1), places, in.get(3), rows)
              : fused.run().forward(from, to, stream, in.get(1), places, in.get(3), rows);
        },
        x,
        time,
        rope,
        mask);
  }
}
