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

  /** The sizes that can be asked for, in pixels. */
  private static final int MIN_SIZE = 8;

  private static final int MAX_SIZE = 512;

  private final PictureFile file;
  private final List<CaptionedImages.Item> items;
  private final CaptionedImages all;
  private final CaptionedImages train;
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

  private EmojiCorpus(PictureFile file) {
    this.file = file;
    this.items = file.entries().stream().map(PictureFile.Entry::item).toList();
    Set<HeldOut.Pair> pairs = HeldOut.of(items);
    this.all = view("emoji", item -> true);
    this.train = view("emoji/train", item -> !pairs.contains(new HeldOut.Pair(item)));
    this.heldOut = view("emoji/held-out", item -> pairs.contains(new HeldOut.Pair(item)));
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

  /** The pictures of the (family, concept) pairs that training does not see. */
  public CaptionedImages heldOut() {
    return heldOut;
  }

  /** The version of the rule that splits {@link #train} from {@link #heldOut}. */
  public String splitVersion() {
    return HeldOut.VERSION;
  }

  /**
   * Numbers of held-out pictures to evaluate on, in an order that is always the same: the families
   * take turns, so that any first part of it is balanced.
   *
   * @param count how many; if more than there are, all
   */
  public List<Integer> evaluationOrder(int count) {
    Map<String, List<Integer>> byFamily = new TreeMap<>();
    for (int i = 0; i < heldOut.size(); i++) {
      byFamily.computeIfAbsent(heldOut.item(i).family(), key -> new ArrayList<>()).add(i);
    }
    for (List<Integer> numbers : byFamily.values()) {
      numbers.sort(
          Comparator.comparingDouble(
              i -> Checksums.fraction("evaluation\n" + heldOut.item(i).source())));
    }
    List<Integer> order = new ArrayList<>();
    for (int turn = 0; order.size() < heldOut.size(); turn++) {
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
                    Comparator.comparingDouble(concept -> Checksums.fraction("part\n" + concept)))
                .limit(concepts)
                .toList());
    return entries.stream().filter(entry -> kept.contains(entry.concept())).toList();
  }

  private CaptionedImages view(String name, Predicate<CaptionedImages.Item> filter) {
    int[] numbers =
        IntStream.range(0, items.size()).filter(i -> filter.test(items.get(i))).toArray();
    String checksum =
        Checksums.of(
            List.of(
                file.checksum(),
                HeldOut.VERSION,
                name,
                Checksums.of(EmojiCaptions.of("{concept}", "{style}"))));
    return new PictureView(name, file, numbers, EmojiCorpus::captions, checksum);
  }

  private static List<String> captions(CaptionedImages.Item item) {
    String style = EmojiFamily.ofId(item.family()).map(EmojiFamily::style).orElse(item.family());
    return EmojiCaptions.of(item.concept(), style);
  }
}
