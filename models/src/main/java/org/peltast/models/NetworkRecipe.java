package org.peltast.models;

import java.util.LinkedHashMap;
import java.util.Map;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.models.codec.Codecs;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;

/**
 * The configuration of a network that is trained from nothing: the {@code model} table of a
 * teacher's recipe, whose key {@code family} says which record it is.
 *
 * <p>Each family has one implementation, a record whose components are the recipe's keys, of types
 * that recipes can hold (numbers, texts, lists, records), with a static {@code defaults()}. Its
 * constructor refuses values by {@link IllegalArgumentException}.
 */
public interface NetworkRecipe {
  /** The key that names the family; {@link #kinds} are its values. */
  static String kindKey() {
    return "family";
  }

  /** The records of all families by {@link ModelFamily#id}: what a recipe may hold. */
  static Map<String, Class<? extends NetworkRecipe>> kinds() {
    Map<String, Class<? extends NetworkRecipe>> kinds = new LinkedHashMap<>();
    for (ModelFamily family : ModelFamilies.all()) {
      kinds.put(family.id(), family.recipe().getClass());
    }
    return kinds;
  }

  /** The codec of the latents, one of {@link Codecs#BUILT_IN_NAMES}. */
  String codec();

  /** Noise path, prediction and shift that it is trained with. */
  NoiseSchedule schedule();

  /**
   * Checks that the parts fit each other, before anything is allocated.
   *
   * @throws ModelException if they do not
   */
  void check();

  /**
   * A network of this shape, all weights zero until they are initialised or loaded.
   *
   * @param channels of the codec's latents
   * @param captionWidth of the text encoder's features
   */
  Backbone create(int channels, int captionWidth, Device device, Precision precision);
}
