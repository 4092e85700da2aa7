package org.peltast.training;

import java.util.Locale;
import org.peltast.distill.Role;
import org.peltast.tensor.DType;
import org.peltast.tensor.Rng;
import org.peltast.tensor.nn.AdamW;

/**
 * What trades time or exactness for memory.
 *
 * @param checkpointing what student and fake compute again for the backward pass instead of keeping
 *     it: nothing, or their blocks
 * @param weights in which dtype networks keep their matrices: {@code float32}, or {@code bf16}:
 *     gradients are bfloat16 then too, and steps of trained weights are rounded at random
 * @param moments in which dtype optimisers keep their moments: {@code float32}, or {@code bf16}
 *     with stochastic rounding
 * @param momentsOn where: beside the weights ({@code device}), or in the host's memory ({@code
 *     host}), from which they are brought for each step
 */
public record MemoryRecipe(
    Checkpointing checkpointing, String weights, String moments, Place momentsOn) {
  /** What is computed again. */
  public enum Checkpointing {
    /** Nothing: all that gradients need is kept. */
    NONE,
    /** Each block of the network, from its kept inputs. */
    BLOCKS
  }

  /** Where something is kept. */
  public enum Place {
    /** With the weights. */
    DEVICE,
    /** In the host's memory. */
    HOST
  }

  /** Everything is kept, in float32, on the device. */
  static MemoryRecipe defaults() {
    return new MemoryRecipe(Checkpointing.NONE, "float32", "float32", Place.DEVICE);
  }

  /** Checks the dtypes. */
  public MemoryRecipe {
    type("weights", weights);
    type("moments", moments);
  }

  private static DType type(String key, String name) {
    return switch (name) {
      case "float32" -> DType.FLOAT32;
      case "bf16" -> DType.BFLOAT16;
      default ->
          throw new IllegalArgumentException(
              String.format(Locale.ROOT, "%s must be float32 or bf16, but is '%s'", key, name));
    };
  }

  /** Whether blocks run again. */
  public boolean isCheckpointing() {
    return checkpointing == Checkpointing.BLOCKS;
  }

  /** The dtype of weights. */
  public DType weightType() {
    return type("weights", weights);
  }

  /** The dtype of moments. */
  DType momentType() {
    return type("moments", moments);
  }

  /** A role's settings with these moments, whose rounding has a stream of its own. */
  Role.Settings applied(Role.Settings settings, String role, long seed) {
    AdamW.Keeping keeping =
        new AdamW.Keeping(
            momentType(),
            momentsOn == Place.HOST,
            Rng.of(seed).fork("moments").fork(role).state()[0]);
    return new Role.Settings(
        settings.learningRate(), settings.adam().with(keeping), settings.clip(), settings.ema());
  }
}
