package org.peltast.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.IntStream;

/**
 * Some 11,000 emoji of eight families on white squares, captioned, with held-out (family, concept)
 * pairs: real text-to-image data that comes with the build.
 *
 * <p>The drawings are read from a jar on the class path and drawn at the wanted size on first use;
 * the pictures are then kept in a memory-mapped file in the cache folder, which is checked whenever
 * it is opened and made again if it is damaged.
 */
public final class EmojiCorpus {
  /** Changes whenever other pictures, concepts or an other order come from the same drawings. */
  static final String DEFINITION = "emoji-1 iconify-" + IconSet.RELEASE;

  private static final String VALIDATION = "emoji/validation";

  /** Training without validation. */
  private static final String FITTED = "emoji/fitted";

  /** The sizes that can be asked for, in pixels. */
  private static final int MIN_SIZE = 8;

  private static final int MAX_SIZE = 512;

  private final PictureFile file;
  private final List<CaptionedImages.Item> items;
  private final CaptionedImages all;
  private final CaptionedImages train;
  private final CaptionedImages validation;
  private final Set<HeldOut.Pair> heldOutPairs;
  private final Set<HeldOut.Pair> validationPairs;
  private final CaptionedImages heldOut;

  /**
   * What to prepare.
   *
   * @param size height and width of the pictures in pixels, 8 to 512
   * @param concepts how many concepts to take, drawn evenly, each with all its families; 0 for all.
   *     A part keeps its part of the split between training and held-out pairs
   * @param cache the folder to keep the pictures in
   * @param preparation hears how far the drawing is
   */
  public record Options(int size, int concepts, Path cache, Preparation preparation) {
    /** All the corpus at a size, in the user's {@linkplain CacheFolder#standard cache folder}. */
    public static Options ofSize(int size) {
      return new Options(size, 0, CacheFolder.standard(), Preparation.SILENT);
    }

    /** The same of so many concepts only. */
    public Options withConcepts(int count) {
      return new Options(size, count, cache, preparation);
    }

    /** The same in another cache folder. */
    public Options withCache(Path folder) {
      return new Options(size, concepts, folder, preparation);
    }

    /** The same, telling how far it is. */
    public Options withPreparation(Preparation listener) {
      return new Options(size, concepts, cache, listener);
    }
  }

  /** How an emoji is put in words. */
  public enum Wording {
    /** Five templates. */
    PLAIN,
    /**
     * Nine templates, one of which leaves the family open, and what other families call the same
     * thing.
     */
    VARIED
  }

  /**
   * What to train on.
   *
   * @param validation whether to leave out the validation pairs ({@link #validation}) too
   * @param wording of the captions
   * @param mirrored whether to add mirrored pictures of one pair in two, with captions that say so.
   *     What has a right way round (letters, digits, arrows, signs, clocks) is not mirrored
   */
  public record Training(boolean validation, Wording wording, boolean mirrored) {
    /** All pairs that are not held out, plainly worded, as they are. */
    public static Training plain() {
      return new Training(false, Wording.PLAIN, false);
    }
  }

  private EmojiCorpus(PictureFile file) {
    this.file = file;
    this.items = file.entries().stream().map(PictureFile.Entry::item).toList();
    this.heldOutPairs = HeldOut.of(items);
    this.validationPairs = HeldOut.validation(items, heldOutPairs);
    this.all = view("emoji", item -> true);
    this.train = view("emoji/train", item -> !isIn(heldOutPairs, item));
    this.heldOut = view("emoji/held-out", item -> isIn(heldOutPairs, item));
    this.validation = view(VALIDATION, item -> isIn(validationPairs, item));
  }

  private static boolean isIn(Set<HeldOut.Pair> pairs, CaptionedImages.Item item) {
    return pairs.contains(new HeldOut.Pair(item));
  }

  /**
   * Opens the corpus, drawing it first if the cache lacks it or holds it damaged.
   *
   * @throws DataException if the drawings are not on the class path or the cache cannot be written
   */
  public static EmojiCorpus open(Options options) {
    int size = options.size();
    if (size < MIN_SIZE || size > MAX_SIZE) {
      throw new DataException(
          String.format(
              Locale.ROOT,
              "The emoji corpus can be drawn at %d to %d pixels, but %d was asked for.",
              MIN_SIZE,
              MAX_SIZE,
              size));
    }
    if (options.concepts() < 0) {
      throw new DataException(
          String.format(
              Locale.ROOT,
              "The emoji corpus was asked for %d concepts; ask for 0 (all) or more.",
              options.concepts()));
    }
    String part = options.concepts() == 0 ? "" : "-" + options.concepts() + "concepts";
    String definition = DEFINITION + part + " " + size + "px";
    Path path =
        options.cache().resolve(String.format(Locale.ROOT, "emoji-1-%dpx%s.pictures", size, part));
    return new EmojiCorpus(
        PictureCache.openOrMake(path, definition, writer -> draw(writer, options)));
  }

  /** Every picture, in order of family and name. */
  public CaptionedImages all() {
    return all;
  }

  /** The pictures to train on. */
  public CaptionedImages train() {
    return train;
  }

