package org.peltast.diffusion;

import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;

/**
 * A network together with the path and the shift it was trained for: from (x_t, t, text) to the
 * clean image. Times given here are post-shift, as {@link #shift} makes them.
 *
 * @param network answers in its own kind of prediction
 * @param path how it was noised in training
 * @param shift from the pre-shift time of grids and draws to the network's time
 */
public record Denoiser(Network network, NoisePath path, TimeShift shift) {
  /**
   * The predicted clean image.
   *
   * @param xt [B, C, H, W] float32
   * @param t [B] float32, post-shift
   * @return [B, C, H, W] float32
   */
  public Tensor clean(Tensor xt, Tensor t, Network.Text text) {
    return path.clean(network.prediction(), network.forward(xt, t, text), xt, t);
  }

  /** A batch's times [B], all the same: the network's time of a pre-shift time. */
  public Tensor at(double preShift, Tensor like) {
    return Tensor.full(shift.apply(preShift), DType.FLOAT32, like.device(), like.size(0));
  }

  /** Another network under the same path and shift. */
  public Denoiser with(Network other) {
    return new Denoiser(other, path, shift);
  }
}
