package org.peltast.distill.adversarial;

import java.util.Locale;
import org.peltast.tensor.Tensor;

/** The loss between a discriminator's logits and what it should say, for each item. */
public enum AdversarialLoss {
  /**
   * The non-saturating loss (Goodfellow et al., 2014), as DMD2 has it: {@code softplus(−real) +
   * softplus(fake)} against {@code softplus(−fake)}.
   */
  SOFTPLUS {
    @Override
    Tensor ofReal(Tensor logits) {
      return logits.neg().softplus();
    }

    @Override
    Tensor ofFake(Tensor logits) {
      return logits.softplus();
    }

    @Override
    Tensor ofGenerator(Tensor logits) {
      return logits.neg().softplus();
    }
  },
  /**
   * The hinge loss (Lim and Ye, 2017), as ADD and PCM have it: {@code max(0, 1 − real) + max(0, 1 +
   * fake)} against {@code −fake}.
   */
  HINGE {
    @Override
    Tensor ofReal(Tensor logits) {
      return logits.neg().add(1).relu();
    }

    @Override
    Tensor ofFake(Tensor logits) {
      return logits.add(1).relu();
    }

    @Override
    Tensor ofGenerator(Tensor logits) {
      return logits.neg();
    }
  };

  /** The discriminator's loss at logits of real images. */
  abstract Tensor ofReal(Tensor logits);

  /** The discriminator's loss at logits of generated images. */
  abstract Tensor ofFake(Tensor logits);

  /** The generator's loss at logits of its images. */
  abstract Tensor ofGenerator(Tensor logits);

  /** The name by which {@link #parse} knows it. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Reads "softplus" or "hinge". */
  public static AdversarialLoss parse(String name) {
    return switch (name) {
      case "softplus" -> SOFTPLUS;
      case "hinge" -> HINGE;
      default ->
          throw new IllegalArgumentException(
              "unknown adversarial loss '" + name + "'; use softplus or hinge");
    };
  }
}
