package org.peltast.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

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

  private static final Logger LOG = LoggerFactory.getLogger(EmojiCorpus.class);

  private final PictureFile file;
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
    this.all = new View("emoji", IntStream.range(0, file.items().size()).toArray());
    Set<HeldOut.Pair> pairs = HeldOut.of(file.items());
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
          "The emoji corpus can be drawn at %d to %d pixels, but %d was asked for."
              .formatted(MIN_SIZE, MAX_SIZE, size));
    }
    if (options.concepts() < 0) {
      throw new DataException(
          "The emoji corpus was asked for %d concepts; ask for 0 (all) or more."
              .formatted(options.concepts()));
    }
    String part = options.concepts() == 0 ? "" : "-" + options.concepts() + "concepts";
    String definition = DEFINITION + part;
    Path path = options.cache().resolve("emoji-1-%dpx%s.pictures".formatted(size, part));
    try {
      if (Files.exists(path)) {
        try {
          return new EmojiCorpus(PictureFile.open(path, definition, size));
        } catch (PictureFile.Damaged e) {
          LOG.warn("The cache file {} {}; it is made again.", path, e.getMessage());
        }
      }
      draw(path, definition, options);
      return new EmojiCorpus(PictureFile.open(path, definition, size));
    } catch (PictureFile.Damaged e) {
      throw new DataException(
          "The cache file %s %s although it was just written; check the disk, or set PELTAST_CACHE to another folder."
              .formatted(path, e.getMessage()),
          e);
    } catch (IOException e) {
      throw new DataException(
          "The cache file %s cannot be written or read (%s); free space there, or set PELTAST_CACHE to another folder."
              .formatted(path, e),
          e);
    }
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

  private static void draw(Path path, String definition, Options options) throws IOException {
    List<EmojiListing.Entry> entries = part(EmojiListing.read(), options.concepts());
    List<CaptionedImages.Item> items =
        entries.stream()
            .map(
                entry ->
                    new CaptionedImages.Item(
                        entry.icon().family(), entry.concept(), entry.icon().name()))
            .toList();
    PictureFile.write(
        path,
        definition,
        options.size(),
        items,
        sink -> paint(entries, options.size(), sink, options.preparation()));
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

  private static void paint(
      List<EmojiListing.Entry> entries, int size, PictureFile.Sink sink, Preparation preparation)
      throws IOException {
    int threads = Math.max(1, Runtime.getRuntime().availableProcessors());
    ExecutorService pool =
        Executors.newFixedThreadPool(
            threads,
            work -> {
              Thread thread = new Thread(work, "peltast-draw");
              thread.setDaemon(true);
              return thread;
            });
    try {
      AtomicInteger next = new AtomicInteger();
      AtomicInteger done = new AtomicInteger();
      List<Future<?>> workers = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        workers.add(
            pool.submit(
                () -> {
                  SvgRasteriser rasteriser = new SvgRasteriser(size);
                  byte[] rgb = new byte[size * size * 3];
                  for (int j = next.getAndIncrement();
                      j < entries.size();
                      j = next.getAndIncrement()) {
                    rasteriser.draw(entries.get(j).icon(), rgb);
                    sink.picture(j, rgb);
                    synchronized (done) {
                      preparation.progress("drawing emoji", done.incrementAndGet(), entries.size());
                    }
                  }
                  return null;
                }));
      }
      for (Future<?> worker : workers) {
        worker.get();
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException io) {
        throw io;
      }
      if (e.getCause() instanceof DataException data) {
        throw data;
      }
      throw new DataException("The emoji could not be drawn: " + e.getCause(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DataException("The drawing of the emoji was interrupted; start it again.", e);
    } finally {
      pool.shutdownNow();
    }
  }

  private View view(String name, Predicate<CaptionedImages.Item> filter) {
    List<CaptionedImages.Item> items = file.items();
    return new View(
        name, IntStream.range(0, items.size()).filter(i -> filter.test(items.get(i))).toArray());
  }

  /** Some of the file's pictures. */
  private final class View implements CaptionedImages {
    private final String name;
    private final int[] numbers;

    View(String name, int[] numbers) {
      this.name = name;
      this.numbers = numbers;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public int size() {
      return numbers.length;
    }

    @Override
    public int height() {
      return file.size();
    }

    @Override
    public int width() {
      return file.size();
    }

    @Override
    public Item item(int index) {
      return file.items().get(numbers[index]);
    }

    @Override
    public List<String> captions(int index) {
      Item item = item(index);
      String style = EmojiFamily.ofId(item.family()).map(EmojiFamily::style).orElse(item.family());
      return EmojiCaptions.of(item.concept(), style);
    }

    @Override
    public void pixels(int index, byte[] rgb, int offset) {
      file.pixels(numbers[index], rgb, offset);
    }

    @Override
    public String checksum() {
      return Checksums.of(List.of(file.checksum(), HeldOut.VERSION, name, captionsVersion()));
    }

    private String captionsVersion() {
      return Checksums.of(EmojiCaptions.of("{concept}", "{style}"));
    }
  }
}
