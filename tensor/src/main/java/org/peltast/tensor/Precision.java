package org.peltast.tensor;

import java.util.Locale;

/**
 * In which dtype a network's products are computed. The weights themselves, the residual stream,
 * norms' statistics, softmax and losses stay in float32 either way.
 */
public enum Precision {
  /** Everything in float32. */
  FLOAT32(DType.FLOAT32),
  /** Float32 master weights, products in bfloat16. */
  BF16(DType.BFLOAT16);

  private final DType products;

  Precision(DType products) {
    this.products = products;
  }

  /** The dtype in which linear layers and attention multiply. */
  public DType products() {
    return products;
  }

  /** {@link #BF16} where its products are faster, otherwise {@link #FLOAT32}. */
  public static Precision auto(Device device) {
    return Engine.prefersBfloat16(device) ? BF16 : FLOAT32;
  }

  /** The name by which {@link #parse} knows it. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * Reads "float32", "bf16" or "auto".
   *
   * @throws TensorException if the name is none of these
   */
  public static Precision parse(String name, Device device) {
    return switch (name) {
      case "float32" -> FLOAT32;
      case "bf16" -> BF16;
      case "auto" -> auto(device);
      default ->
          throw new TensorException("unknown precision '" + name + "'; use float32, bf16 or auto");
    };
  }
}
