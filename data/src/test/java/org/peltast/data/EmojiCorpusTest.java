package org.peltast.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmojiCorpusTest {
  private static final int CONCEPTS = 60;

  @TempDir static Path cache;
  private static EmojiCorpus corpus;
  private static final AtomicInteger drawn = new AtomicInteger();

  private static EmojiCorpus.Options options() {
    return EmojiCorpus.Options.ofSize(32)
        .withConcepts(CONCEPTS)
        .withCache(cache)
        .withPreparation((what, done, total) -> drawn.incrementAndGet());
  }

  @BeforeAll
  static void open() {
    corpus = EmojiCorpus.open(options());
  }

  private static Path file() throws IOException {
    try (var files = Files.list(cache)) {
      List<Path> all = files.toList();
      assertThat(all).as("nothing but the finished file is left").hasSize(1);
      return all.get(0);
    }
  }

  private static String pair(CaptionedImages images, int index) {
    return images.item(index).family() + "/" + images.item(index).concept();
  }

  @Test
  void trainAndHeldOutShareNoPairAndAreAll() {
    Set<String> train = new HashSet<>();
    IntStream.range(0, corpus.train().size()).forEach(i -> train.add(pair(corpus.train(), i)));
    assertThat(corpus.heldOut().size()).isPositive();
    for (int i = 0; i < corpus.heldOut().size(); i++) {
      assertThat(train).doesNotContain(pair(corpus.heldOut(), i));
    }
    assertThat(corpus.train().size() + corpus.heldOut().size()).isEqualTo(corpus.all().size());
  }

  @Test
  void listingMeetsTheCorpusDefinition() {
    List<EmojiListing.Entry> entries = EmojiListing.read();
    List<CaptionedImages.Item> items =
        entries.stream()
            .map(e -> new CaptionedImages.Item(e.icon().family(), e.concept(), e.icon().name()))
            .toList();
    assertThat(items).hasSizeBetween(10_000, 13_000).doesNotHaveDuplicates();
    Map<String, Set<String>> families = new HashMap<>();
    items.forEach(
        i -> families.computeIfAbsent(i.concept(), key -> new TreeSet<>()).add(i.family()));
    assertThat(families.get("red apple")).hasSizeGreaterThanOrEqualTo(6);
    assertThat(families.get("bear")).contains("emojione", "noto");
    assertThat(families.get("flag of japan")).contains("streamline-emojis", "emojione", "twemoji");
    assertThat(families.get("clock at six o'clock")).contains("fxemoji", "noto", "fluent-emoji");
    assertThat(families.keySet()).allMatch(c -> c.equals(c.toLowerCase(java.util.Locale.ROOT)));
    assertThat(items).noneMatch(i -> i.source().contains("skin-tone"));
    assertThat(items.stream().map(CaptionedImages.Item::family).distinct())
        .containsExactlyInAnyOrderElementsOf(
            Arrays.stream(EmojiFamily.values()).map(EmojiFamily::id).toList());

    Set<HeldOut.Pair> heldOut = HeldOut.of(items);
    long pictures = items.stream().filter(i -> heldOut.contains(new HeldOut.Pair(i))).count();
    assertThat((double) pictures / items.size()).isBetween(0.045, 0.055);
    Map<String, Integer> left = new HashMap<>();
    families.forEach(
        (concept, in) ->
            left.put(
                concept,
                (int)
                    in.stream()
                        .filter(f -> !heldOut.contains(new HeldOut.Pair(f, concept)))
                        .count()));
    assertThat(heldOut)
        .allSatisfy(
            pair -> {
              assertThat(families.get(pair.concept())).contains(pair.family());
              assertThat(left.get(pair.concept())).isGreaterThanOrEqualTo(HeldOut.OTHER_FAMILIES);
            });
    assertThat(heldOut.stream().map(HeldOut.Pair::family).distinct())
        .hasSize(EmojiFamily.values().length);

    // The part's split is a part of the split.
    for (int i = 0; i < corpus.heldOut().size(); i++) {
      assertThat(heldOut).contains(new HeldOut.Pair(corpus.heldOut().item(i)));
    }
    for (int i = 0; i < corpus.train().size(); i++) {
      assertThat(heldOut).doesNotContain(new HeldOut.Pair(corpus.train().item(i)));
    }
  }

  @Test
  void validationIsCarvedOutOfTrainingAndLeavesTheTestPairsAsTheyWere() {
    List<CaptionedImages.Item> items =
        EmojiListing.read().stream()
            .map(e -> new CaptionedImages.Item(e.icon().family(), e.concept(), e.icon().name()))
            .toList();
    Set<HeldOut.Pair> test = HeldOut.of(items);
    Set<HeldOut.Pair> validation = HeldOut.validation(items, test);
    // What figures of earlier releases were measured on.
    assertThat(test).hasSize(547);
    assertThat(
            ContentHash.of(
                test.stream().map(p -> p.family() + "/" + p.concept()).sorted().toList()))
        .isEqualTo("5d4ec063fa4d279997dbbe38996a6628c16b17876b7202151df267341744e83f");
    assertThat(validation).doesNotContainAnyElementsOf(test);
    assertThat((double) validation.size() / test.size()).isBetween(0.8, 1.1);
    assertThat(validation.stream().map(HeldOut.Pair::family).distinct())
        .hasSize(EmojiFamily.values().length);
    Map<String, Set<String>> left = new HashMap<>();
    for (CaptionedImages.Item item : items) {
      HeldOut.Pair pair = new HeldOut.Pair(item);
      if (!test.contains(pair) && !validation.contains(pair)) {
        left.computeIfAbsent(item.concept(), key -> new TreeSet<>()).add(item.family());
      }
    }
    assertThat(test)
        .allSatisfy(pair -> assertThat(left.get(pair.concept())).hasSizeGreaterThanOrEqualTo(2));
    assertThat(validation)
        .allSatisfy(pair -> assertThat(left.get(pair.concept())).hasSizeGreaterThanOrEqualTo(2));

    // The part's split is a part of the split, and its three parts are all of it.
    Set<String> fitted = new HashSet<>();
    CaptionedImages training =
        corpus.train(new EmojiCorpus.Training(true, EmojiCorpus.Wording.PLAIN, false));
    IntStream.range(0, training.size()).forEach(i -> fitted.add(pair(training, i)));
    assertThat(corpus.validation().size()).isPositive();
    for (int i = 0; i < corpus.validation().size(); i++) {
      assertThat(validation).contains(new HeldOut.Pair(corpus.validation().item(i)));
      assertThat(fitted).doesNotContain(pair(corpus.validation(), i));
    }
    assertThat(training.size() + corpus.validation().size()).isEqualTo(corpus.train().size());
    assertThat(corpus.validationOrder(1000))
        .containsExactlyInAnyOrderElementsOf(
            IntStream.range(0, corpus.validation().size()).boxed().toList());
    assertThat(
            List.of(
                training.checksum(), corpus.validation().checksum(), corpus.heldOut().checksum()))
        .doesNotHaveDuplicates()
        .doesNotContain(corpus.train().checksum());
  }

  @Test
  void plainTrainingIsTheTrainingSplitItself() {
    assertThat(corpus.train(EmojiCorpus.Training.plain())).isSameAs(corpus.train());
  }

  @Test
  void mirroredPicturesAreFlippedSaySoAndAreOfWhatHasNoRightWayRound() {
    CaptionedImages plain = corpus.train();
    CaptionedImages images =
        corpus.train(new EmojiCorpus.Training(false, EmojiCorpus.Wording.PLAIN, true));
    int added = images.size() - plain.size();
    assertThat((double) added / plain.size()).isBetween(0.25, 0.55);
    assertThat(images.checksum()).isNotEqualTo(plain.checksum());
    Map<String, Integer> bySource = new HashMap<>();
    int edge = images.width();
    byte[] original = new byte[images.bytesPerImage()];
    byte[] mirrored = new byte[images.bytesPerImage() + 5];
    for (int i = 0; i < plain.size(); i++) {
      assertThat(images.captions(i)).isEqualTo(plain.captions(i));
      bySource.put(plain.item(i).family() + "/" + plain.item(i).source(), i);
    }
    for (int i = plain.size(); i < images.size(); i++) {
      CaptionedImages.Item item = images.item(i);
      assertThat(item.concept()).doesNotContain("flag of", "letter", "keycap", "clock at", "arrow");
      assertThat(images.captions(i)).allMatch(caption -> caption.endsWith(", mirrored"));
      int of = bySource.get(item.family() + "/" + item.source());
      plain.pixels(of, original, 0);
      images.pixels(i, mirrored, 5);
      for (int p = 0; p < original.length; p++) {
        int y = p / (3 * edge);
        int x = p / 3 % edge;
        int there = 5 + 3 * (y * edge + edge - 1 - x) + p % 3;
        if (original[p] != mirrored[there]) {
          assertThat(mirrored[there]).as(item + " at " + x + ", " + y).isEqualTo(original[p]);
        }
      }
    }
    assertThat(MirroredImages.mayBe("red apple")).isTrue();
    assertThat(MirroredImages.mayBe("pile of poo")).isTrue();
    assertThat(MirroredImages.mayBe("keycap 7")).isFalse();
    assertThat(MirroredImages.mayBe("magnifying glass tilted left")).isFalse();
    assertThat(MirroredImages.mayBe("cool button")).isFalse();
  }

  @Test
  void variedWordingKeepsThePlainestFirstAndAddsOtherNames() {
    CaptionedImages plain = corpus.train();
    CaptionedImages varied =
        corpus.train(new EmojiCorpus.Training(false, EmojiCorpus.Wording.VARIED, false));
    assertThat(varied.size()).isEqualTo(plain.size());
    assertThat(varied.checksum()).isNotEqualTo(plain.checksum());
    for (int i = 0; i < plain.size(); i++) {
      assertThat(varied.captions(i))
          .doesNotHaveDuplicates()
          .containsAll(plain.captions(i))
          .hasSizeBetween(9, 13)
          .startsWith(plain.captions(i).get(0));
    }
    EmojiSynonyms synonyms =
        EmojiSynonyms.of(
            List.of(
                new CaptionedImages.Item("noto", "bear", "bear"),
                new CaptionedImages.Item("twemoji", "bear", "bear-face"),
                new CaptionedImages.Item("noto", "cat", "cat"),
                new CaptionedImages.Item("twemoji", "kitten", "cat"),
                new CaptionedImages.Item("noto", "house", "dwelling"),
                new CaptionedImages.Item("twemoji", "hut", "dwelling"),
                new CaptionedImages.Item("streamline-emojis", "dog", "dog-2")));
    assertThat(synonyms.of("bear")).containsExactly("bear face");
    assertThat(List.of("cat", "kitten", "house", "hut", "dog"))
        .allSatisfy(concept -> assertThat(synonyms.of(concept)).isEmpty());
  }

  @Test
  void picturesAreDrawnOnWhiteAndNotClipped() {
    CaptionedImages all = corpus.all();
    byte[] rgb = new byte[all.bytesPerImage()];
    int whiteCorners = 0;
    for (int i = 0; i < all.size(); i++) {
      all.pixels(i, rgb, 0);
      Set<Integer> colours = new HashSet<>();
      for (int p = 0; p < rgb.length; p += 3) {
        colours.add((rgb[p] & 255) << 16 | (rgb[p + 1] & 255) << 8 | rgb[p + 2] & 255);
      }
      assertThat(colours).as(all.item(i).toString()).hasSizeGreaterThan(1);
      if (rgb[0] == -1 && rgb[1] == -1 && rgb[2] == -1) {
        whiteCorners++;
      }
    }
    assertThat(whiteCorners).isGreaterThan(all.size() * 8 / 10);
  }

  @Test
  void everyTemplateIsUsedAndNamesFamilyAndConcept() {
    CaptionedImages train = corpus.train();
    Batches batches = new Batches(train.size(), 16, 7);
    int[] used = new int[train.captions(0).size()];
    assertThat(used.length).isGreaterThanOrEqualTo(4);
    for (int step = 0; step < 40; step++) {
      int[] indices = batches.indices(step);
      for (int i = 0; i < indices.length; i++) {
        String caption = train.caption(indices[i], batches.captionDraw(step, i));
        List<String> captions = train.captions(indices[i]);
        assertThat(captions).contains(caption).doesNotHaveDuplicates();
        used[captions.indexOf(caption)]++;
        assertThat(caption)
            .contains(train.item(indices[i]).concept())
            .contains(EmojiFamily.ofId(train.item(indices[i]).family()).orElseThrow().style());
      }
    }
    assertThat(used).doesNotContain(0);
    assertThat(Arrays.stream(used).max().orElseThrow())
        .as("about evenly")
        .isLessThan(2 * Arrays.stream(used).min().orElseThrow());
  }

  @Test
  void captionsAreEnglish() {
    assertThat(EmojiCaptions.of("red apple", "noto"))
        .startsWith("a red apple, noto style", "noto emoji of a red apple");
    assertThat(EmojiCaptions.of("octopus", "noto").get(0)).isEqualTo("an octopus, noto style");
    assertThat(EmojiCaptions.of("unicorn", "noto").get(0)).isEqualTo("a unicorn, noto style");
    assertThat(EmojiCaptions.of("flag of fiji", "noto").get(0))
        .isEqualTo("the flag of fiji, noto style");
    assertThat(EmojiCaptions.of("glasses", "noto").get(0)).isEqualTo("glasses, noto style");
    assertThat(EmojiCaptions.of("man lifting weights", "noto").get(0))
        .isEqualTo("a man lifting weights, noto style");
  }

  @Test
  void evaluationOrderIsBalancedAndItsPartsAgree() {
    List<Integer> order = corpus.evaluationOrder(1000);
    assertThat(order)
        .containsExactlyInAnyOrderElementsOf(
            IntStream.range(0, corpus.heldOut().size()).boxed().toList());
    assertThat(corpus.evaluationOrder(5)).isEqualTo(order.subList(0, 5));
    List<String> first = new ArrayList<>();
    long families = order.stream().map(i -> corpus.heldOut().item(i).family()).distinct().count();
    for (int i = 0; i < families; i++) {
      first.add(corpus.heldOut().item(order.get(i)).family());
    }
    assertThat(first).doesNotHaveDuplicates();
  }

  @Test
  void secondOpeningDrawsNothingAndIsTheSame() {
    int before = drawn.get();
    EmojiCorpus again = EmojiCorpus.open(options());
    assertThat(drawn.get()).isEqualTo(before).isGreaterThanOrEqualTo(corpus.all().size());
    assertThat(again.train().checksum())
        .isEqualTo(corpus.train().checksum())
        .isNotEqualTo(corpus.heldOut().checksum());
  }

  @Test
  void damagedCacheIsMadeAgain() throws IOException {
    Path file = file();
    byte[] good = Files.readAllBytes(file);
    byte[] bad = good.clone();
    bad[bad.length / 2] ^= 1;
    Files.write(file, bad);
    int before = drawn.get();
    EmojiCorpus again = EmojiCorpus.open(options());
    assertThat(drawn.get() - before).isEqualTo(corpus.all().size());
    assertThat(again.all().checksum()).isEqualTo(corpus.all().checksum());
    assertThat(Files.readAllBytes(file())).isEqualTo(good);
  }

  @Test
  void unusableCacheFolderIsOneSentence(@TempDir Path folder) throws IOException {
    Path notFolder = Files.writeString(folder.resolve("file"), "x");
    assertThatThrownBy(() -> EmojiCorpus.open(options().withCache(notFolder)))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("PELTAST_CACHE")
        .hasMessageContaining(notFolder.toString());
    assertThatThrownBy(() -> EmojiCorpus.open(EmojiCorpus.Options.ofSize(4096)))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("8 to 512");
  }

  @Test
  void cacheFolderHonoursTheEnvironment() {
    Path home = Path.of("/h");
    assertThat(CacheFolder.standard(Map.of("PELTAST_CACHE", "/c", "XDG_CACHE_HOME", "/x"), home))
        .isEqualTo(Path.of("/c"));
    assertThat(CacheFolder.standard(Map.of("XDG_CACHE_HOME", "/x"), home))
        .isEqualTo(Path.of("/x/peltast"));
    assertThat(CacheFolder.standard(Map.of("XDG_CACHE_HOME", "x"), home))
        .isEqualTo(Path.of("/h/.cache/peltast"));
    assertThat(CacheFolder.standard(Map.of(), home)).isEqualTo(Path.of("/h/.cache/peltast"));
  }
}
