package org.peltast.runs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.testing.Seeded;

class RecipesTest {
  enum Schedule {
    COUPLED_SHARED,
    DECOUPLED_HYBRID
  }

  enum Off implements Regulariser {
    NONE
  }

  sealed interface Regulariser permits MeanVarianceKl, Gan, Off, Silent {}

  record MeanVarianceKl(double weight, int bins) implements Regulariser {
    static MeanVarianceKl defaults() {
      return new MeanVarianceKl(0.1, 8);
    }
  }

  record Gan(double weight) implements Regulariser {}

  record Silent() implements Regulariser {}

  /** Kinds that are not known when it is compiled. */
  interface Shape {
    static String kindKey() {
      return "family";
    }

    static Map<String, Class<? extends Shape>> kinds() {
      return Map.of("round", Circle.class);
    }
  }

  record Circle(int radius) implements Shape {
    static Circle defaults() {
      return new Circle(3);
    }
  }

  record Drawing(Shape shape) {}

  record Optimiser(double learningRate, int warmUp, float clip) {
    Optimiser {
      if (learningRate <= 0) {
        throw new IllegalArgumentException(
            "learningRate must be above 0, but is " + learningRate + ".");
      }
    }

    static Optimiser defaults() {
      return new Optimiser(1e-4, 100, 1f);
    }
  }

  record Look(String name, List<String> prompts) {}

  record Unfit(String name, int[] arrays) {}

  record Full(
      String name,
      long updates,
      boolean shared,
      Schedule schedule,
      Optimiser student,
      Optimiser fake,
      Regulariser regulariser,
      List<Integer> steps,
      List<Look> looks,
      List<List<Double>> table,
      Map<String, Double> weights,
      Map<String, Optimiser> roles,
      Duration every,
      ByteSize cache,
      Path data,
      @Nullable String note,
      @Nullable Double ema) {}

  static final Full DEFAULTS =
      new Full(
          "base",
          400,
          true,
          Schedule.DECOUPLED_HYBRID,
          new Optimiser(5e-5, 10, 1f),
          Optimiser.defaults(),
          new MeanVarianceKl(0.3, 4),
          List.of(1, 2, 4),
          List.of(),
          List.of(),
          Map.of(),
          Map.of(),
          Duration.ofMinutes(5),
          new ByteSize(48_000_000),
          Path.of("runs/data"),
          null,
          0.999);

  static final Recipes<Full> RECIPES = Recipes.over(DEFAULTS);

  record Small(int updates, Optimiser student, @Nullable String note) {}

  private static Full parse(String yaml, String... sets) {
    return RECIPES.parse(yaml, "recipe.yaml", List.of(sets));
  }

  private static void refused(String yaml, String sentence) {
    assertThatThrownBy(() -> parse(yaml)).isInstanceOf(RunException.class).hasMessage(sentence);
  }

  private static void refusedSet(String set, String sentence) {
    assertThatThrownBy(() -> parse("", set)).isInstanceOf(RunException.class).hasMessage(sentence);
  }

  @Test
  void whatIsNotSaidIsTheDefault() {
    assertThat(parse("")).isEqualTo(DEFAULTS);
    assertThat(parse("# only a comment\n")).isEqualTo(DEFAULTS);
    Full full = parse("updates: 7\nstudent:\n  warmUp: 3\n");
    assertThat(full.updates()).isEqualTo(7);
    assertThat(full.student()).isEqualTo(new Optimiser(5e-5, 3, 1f));
    assertThat(full.fake()).isEqualTo(Optimiser.defaults());
  }

