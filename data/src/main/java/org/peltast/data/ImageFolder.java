package org.peltast.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.peltast.pictures.PictureDecoder;
import org.peltast.pictures.PictureKinds;
import org.peltast.pictures.Resampler;

/**
 * A folder of pictures with captions.
 *
 * <p>The captions stand in {@code metadata.jsonl} or {@code metadata.csv}, which name the pictures
 * of their folder and of those in it; or, where there is no such file, beside each picture: {@code
 * name.txt} beside {@code name.png}, in folders within folders too. {@code docs/data.md} has the
 * table of endings and keys. Links are followed, and what systems leave in folders ({@code
 * .DS_Store}) is passed over. A picture that cannot be used is left out, and {@link #skipped} names
 * it and says why; {@link #notes} counts what else is not read; a mistake in a metadata file itself
 * is an error.
 *
 * <p>On first use every picture is decoded, turned upright, put on white and scaled, on all cores,
 * into a file in the cache folder like the emoji corpus's; it is made again when a caption, a
 * file's content or the options change. For that every file is read on every opening.
 */
public final class ImageFolder {
  private static final String VERSION = "folder-3";
  private static final int MIN_SIZE = 8;
  private static final int MAX_SIZE = 2048;

  private final List<CaptionedImages> groups;
  private final List<String> notes;
  private final List<String> skipped;

  /** How pictures are brought to size. */
  public enum Fit {
    /** Each picture's largest centred square, scaled. */
    CENTRE_CROP,
    /**
     * Each picture goes to the group with the nearest of seven aspect ratios from 9:16 to 16:9, all
     * of about as many pixels, and loses no more than that ratio cuts off.
     */
    BUCKETS
  }

  /**
   * How to read a folder.
   *
   * @param size height and width of a square picture in pixels, 8 to 2048
   * @param fit how other pictures are brought to size
   * @param cache the folder to keep the scaled pictures in
   * @param preparation hears how far the decoding is
   * @param captionKey the key of captions in a metadata file; empty for the usual ones
   */
  public record Options(int size, Fit fit, Path cache, Preparation preparation, String captionKey) {
    /** Squares of a size, kept in the user's {@linkplain CacheFolder#standard cache folder}. */
    public static Options ofSize(int size) {
      return new Options(size, Fit.CENTRE_CROP, CacheFolder.standard(), Preparation.SILENT, "");
    }

    /** The same, brought to size in another way. */
    public Options withFit(Fit other) {
      return new Options(size, other, cache, preparation, captionKey);
    }

    /** The same in another cache folder. */
    public Options withCache(Path folder) {
      return new Options(size, fit, folder, preparation, captionKey);
    }

    /** The same, telling how far it is. */
    public Options withPreparation(Preparation listener) {
      return new Options(size, fit, cache, listener, captionKey);
    }

    /** The same with captions under a key of its own. */
    public Options withCaptionKey(String key) {
      return new Options(size, fit, cache, preparation, key);
    }
  }

  /** A scaled picture, or why there is none. */
  private sealed interface Outcome {
    @SuppressWarnings("ArrayRecordComponent") // Handed from one thread to the next, never compared.
    record Picture(PictureFile.Entry entry, byte[] rgb) implements Outcome {}

    record Problem(String reason) implements Outcome {}
  }

  private ImageFolder(Path folder, PictureFile file) {
    Map<String, List<Integer>> bySize = new TreeMap<>();
    for (int i = 0; i < file.entries().size(); i++) {
      PictureFile.Entry entry = file.entries().get(i);
      bySize
          .computeIfAbsent(
              String.format(Locale.ROOT, "%dx%d", entry.width(), entry.height()),
              k -> new ArrayList<>())
          .add(i);
    }
    List<CaptionedImages> views = new ArrayList<>();
    bySize.forEach(
        (size, numbers) ->
            views.add(
                new PictureView(
                    folder.getFileName() + "/" + size,
                    file,
                    numbers.stream().mapToInt(Integer::intValue).toArray(),
                    ImageFolder::captions,
                    ContentHash.of(List.of(file.content(), size)))));
    // The largest group first.
    views.sort(
        Comparator.comparingInt(CaptionedImages::size)
            .reversed()
            .thenComparing(CaptionedImages::name));
    this.groups = List.copyOf(views);
    this.skipped = file.notes().stream().filter(note -> note.startsWith("The picture ")).toList();
    this.notes = file.notes().stream().filter(note -> !skipped.contains(note)).toList();
  }

  private static List<String> captions(PictureFile.Entry entry) {
    List<String> all = new ArrayList<>(List.of(entry.item().concept()));
    all.addAll(entry.more());
    return all;
  }

  /**
   * Reads a folder.
   *
   * @throws DataException if it does not exist, a metadata file has a mistake, or no picture can be
   *     used
   */
  public static ImageFolder open(Path folder, Options options) {
    int size = options.size();
    if (size < MIN_SIZE || size > MAX_SIZE) {
      throw new DataException(
          String.format(
              Locale.ROOT,
              "Pictures can be brought to %d to %d pixels, but %d was asked for.",
              MIN_SIZE,
              MAX_SIZE,
              size));
    }
    if (!Files.isDirectory(folder)) {
      throw new DataException(
          String.format(
              Locale.ROOT, "The picture folder %s does not exist, or is not a folder.", folder));
    }
    Path root = folder.toAbsolutePath().normalize();
    CaptionedFiles files = CaptionedFiles.of(root, options.captionKey());
    List<CaptionedFiles.Listed> listed = files.pictures();
    if (listed.isEmpty()) {
      throw new DataException(
          String.format(
              Locale.ROOT,
              "The folder %s has no picture (%s) to read.%s",
              folder,
              PictureKinds.ENDINGS.stream()
                  .map(ending -> "." + ending)
                  .collect(Collectors.joining(", ")),
              files.notes().stream()
                  .limit(3)
                  .map(note -> " " + note)
                  .collect(Collectors.joining())));
    }
    String definition = definition(files, options);
    Path path =
        options
            .cache()
            .resolve(
                String.format(
                    Locale.ROOT,
                    "folder-%s-%dpx-%s.pictures",
                    ContentHash.of(List.of(root.toString())).substring(0, 16),
                    size,
                    options.fit().name().toLowerCase(Locale.ROOT)));
    PictureFile file =
        PictureCache.openOrMake(path, definition, writer -> decode(files, options, writer));
    ImageFolder opened = new ImageFolder(root, file);
    if (opened.groups.isEmpty()) {
      throw new DataException(
          String.format(
              Locale.ROOT,
              "None of the %d pictures in %s can be used: %s",
              listed.size(),
              folder,
              opened.skipped.get(0)));
    }
    return opened;
  }

