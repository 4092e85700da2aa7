package org.peltast.data;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A folder of pictures with captions.
 *
 * <p>The captions stand in {@code metadata.jsonl}, one object a line with {@code file_name} and
 * {@code text} (or {@code caption}); or, if there is no such file, beside each picture: {@code
 * name.txt} beside {@code name.png}, {@code .jpg}, {@code .jpeg} or {@code .webp}, in folders
 * within folders too. A picture that cannot be used is left out, and {@link #skipped} names it and
 * says why; a mistake in {@code metadata.jsonl} itself is an error.
 *
 * <p>On first use every picture is decoded, turned upright, put on white and scaled, on all cores,
 * into a file in the cache folder like the emoji corpus's; it is made again when a caption, a file
 * or the options change.
 */
public final class ImageFolder {
  private static final String VERSION = "folder-1";
  private static final String METADATA = "metadata.jsonl";
  private static final Set<String> EXTENSIONS = Set.of("png", "jpg", "jpeg", "webp");
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
   */
  public record Options(int size, Fit fit, Path cache, Preparation preparation) {
    /** Squares of a size, kept in the user's {@linkplain CacheFolder#standard cache folder}. */
    public static Options ofSize(int size) {
      return new Options(size, Fit.CENTRE_CROP, CacheFolder.standard(), Preparation.SILENT);
    }

    /** The same, brought to size in another way. */
    public Options withFit(Fit other) {
      return new Options(size, other, cache, preparation);
    }

    /** The same in another cache folder. */
    public Options withCache(Path folder) {
      return new Options(size, fit, folder, preparation);
    }

    /** The same, telling how far it is. */
    public Options withPreparation(Preparation listener) {
      return new Options(size, fit, cache, listener);
    }
  }

  /**
   * A picture and its caption as the folder states them; without a caption if it is to be skipped.
   */
  private record Listed(Path file, String name, String caption, @Nullable String problem) {}

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
                    item -> List.of(item.concept()),
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

  /**
   * Reads a folder.
   *
   * @throws DataException if it does not exist, {@code metadata.jsonl} has a mistake, or no picture
   *     can be used
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
    List<String> notes = new ArrayList<>();
    Path metadata = root.resolve(METADATA);
    List<Listed> listed =
        Files.exists(metadata) ? fromMetadata(root, metadata, notes) : fromTexts(root, notes);
    if (listed.isEmpty()) {
      throw new DataException(
          String.format(
              Locale.ROOT,
              "The folder %s has no picture (.png, .jpg, .jpeg or .webp) to read.",
              folder));
    }
    String definition = definition(listed, notes, options);
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
        PictureCache.openOrMake(path, definition, writer -> decode(listed, notes, options, writer));
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

  /** One sentence for each caption that was cut. */
  public List<String> notes() {
    return notes;
  }

  private static List<Listed> fromMetadata(Path root, Path metadata, List<String> notes) {
    List<Listed> listed = new ArrayList<>();
    int number = 0;
    for (String line : PromptList.lines(metadata)) {
      number++;
      if (line.isBlank()) {
        continue;
      }
      String where = String.format(Locale.ROOT, "Line %d of %s", number, metadata);
      JsonLine object = JsonLine.parse(line, where);
      String name = object.required("file_name");
      String caption = object.required("text", "caption");
      Path file = inside(root, name, where);
      listed.add(listed(file, name, caption, where, notes));
    }
    return listed;
  }

  /** Resolves a name that must not lead out of the folder. */
  private static Path inside(Path root, String name, String where) {
    try {
      Path relative = Path.of(name);
      Path file = root.resolve(relative).normalize();
      if (!relative.isAbsolute() && file.startsWith(root) && !file.equals(root)) {
        return file;
      }
    } catch (InvalidPathException e) {
      // Refused like a name that leads out.
    }
    throw new DataException(
        String.format(
            Locale.ROOT,
            "%s names the file \"%s\", which is not in the folder; give a path within it.",
            where,
            CaptionText.oneLine(name)));
  }

  private static Listed listed(
      Path file, String name, String caption, String where, List<String> notes) {
    String clean = CaptionText.oneLine(caption);
    if (CaptionText.isLong(clean)) {
      notes.add(
          String.format(
              Locale.ROOT,
              "The caption of %s (%s) is longer than %d characters and was cut.",
              name,
              where,
              CaptionText.MAX_CHARACTERS));
    }
    return new Listed(
        file, name, CaptionText.cut(clean), clean.isEmpty() ? "has an empty caption" : null);
  }

  private static List<Listed> fromTexts(Path root, List<String> notes) {
    List<Path> pictures = new ArrayList<>();
    try {
      // Links to folders are not followed, so that no loop of links can hold us.
      Files.walkFileTree(
          root,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
              if (EXTENSIONS.contains(extension(file)) && Files.isRegularFile(file)) {
                pictures.add(file);
              }
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException e) {
              notes.add(String.format(Locale.ROOT, "%s cannot be looked into: %s.", file, e));
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      throw new DataException(
          String.format(Locale.ROOT, "The folder %s cannot be read: %s.", root, e), e);
    }
    pictures.sort(Comparator.comparing(path -> name(root, path)));
    List<Listed> listed = new ArrayList<>();
    for (Path picture : pictures) {
      String file = String.valueOf(picture.getFileName());
      Path text =
          picture.resolveSibling(
              file.substring(0, file.length() - extension(picture).length()) + "txt");
      String name = name(root, picture);
      if (!Files.isRegularFile(text)) {
        listed.add(
            new Listed(picture, name, "", "has no caption: there is no " + name(root, text)));
        continue;
      }
      try {
        String caption = String.join(" ", PromptList.lines(text));
        listed.add(listed(picture, name, caption, name(root, text), notes));
      } catch (DataException e) {
        listed.add(new Listed(picture, name, "", "has an unusable caption: " + e.getMessage()));
      }
    }
    return listed;
  }

  private static String name(Path root, Path file) {
    return root.relativize(file).toString().replace('\\', '/');
  }

  private static String extension(Path file) {
    String name = String.valueOf(file.getFileName());
    return name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
  }

  /** Changes whenever what would be written changes, as far as can be told without decoding. */
  private static String definition(List<Listed> listed, List<String> notes, Options options) {
    List<String> parts = new ArrayList<>(notes);
    parts.add(VERSION);
    parts.add(options.size() + " " + options.fit());
    for (Listed one : listed) {
      parts.add(one.name());
      parts.add(one.caption());
      parts.add(String.valueOf(one.problem()));
      try {
        parts.add(Files.size(one.file()) + " " + Files.getLastModifiedTime(one.file()).toMillis());
      } catch (IOException e) {
        parts.add("missing");
      }
    }
    return VERSION + " " + ContentHash.of(parts);
  }

  private static void decode(
      List<Listed> listed, List<String> notes, Options options, PictureFile.Writer writer)
      throws IOException {
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
    notes.forEach(writer::note);
  }

  private static Outcome decode(Listed listed, List<Size> sizes) {
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
      CaptionedImages.Item item = new CaptionedImages.Item("", listed.caption(), listed.name());
      return new Outcome.Picture(new PictureFile.Entry(size.width(), size.height(), item), rgb);
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