  @Test
  void everyKindOfValueIsRead() {
    Full full =
        parse(
            """
            name: 007
            updates: 1e3
            shared: false
            schedule: coupled-shared
            student: {learningRate: 1e-4, clip: .5}
            regulariser:
              kind: gan
              weight: 2
            steps: [8]
            looks:
              - name: first
                prompts: [a cat, "a: dog"]
              - {name: second, prompts: []}
            table: [[1, 2.5], []]
            weights: {ca: 1, dm: 0.5}
            roles:
              teacher: {warmUp: 1}
            every: 1h30m
            cache: 2 GiB
            data: /data/images
            note: null
            ema: 0.9
            """);
    assertThat(full)
        .isEqualTo(
            new Full(
                "007",
                1000,
                false,
                Schedule.COUPLED_SHARED,
                new Optimiser(1e-4, 10, .5f),
                Optimiser.defaults(),
                new Gan(2),
                List.of(8),
                List.of(
                    new Look("first", List.of("a cat", "a: dog")), new Look("second", List.of())),
                List.of(List.of(1.0, 2.5), List.of()),
                Map.of("ca", 1.0, "dm", 0.5),
                Map.of("teacher", new Optimiser(1e-4, 1, 1f)),
                Duration.ofMinutes(90),
                new ByteSize(1L << 31),
                Path.of("/data/images"),
                null,
                0.9));
  }

  @Test
  void aVariantIsATableWithAKindOrTheKindAlone() {
    assertThat(parse("regulariser: mean-variance-kl").regulariser())
        .isEqualTo(new MeanVarianceKl(0.3, 4)); // over the recipe's default of the same kind
    assertThat(parse("regulariser: {bins: 9}").regulariser()).isEqualTo(new MeanVarianceKl(0.3, 9));
    assertThat(parse("regulariser: none").regulariser()).isEqualTo(Off.NONE);
    assertThat(parse("regulariser: {kind: silent}").regulariser()).isEqualTo(new Silent());
    assertThat(parse("", "regulariser.weight=3").regulariser()).isEqualTo(new MeanVarianceKl(3, 4));
    refused(
        "regulariser: gann",
        "recipe.yaml: 'regulariser' must be one of the kinds mean-variance-kl, gan, none, silent,"
            + " but is 'gann'; did you mean 'gan'?");
    refused(
        "regulariser: gan",
        "recipe.yaml: 'regulariser.weight' is missing and has no default; give it a number.");
    refused(
        "regulariser: {kind: gan, bins: 3, weight: 1}",
        "recipe.yaml: unknown key 'regulariser.bins'; known here: kind, weight.");
    refused(
        "regulariser: {kind: none, weight: 1}",
        "recipe.yaml: unknown key 'regulariser.weight'; known here: kind.");
  }

  @Test
  void anInterfaceMayNameItsKindsAndTheirKeyItself() {
    Recipes<Drawing> recipes = Recipes.over(new Drawing(new Circle(1)));
    assertThat(recipes.parse("shape: {family: round}", "r", List.of()).shape())
        .isEqualTo(new Circle(1));
    assertThat(recipes.parse("shape: {radius: 5}", "r", List.of()).shape())
        .isEqualTo(new Circle(5));
    assertThat(recipes.write(new Drawing(new Circle(2))))
        .isEqualTo("shape:\n  family: round\n  radius: 2\n");
    assertThat(Recipes.of(Drawing.class).parse("shape: round", "r", List.of()).shape())
        .isEqualTo(new Circle(3)); // its own defaults
    assertThatThrownBy(() -> recipes.parse("shape: {family: square}", "r", List.of()))
        .isInstanceOf(RunException.class)
        .hasMessage("r: 'shape' must be a table with 'family', one of round, but is 'square'.");
    assertThatThrownBy(() -> recipes.parse("shape: {kind: round}", "r", List.of()))
        .isInstanceOf(RunException.class)
        .hasMessage("r: unknown key 'shape.kind'; known here: family, radius.");
  }

  @Test
  void unknownKeysNameTheNearestKnownOne() {
    refused(
        "student: {learningrate: 1}",
        "recipe.yaml: unknown key 'student.learningrate'; did you mean 'student.learningRate'?");
    refused("udpates: 1", "recipe.yaml: unknown key 'udpates'; did you mean 'updates'?");
    refused(
        "learningRate: 1",
        "recipe.yaml: unknown key 'learningRate'; did you mean 'student.learningRate'?");
    refused(
        "student: {zzz: 1}",
        "recipe.yaml: unknown key 'student.zzz'; known here: learningRate, warmUp, clip.");
    refusedSet(
        "student.warmup=3",
        "--set student.warmup=3: unknown key 'student.warmup'; did you mean 'student.warmUp'?");
    refusedSet("stepz.a=3", "--set stepz.a=3: unknown key 'stepz'; did you mean 'steps'?");
  }