  /**
   * The pictures, as one collection for each size, the largest collection first. With {@link
   * Fit#CENTRE_CROP} it is just one.
   */
  public List<CaptionedImages> groups() {
    return groups;
  }

  /** One sentence for each picture that was left out: its name, and why. */
  public List<String> skipped() {
    return skipped;
  }

  /** Sentences about captions that were cut, and about what in the folder is not read. */
  public List<String> notes() {
    return notes;
  }

  /** Changes whenever what would be written changes: with each byte of each file. */
  private static String definition(CaptionedFiles files, Options options) {
    List<CaptionedFiles.Listed> listed = files.pictures();
    List<String> parts = new ArrayList<>(files.notes());
    parts.add(VERSION);
    parts.add(options.size() + " " + options.fit());
    try {
      InOrder.run(
          "reading pictures",
          listed.size(),
          i -> checksum(listed.get(i)),
          (i, checksum) -> {
            parts.add(listed.get(i).name());
            parts.add(listed.get(i).captions().size() + "");
            parts.addAll(listed.get(i).captions());
            parts.add(String.valueOf(listed.get(i).problem()));
            parts.add(checksum);
          });
    } catch (IOException e) {
      throw new IllegalStateException(e); // each picture answers for itself
    }
    return VERSION + " " + ContentHash.of(parts);
  }

  private static String checksum(CaptionedFiles.Listed listed) {
    if (listed.problem() != null) {
      return "skipped";
    }
    try {
      return ContentHash.of(listed.file());
    } catch (IOException e) {
      return "unreadable";
    }
  }

  private static void decode(CaptionedFiles files, Options options, PictureFile.Writer writer)
      throws IOException {
    List<CaptionedFiles.Listed> listed = files.pictures();
    List<Size> sizes = sizes(options.size(), options.fit());
    InOrder.run(
        "decoding pictures",
        listed.size(),
        i -> decode(listed.get(i), sizes),
        (i, outcome) -> {
          if (outcome instanceof Outcome.Picture picture) {
            writer.add(picture.entry(), picture.rgb());
          } else if (outcome instanceof Outcome.Problem problem) {
            writer.note(
                String.format(
                    Locale.ROOT, "The picture %s %s.", listed.get(i).name(), problem.reason()));
          }
          options.preparation().progress("decoding pictures", i + 1, listed.size());
        });
    files.notes().forEach(writer::note);
  }

  private static Outcome decode(CaptionedFiles.Listed listed, List<Size> sizes) {
    if (listed.problem() != null) {
      return new Outcome.Problem(listed.problem());
    }
    if (!Files.isRegularFile(listed.file())) {
      return new Outcome.Problem("does not exist, or is not a file");
    }
    try {
      PictureDecoder.Decoded picture = PictureDecoder.decode(listed.file());
      double ratio = Math.log((double) picture.width / picture.height);
      Size size =
          sizes.stream()
              .min(Comparator.comparingDouble(s -> Math.abs(ratio - s.logRatio())))
              .orElseThrow();
      byte[] rgb =
          Resampler.cover(picture.rgb, picture.width, picture.height, size.width(), size.height());
      CaptionedImages.Item item =
          new CaptionedImages.Item("", listed.captions().get(0), listed.name());
      List<String> more = listed.captions().subList(1, listed.captions().size());
      return new Outcome.Picture(
          new PictureFile.Entry(size.width(), size.height(), item, more), rgb);
    } catch (PictureDecoder.Unusable e) {
      return new Outcome.Problem(e.reason());
    }
  }

  /** A size that pictures are brought to, in pixels. */
  record Size(int width, int height) {
    double logRatio() {
      return Math.log((double) width / height);
    }
  }

  /**
   * The sizes of the groups. Their sides are multiples of 16 (of 8 below 128 pixels), so that a
   * codec of factor 8 and patches of 2 divide them.
   */
  static List<Size> sizes(int size, Fit fit) {
    if (fit == Fit.CENTRE_CROP) {
      return List.of(new Size(size, size));
    }
    int unit = size >= 128 ? 16 : 8;
    int[][] ratios = {{1, 1}, {4, 3}, {3, 4}, {3, 2}, {2, 3}, {16, 9}, {9, 16}};
    List<Size> sizes = new ArrayList<>();
    for (int[] ratio : ratios) {
      double root = Math.sqrt((double) ratio[0] / ratio[1]);
      Size one = new Size(multiple(size * root, unit), multiple(size / root, unit));
      if (!sizes.contains(one)) {
        sizes.add(one);
      }
    }
    return sizes;
  }

  private static int multiple(double pixels, int unit) {
    return (int) Math.max(unit, Math.round(pixels / unit) * unit);
  }
}
