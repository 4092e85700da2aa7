package org.peltast.models.files;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

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

  /**
   * The tensors of a file that has the queries, keys and values of each attention in one, {@code
   * attention.qkv}, as the originals of Z-Image and Lumina 2 have.
   *
   * @param attention the module of attention in the parameters' names
   * @param original what any other parameter is called in the file
   */
  public static List<ForeignTensor> withFusedAttention(
      List<String> parameters, String attention, UnaryOperator<String> original) {
    String projection = "." + attention + ".to_";
    List<ForeignTensor> all = new ArrayList<>();
    for (String name : parameters) {
      if (name.contains(projection + "q.")) {
        all.add(
            new ForeignTensor(
                name.replace(projection + "q.", ".attention.qkv."),
                Stream.of("q", "k", "v")
                    .map(part -> name.replace(projection + "q.", projection + part + "."))
                    .toList()));
      } else if (!name.contains(projection + "k.") && !name.contains(projection + "v.")) {
        all.add(new ForeignTensor(original.apply(name), List.of(name)));
      }
    }
    return all;
  }
}