  @Test
  void wrongTypesAreOneSentenceWithThePath() {
    refused(
        "student: {learningRate: fast}",
        "recipe.yaml: 'student.learningRate' must be a number, but is 'fast'.");
    refused("updates: 3.5", "recipe.yaml: 'updates' must be a whole number, but is '3.5'.");
    refused(
        "student: {warmUp: 3000000000}",
        "recipe.yaml: 'student.warmUp' must be a whole number from -2147483648 to 2147483647, but"
            + " is 3000000000.");
    refused(
        "updates: 1e99999999",
        "recipe.yaml: 'updates' must be a whole number from -9223372036854775808 to"
            + " 9223372036854775807, but is 1e99999999.");
    refused(
        "student: {learningRate: 1e999}",
        "recipe.yaml: 'student.learningRate' must be a number below 1.7976931348623157E308, but is"
            + " 1e999.");
    refused(
        "student: {learningRate: .nan}",
        "recipe.yaml: 'student.learningRate' must be a number, but is '.nan'.");
    refused(
        "student: {clip: .inf}", "recipe.yaml: 'student.clip' must be a number, but is '.inf'.");
    refused("shared: yes", "recipe.yaml: 'shared' must be true or false, but is 'yes'.");
    refused("steps: [1, two]", "recipe.yaml: 'steps[1]' must be a whole number, but is 'two'.");
    refused(
        "steps: 4",
        "recipe.yaml: 'steps' must be a list such as [a, b], each a whole number, but is '4'.");
    refused(
        "student: [1]",
        "recipe.yaml: 'student' must be a table of 'key: value' lines, but is a list.");
    refused("name: {a: 1}", "recipe.yaml: 'name' must be a text, but is a table.");
    refused(
        "schedule: decoupled",
        "recipe.yaml: 'schedule' must be one of coupled-shared, decoupled-hybrid, but is"
            + " 'decoupled'.");
    refused(
        "schedule: decopled-hybird",
        "recipe.yaml: 'schedule' must be one of coupled-shared, decoupled-hybrid, but is"
            + " 'decopled-hybird'; did you mean 'decoupled-hybrid'?");
    refused(
        "every: soon",
        "recipe.yaml: every: 'soon' is not a length of time such as 90s, 5m or 1h30m.");
    refused("cache: big", "recipe.yaml: cache: 'big' is not a size such as 48MB or 2GiB.");
    refused(
        "updates:",
        "recipe.yaml: 'updates' has no value; give it a whole number, or take the key away for its"
            + " default.");
    refused("[1, 2]", "recipe.yaml: a recipe is a table of 'key: value' lines.");
  }

  @Test
  void whatAConstructorRefusesNamesTheTableAndWhoSetIt() {
    refused(
        "student: {learningRate: -1}",
        "recipe.yaml: student: learningRate must be above 0, but is -1.0.");
    assertThatThrownBy(() -> parse("student: {warmUp: 1}", "student.learningRate=0"))
        .hasMessage(
            "--set student.learningRate=0 with recipe.yaml: student: learningRate must be above 0,"
                + " but is 0.0.");
  }

  @Test
  void whatHasNoDefaultMustBeGiven() {
    Recipes<Small> small = Recipes.of(Small.class);
    assertThat(small.parse("updates: 3", "r.yaml", List.of()))
        .isEqualTo(new Small(3, Optimiser.defaults(), null));
    assertThatThrownBy(() -> small.parse("", "r.yaml", List.of()))
        .hasMessage("r.yaml: 'updates' is missing and has no default; give it a whole number.");
  }

