package org.peltast.models.sdxl;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Conv2d;
import org.peltast.tensor.nn.GroupNorm;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameters;

/**
 * A residual block that knows the time, diffusers' {@code ResnetBlock2D}:
 *
 * <pre>
 *   h = conv₁(silu(norm₁(x)))
 *   h = conv₂(silu(norm₂(h + shift)))              or, with scale_shift, norm₂(h)·(1 + scale) + shift
 *   y = skip(x) + h
 * </pre>
 *
 * where shift (and scale) are a linear function of the embedded time.
 */
final class ResidualBlock {
  private final GroupNorm norm1;
  private final Conv2d conv1;
  private final Linear time; // [out or 2·out, timeWidth]
  private final GroupNorm norm2;
  private final Conv2d conv2;
  private final @Nullable Conv2d shortcut; // 1 × 1, where the width changes
  private final boolean scaleShift;

  ResidualBlock(Parameters p, int in, int out, UNetConfig config) {
    norm1 = new GroupNorm(p.at("norm1"), config.groups(), in, config.normEps());
    conv1 = new Conv2d(p.at("conv1"), in, out, 3, 1, 1, true);
    scaleShift = config.scaleShift();
    time = new Linear(p.at("time_emb_proj"), config.timeWidth(), scaleShift ? 2L * out : out, true);
    norm2 = new GroupNorm(p.at("norm2"), config.groups(), out, config.normEps());
    conv2 =
        new Conv2d(
            p.at("conv2"), out, out, 3, 1, 1, Parameters.Init.zeros(), Parameters.Init.zeros());
    shortcut = in == out ? null : new Conv2d(p.at("conv_shortcut"), in, out, 1, 1, 0, true);
  }

  /**
   * Applies the block.
   *
   * @param x [B, in, H, W] float32
   * @param embedded [B, timeWidth] float32, the time's embedding after its SiLU
   * @return [B, out, H, W] float32
   */
  Tensor forward(Tensor x, Tensor embedded) {
    Tensor h = conv1.forward(norm1.forward(x).silu()).to(DType.FLOAT32);
    Tensor t = time.forwardFloat32(embedded).unsqueeze(-1).unsqueeze(-1); // [B, out, 1, 1]
    if (scaleShift) {
      List<Tensor> parts = t.chunk(2, 1);
      h = norm2.forward(h).mul(parts.get(0).add(1)).add(parts.get(1));
    } else {
      h = norm2.forward(h.add(t));
    }
    h = conv2.forward(h.silu()).to(DType.FLOAT32);
    return (shortcut == null ? x : shortcut.forward(x).to(DType.FLOAT32)).add(h);
  }
}