  /** The pictures to train on, chosen, worded and mirrored as wanted. */
  public CaptionedImages train(Training training) {
    if (training.equals(Training.plain())) {
      return train;
    }
    String name = training.validation() ? FITTED : train.name();
    Predicate<CaptionedImages.Item> filter =
        item ->
            !isIn(heldOutPairs, item) && !(training.validation() && isIn(validationPairs, item));
    CaptionedImages chosen =
        switch (training.wording()) {
          case PLAIN -> view(name, filter);
          case VARIED -> {
            EmojiSynonyms synonyms = EmojiSynonyms.of(items);
            yield view(
                name + "/varied",
                filter,
                item ->
                    EmojiCaptions.varied(item.concept(), style(item), synonyms.of(item.concept())),
                ContentHash.of(EmojiCaptions.varied("{concept}", "{style}", List.of("{synonym}")))
                    + synonyms.checksum());
          }
        };
    return training.mirrored() ? new MirroredImages(chosen) : chosen;
  }

  /**
   * The pictures of the pairs to choose hyper-parameters on: a part of {@link #train()} that {@link
   * Training#validation} leaves out, drawn like the held-out pairs.
   */
  public CaptionedImages validation() {
    return validation;
  }

  /** The pictures of the (family, concept) pairs that training does not see. */
  public CaptionedImages heldOut() {
    return heldOut;
  }

  /** The version of the rule that splits {@link #train()} from {@link #heldOut}. */
  public String splitVersion() {
    return HeldOut.VERSION;
  }

  /** The version of the rule that splits {@link #validation} from {@link #train()}. */
  public String validationVersion() {
    return HeldOut.VALIDATION_VERSION;
  }

  /**
   * Numbers of held-out pictures to evaluate on, in an order that is always the same: the families
   * take turns, so that any first part of it is balanced.
   *
   * @param count how many; if more than there are, all
   */
  public List<Integer> evaluationOrder(int count) {
    return order(heldOut, count);
  }

  /** Numbers of validation pictures in the order of {@link #evaluationOrder}. */
  public List<Integer> validationOrder(int count) {
    return order(validation, count);
  }

  private static List<Integer> order(CaptionedImages images, int count) {
    Map<String, List<Integer>> byFamily = new TreeMap<>();
    for (int i = 0; i < images.size(); i++) {
      byFamily.computeIfAbsent(images.item(i).family(), key -> new ArrayList<>()).add(i);
    }
    for (List<Integer> numbers : byFamily.values()) {
      numbers.sort(
          Comparator.comparingDouble(
              i -> ContentHash.fraction("evaluation\n" + images.item(i).source())));
    }
    List<Integer> order = new ArrayList<>();
    for (int turn = 0; order.size() < images.size(); turn++) {
      for (List<Integer> numbers : byFamily.values()) {
        if (turn < numbers.size()) {
          order.add(numbers.get(turn));
        }
      }
    }
    return List.copyOf(order.subList(0, Math.min(Math.max(0, count), order.size())));
  }

  private static void draw(PictureFile.Writer writer, Options options) throws IOException {
    int size = options.size();
    List<EmojiListing.Entry> entries = part(EmojiListing.read(), options.concepts());
    ThreadLocal<SvgRasteriser> rasteriser = ThreadLocal.withInitial(() -> new SvgRasteriser(size));
    InOrder.run(
        "drawing the emoji",
        entries.size(),
        i -> {
          byte[] rgb = new byte[size * size * 3];
          rasteriser.get().draw(entries.get(i).icon(), rgb);
          return rgb;
        },
        (i, rgb) -> {
          Icon icon = entries.get(i).icon();
          CaptionedImages.Item item =
              new CaptionedImages.Item(icon.family(), entries.get(i).concept(), icon.name());
          writer.add(new PictureFile.Entry(size, size, item), rgb);
          options.preparation().progress("drawing emoji", i + 1, entries.size());
        });
  }

  /** Whole concepts, so that the split of the part is the part of the split. */
  private static List<EmojiListing.Entry> part(List<EmojiListing.Entry> entries, int concepts) {
    if (concepts == 0) {
      return entries;
    }
    Set<String> kept =
        Set.copyOf(
            entries.stream()
                .map(EmojiListing.Entry::concept)
                .distinct()
                .sorted(
                    Comparator.comparingDouble(concept -> ContentHash.fraction("part\n" + concept)))
                .limit(concepts)
                .toList());
    return entries.stream().filter(entry -> kept.contains(entry.concept())).toList();
  }

  private CaptionedImages view(String name, Predicate<CaptionedImages.Item> filter) {
    return view(
        name,
        filter,
        item -> EmojiCaptions.of(item.concept(), style(item)),
        ContentHash.of(EmojiCaptions.of("{concept}", "{style}")));
  }

  /**
   * The pictures of some items.
   *
   * @param name says which, as it enters the checksum; the versions of {@link HeldOut} do too
   * @param wording the checksum of how the captions come about
   */
  private CaptionedImages view(
      String name,
      Predicate<CaptionedImages.Item> filter,
      Function<CaptionedImages.Item, List<String>> captions,
      String wording) {
    int[] numbers =
        IntStream.range(0, items.size()).filter(i -> filter.test(items.get(i))).toArray();
    List<String> parts = new ArrayList<>(List.of(file.checksum(), HeldOut.VERSION, name, wording));
    if (name.startsWith(FITTED) || name.equals(VALIDATION)) {
      parts.add(HeldOut.VALIDATION_VERSION);
    }
    return new PictureView(
        name, file, numbers, entry -> captions.apply(entry.item()), ContentHash.of(parts));
  }

  private static String style(CaptionedImages.Item item) {
    return EmojiFamily.ofId(item.family()).map(EmojiFamily::style).orElse(item.family());
  }
}
