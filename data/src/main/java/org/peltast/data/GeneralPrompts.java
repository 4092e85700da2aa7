package org.peltast.data;

import java.util.ArrayList;
import java.util.List;

/**
 * Prompts for a model of which nobody says what it draws: everyday subjects, places, light and
 * media, put together by rule. Distillation learns what few steps do to pictures of many kinds, so
 * what counts is that all kinds are there, not what any one prompt says.
 *
 * <p>Prompt i has subject i of the list, and place, light and medium by strides without a common
 * divisor with these lists' lengths, so that no two prompts are alike and each pair of parts meets
 * as often as any other.
 */
public final class GeneralPrompts {
  /** The value of {@code data.images} that stands for them. */
  public static final String NAME = "general";

  private static final int COUNT = 600;

  private static final List<String> SUBJECTS =
      List.of(
          "an old fisherman",
          "a red fox",
          "a bowl of ramen",
          "a lighthouse",
          "a vintage bicycle",
          "a girl with a yellow umbrella",
          "a steam locomotive",
          "a cup of coffee and an open book",
          "a snowy owl",
          "a market stall of oranges",
          "a grand piano",
          "a hot-air balloon",
          "a tabby cat",
          "two chess players",
          "a stone bridge",
          "a sailing boat",
          "a ballet dancer",
          "a bunch of sunflowers",
          "a wooden cabin",
          "a blue sports car",
          "a grandmother knitting",
          "a herd of horses",
          "a glass bottle with a letter in it",
          "a castle on a hill",
          "a child flying a kite",
          "a loaf of bread on a board",
          "an astronaut",
          "a street musician with a violin",
          "a hummingbird",
          "a skyscraper of glass",
          "a pair of leather boots",
          "a waterfall",
          "a robot watering flowers",
          "a brown bear",
          "a wedding cake",
          "a windmill",
          "a potter at the wheel",
          "an elephant and its calf",
          "a desk with a typewriter",
          "a fishing village",
          "a runner",
          "a coral reef",
          "a candle on a windowsill",
          "a dragon asleep on a book",
          "a field of lavender",
          "a smiling baker",
          "a motorcycle",
          "a golden retriever puppy",
          "a pagoda",
          "a basket of apples",
          "a woman with freckles",
          "a whale under a small boat",
          "a telescope",
          "a city square");

  private static final List<String> PLACES =
      List.of(
          "by the sea",
          "in a narrow street",
          "in a forest",
          "in front of high mountains",
          "on a plain grey background",
          "in a kitchen",
          "in the desert",
          "in a crowded hall",
          "beside a frozen lake",
          "in a garden",
          "on a rooftop",
          "in an empty room",
          "in a meadow",
          "at a railway station",
          "in a library",
          "under a wide sky",
          "among ruins");

  private static final List<String> LIGHTS =
      List.of(
          "at dawn",
          "at noon",
          "at sunset",
          "by night, lit by lanterns",
          "in fog",
          "in the rain",
          "in falling snow",
          "in soft light from a window",
          "under a storm",
          "in neon light",
          "by moonlight");

  private static final List<String> MEDIA =
      List.of(
          "a photograph of %s",
          "%s, oil painting",
          "%s, watercolour",
          "a pencil drawing of %s",
          "a close-up photograph of %s, shallow depth of field",
          "%s, flat vector illustration",
          "a film still of %s",
          "%s, woodcut in two colours",
          "a wide-angle photograph of %s",
          "%s, children's book illustration",
          "a black and white photograph of %s",
          "%s, 3D render, clay",
          "%s");

  private GeneralPrompts() {}

  /** All of them, the same each time. */
  public static PromptList list() {
    List<String> prompts = new ArrayList<>();
    for (int i = 0; i < COUNT; i++) {
      String place = PLACES.get(i * 5 % PLACES.size());
      String light = LIGHTS.get(i * 3 % LIGHTS.size());
      String scene = SUBJECTS.get(i % SUBJECTS.size()) + " " + place + " " + light;
      prompts.add(MEDIA.get(i * 7 % MEDIA.size()).replace("%s", scene));
    }
    return PromptList.of("general prompts", prompts);
  }
}