  @Test
  void settingsGoOverTheFileInOrder() {
    Full full =
        parse(
            "student: {warmUp: 1}\nupdates: 5",
            "student.warmUp=2",
            "student.warmUp=3",
            "steps=[1, 8]",
            "weights.ca=0.25",
            "note=a = b",
            "ema=null",
            "every=90s");
    assertThat(full.student().warmUp()).isEqualTo(3);
    assertThat(full.updates()).isEqualTo(5);
    assertThat(full.steps()).containsExactly(1, 8);
    assertThat(full.weights()).containsExactly(Map.entry("ca", 0.25));
    assertThat(full.note()).isEqualTo("a = b");
    assertThat(full.ema()).isNull();
    assertThat(full.every()).isEqualTo(Duration.ofSeconds(90));
    assertThat(Recipes.with(DEFAULTS, List.of("updates=9")).updates()).isEqualTo(9);
    refusedSet(
        "updates", "--set takes key=value, as in student.learningRate=1e-4, but got 'updates'.");
    refusedSet("=3", "--set takes key=value, as in student.learningRate=1e-4, but got '=3'.");
    assertThatThrownBy(() -> parse("name: x", "name.y=1"))
        .hasMessage("--set name.y=1: 'name' is not a table in recipe.yaml; set it as a whole.");
    assertThatThrownBy(() -> parse("", "steps=[1"))
        .isInstanceOf(RunException.class)
        .hasMessageStartingWith("--set steps=[1 is not valid YAML: ");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a: &x [1]\nb: *x",
        "steps: &a [1]",
        "name: *a",
        "name: a\nname: b",
        "student:\n  <<: {warmUp: 1}",
        "name: a\n---\nname: b",
        "name: 'open",
        "a: b: c",
        "\tname: x",
        "name: \u0007",
        "{",
        "@"
      })
  void trickyYamlIsOneSentence(String yaml) {
    assertThatThrownBy(() -> parse(yaml))
        .isInstanceOf(RunException.class)
        .satisfies(
            e ->
                assertThat(e.getMessage())
                    .startsWith("recipe.yaml")
                    .doesNotContain("\n")
                    .endsWith("."));
  }

  @Test
  void bombsAreRefusedBeforeTheyGoOff() {
    StringBuilder laughs = new StringBuilder("a: &a [lol]\n");
    for (char c = 'b'; c < 'z'; c++) {
      laughs.append(c).append(": &").append(c).append(" [");
      laughs.append(("*" + (char) (c - 1) + ",").repeat(9)).append("]\n");
    }
    refused(
        laughs.toString(),
        "recipe.yaml, line 1: anchors (&name) and aliases (*name) are not used in recipes; write"
            + " the value out.");
    refused(
        "name: " + "x".repeat(300_000),
        "recipe.yaml has more than 262144 characters; a recipe is about a page.");
    refused(
        "steps: " + "[".repeat(10_000),
        "recipe.yaml is nested deeper than 32 levels; a recipe is flat.");
    assertThatThrownBy(() -> parse("updates: " + "9".repeat(5000)))
        .isInstanceOf(RunException.class)
        .satisfies(e -> assertThat(e.getMessage().length()).isLessThan(300));
  }

  @Test
  void filesThatAreNotRecipesAreNamed(@TempDir Path folder) throws Exception {
    assertThatThrownBy(() -> RECIPES.read(folder.resolve("no.yaml")))
        .hasMessage("There is no recipe " + folder.resolve("no.yaml") + "; check its path.");
    assertThatThrownBy(() -> RECIPES.read(folder)).isInstanceOf(RunException.class);
    Path latin = Files.write(folder.resolve("latin.yaml"), new byte[] {'n', ':', ' ', (byte) 0xe9});
    assertThatThrownBy(() -> RECIPES.read(latin)).hasMessageContaining("is not UTF-8");
    Path huge = Files.write(folder.resolve("huge.yaml"), new byte[2_000_000]);
    assertThatThrownBy(() -> RECIPES.read(huge)).hasMessageContaining("about a page");
    Path good = Files.writeString(folder.resolve("good.yaml"), RECIPES.write(DEFAULTS));
    assertThat(RECIPES.read(good)).isEqualTo(DEFAULTS);
  }

  @Test
  void whatNoRecipeCanHoldIsRefusedWhenTheProgramStarts() {
    assertThatThrownBy(() -> Recipes.of(Unfit.class))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("cannot hold class [I");
  }

  @Test
  void theWrittenFormIsReadable() {
    assertThat(RECIPES.write(DEFAULTS))
        .isEqualTo(
            """
            name: base
            updates: 400
            shared: true
            schedule: decoupled-hybrid
            student:
              learningRate: 5e-5
              warmUp: 10
              clip: 1.0
            fake:
              learningRate: 1e-4
              warmUp: 100
              clip: 1.0
            regulariser:
              kind: mean-variance-kl
              weight: 0.3
              bins: 4
            steps: [1, 2, 4]
            looks: []
            table: []
            weights: {}
            roles: {}
            every: 5m
            cache: "48MB"
            data: runs/data
            note: null
            ema: 0.999
            """);
  }

  @Seeded(tries = 500)
  void whatIsWrittenIsReadBack(long seed) {
    Full recipe = recipe(new SplittableRandom(seed));
    String yaml = RECIPES.write(recipe);
    assertThat(parse(yaml)).as(yaml).isEqualTo(recipe);
    assertThat(RECIPES.write(parse(yaml))).isEqualTo(yaml);
  }

  @Seeded(tries = 1000)
  void anyTextGivesARecipeOrOneSentence(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    String mixed = charactersOf(random, 12, " :[]{},\n-12e.");
    String text =
        switch (random.nextInt(3)) {
          case 0 -> characters(random, 60, true);
          case 1 -> charactersOf(random, 40, "ab:-[]{}&*!|>'\"%@#, \n\t?<=~.0123");
          default -> "student:" + mixed + "\nsteps: " + mixed;
        };
    try {
      parse(text);
    } catch (RunException e) {
      assertThat(e.getMessage()).startsWith("recipe.yaml").doesNotContain("\n");
    }
  }

  /** Texts that YAML would read as something else if they were not quoted, or quoted wrongly. */
  private static final List<String> TRICKY =
      List.of(
          "", " ", "null", "~", "true", "No", "1e3", ".5", "- a", "a: b", "a #b", "#a", "'", "\"",
          "\\", "a\nb", "é", "猫", "😀", "\u0000", "\u0085", "\u2028", "\ufeff", "---", "&a", "*a",
          "!x", "%", "@", "`", "{}", "[]", "x ", " x", "a,b", "<<", "=", ".inf");

  private static final double[] EDGES = {
    0,
    -0.0,
    1,
    -1,
    0.1,
    1e-3,
    1e7,
    0.5,
    100,
    1e-4,
    5e-5,
    123456789,
    1.0 / 3,
    Double.MIN_VALUE,
    Double.MIN_NORMAL,
    Double.MAX_VALUE,
    -Double.MAX_VALUE
  };

  private static Full recipe(SplittableRandom random) {
    Optimiser optimiser = optimiser(random);
    return new Full(
        text(random),
        whole(random),
        random.nextBoolean(),
        Schedule.values()[random.nextInt(Schedule.values().length)],
        optimiser,
        optimiser,
        regulariser(random),
        list(random, 3, r -> (int) whole(r)),
        list(random, 3, r -> new Look(text(r), list(r, 3, RecipesTest::text))),
        list(random, 3, r -> list(r, 2, RecipesTest::number)),
        map(random, 3, RecipesTest::number),
        map(random, 2, RecipesTest::optimiser),
        Duration.ofNanos((whole(random) & Long.MAX_VALUE) / 4),
        new ByteSize(whole(random) & Long.MAX_VALUE),
        Path.of(text(random).replace("\u0000", "")),
        random.nextInt(10) < 3 ? null : text(random),
        random.nextInt(10) < 3 ? null : number(random));
  }

  private static <T> List<T> list(SplittableRandom random, int most, Draw<T> draw) {
    return Stream.generate(() -> draw.from(random)).limit(random.nextInt(most + 1)).toList();
  }

  private static <T> Map<String, T> map(SplittableRandom random, int most, Draw<T> draw) {
    Map<String, T> map = new LinkedHashMap<>();
    for (int left = random.nextInt(most + 1); left > 0; left--) {
      map.put(text(random), draw.from(random));
    }
    return map;
  }

  private interface Draw<T> {
    T from(SplittableRandom random);
  }

  private static String text(SplittableRandom random) {
    return random.nextBoolean()
        ? TRICKY.get(random.nextInt(TRICKY.size()))
        : characters(random, 20, false);
  }

  /** Any characters, those of the first 256 more often; with halves of surrogate pairs if asked. */
  private static String characters(SplittableRandom random, int most, boolean halves) {
    StringBuilder text = new StringBuilder();
    for (int left = random.nextInt(most + 1); left > 0; left--) {
      int c =
          switch (random.nextInt(4)) {
            case 0 -> random.nextInt(0x80);
            case 1 -> random.nextInt(0x100);
            case 2 -> random.nextInt(0x10000);
            default -> random.nextInt(0x10000, 0x110000);
          };
      text.appendCodePoint(halves || c < 0xd800 || c > 0xdfff ? c : 0xfffd);
    }
    return text.toString();
  }

  private static String charactersOf(SplittableRandom random, int most, String characters) {
    StringBuilder text = new StringBuilder();
    for (int left = random.nextInt(most + 1); left > 0; left--) {
      text.append(characters.charAt(random.nextInt(characters.length())));
    }
    return text.toString();
  }

  /** A whole number of any magnitude and sign. */
  private static long whole(SplittableRandom random) {
    return switch (random.nextInt(8)) {
      case 0 -> Long.MIN_VALUE;
      case 1 -> Long.MAX_VALUE;
      default -> random.nextLong() >> random.nextInt(64);
    };
  }

  /** A finite number: an edge, one as people write it, or any bits. */
  private static double number(SplittableRandom random) {
    double any = Double.longBitsToDouble(random.nextLong());
    return switch (random.nextInt(4)) {
      case 0 -> EDGES[random.nextInt(EDGES.length)];
      case 1 -> random.nextInt(-100_000, 100_000) / 1000.0;
      default -> Double.isFinite(any) ? any : 0;
    };
  }

  private static Optimiser optimiser(SplittableRandom random) {
    double rate = Math.abs(number(random));
    float clip = Float.intBitsToFloat(random.nextInt());
    return new Optimiser(
        rate > 0 ? rate : Double.MIN_VALUE,
        (int) whole(random),
        Float.isFinite(clip) ? clip : Float.MAX_VALUE);
  }

  private static Regulariser regulariser(SplittableRandom random) {
    return switch (random.nextInt(4)) {
      case 0 -> new Gan(number(random));
      case 1 -> new MeanVarianceKl(number(random), (int) whole(random));
      case 2 -> Off.NONE;
      default -> new Silent();
    };
  }

  @Seeded(tries = 1000)
  void durationsRoundTrip(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    long most = Duration.ofDays(36_500).toNanos();
    long unit = List.of(1L, 1000L, 1_000_000L, 1_000_000_000L).get(random.nextInt(4));
    long nanos = random.nextLong(1 + most >> random.nextInt(62)) / unit * unit;
    Duration duration = Duration.ofNanos(random.nextInt(50) == 0 ? most : nanos);
    assertThat(Durations.parse(Durations.format(duration))).isEqualTo(duration);
  }

  @Test
  void durationsAndSizesAreReadAsPeopleWriteThem() {
    assertThat(Durations.parse("250ms")).isEqualTo(Duration.ofMillis(250));
    assertThat(Durations.parse("1.5h")).isEqualTo(Duration.ofMinutes(90));
    assertThat(Durations.parse("1d")).isEqualTo(Duration.ofDays(1));
    assertThat(Durations.parse("0")).isEqualTo(Duration.ZERO);
    assertThat(Durations.format(Duration.ofSeconds(5400))).isEqualTo("1h30m");
    assertThat(Durations.format(Duration.ZERO)).isEqualTo("0s");
    for (String bad : List.of("", "5", "m", "5 m", "-5m", "5m!", "0.0000001ms", "5x")) {
      assertThatThrownBy(() -> Durations.parse(bad))
          .hasMessageContaining("is not a length of time");
    }
    assertThat(ByteSize.parse("1.5 KiB").bytes()).isEqualTo(1536);
    assertThat(ByteSize.parse("48mb").bytes()).isEqualTo(48_000_000);
    assertThat(ByteSize.parse("7").bytes()).isEqualTo(7);
    assertThat(new ByteSize(1L << 40)).hasToString("1TiB");
    for (String bad : List.of("", "-1", "x", "1.5B", "99999999TB", "1 XB")) {
      assertThatThrownBy(() -> ByteSize.parse(bad)).isInstanceOf(IllegalArgumentException.class);
    }
  }
}
