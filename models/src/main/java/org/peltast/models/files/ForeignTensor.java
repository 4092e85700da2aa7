package org.peltast.models.files;

import java.util.List;

/**
 * A tensor of another tool's file, and the parameters of a network that it holds, one after another
 * along its first axis: one for most, several for a fused projection. It is the inverse of {@link
 * KeyMap}, for writing.
 *
 * @param name in the file, without what stands before all of its names
 * @param parameters by their own names, those of diffusers
 * @param form how the numbers lie in it
 */
public record ForeignTensor(String name, List<String> parameters, Form form) {
  /** How a parameter's numbers lie in a tensor. */
  public enum Form {
    /** As they are. */
    SAME,
    /** A matrix with its axes exchanged. */
    TRANSPOSED,
    /** A matrix as the kernel of a 1 × 1 convolution. */
    KERNEL
  }

  /** Copies the list. */
  public ForeignTensor {
    parameters = List.copyOf(parameters);
  }

  /** A tensor that holds its parameters as they are. */
  public ForeignTensor(String name, List<String> parameters) {
    this(name, parameters, Form.SAME);
  }
}
