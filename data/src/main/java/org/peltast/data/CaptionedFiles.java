package org.peltast.data;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.peltast.pictures.PictureKinds;

/**
 * The pictures of a folder with their captions, as its files state them, before any is decoded.
 *
 * <p>A {@link MetadataFile} rules the folder that it lies in and the folders below; where there is
 * none, a caption lies beside its picture. What is in the folder and is not read is counted.
 */
final class CaptionedFiles {
  /** The endings of captions beside pictures, in the order in which they count. */
  static final List<String> CAPTION_ENDINGS = List.of("txt", "caption", "md", "text");

  /** How many files are named where many are counted. */
  private static final int NAMED = 3;

  /** Files that may be lists under another name or in another form. */
  private static final Pattern LISTS =
      Pattern.compile("(?i)(?:.*/)?(?:metadata\\.[^/]*|[^/]*\\.(?:jsonl?|csv|tsv|parquet|xlsx?))");

  private static final Pattern REPEATS = Pattern.compile("(?:.*/)?\\d+_[^/]+/");
  private static final Set<String> OTHER_SPLITS =
      Set.of("test", "testing", "eval", "evaluation", "validation", "valid", "val", "dev");

  /**
   * A picture, and what is said of it.
   *
   * @param name below the folder
   * @param captions cleaned; empty if there is a problem
   * @param problem why it is to be skipped, in words after "The picture X …"; null if it is not
   */
  record Listed(Path file, String name, List<String> captions, @Nullable String problem) {}

  private final Path root;
  private final FolderListing listing;
  private final List<Listed> pictures = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();

  /** The files that were read, or whose picture could not be. */
  private final Set<Path> used = new HashSet<>();

  private CaptionedFiles(Path root) {
    this.root = root;
    this.listing = FolderListing.of(root);
    notes.addAll(listing.notes());
  }

  /**
   * Reads a folder.
   *
   * @param captionKey the key of captions in a metadata file; empty for the usual ones
   * @throws DataException if it cannot be read, or a metadata file has a mistake
   */
  static CaptionedFiles of(Path root, String captionKey) {
    CaptionedFiles read = new CaptionedFiles(root);
    Map<String, FolderListing.Found> lists = read.lists();
    lists.values().forEach(list -> read.takeList(list, captionKey));
    List<String> unlisted = new ArrayList<>();
    for (FolderListing.Found file : read.listing.files()) {
      if (read.used.contains(file.path()) || !PictureKinds.isRead(file.ending())) {
        continue;
      }
      if (ruling(lists, file.folder()) != null) {
        unlisted.add(file.name());
      } else {
        read.takeCaptioned(file);
      }
      read.used.add(file.path());
    }
    read.tell(lists, unlisted);
    return read;
  }

  /** The pictures: those of lists in their order, and then others by name. */
  List<Listed> pictures() {
    return pictures;
  }

  /** Sentences about captions that were cut, and about files that are not read. */
  List<String> notes() {
    return notes;
  }

  /** The metadata files, by the folder that they rule. */
  private Map<String, FolderListing.Found> lists() {
    Map<String, FolderListing.Found> lists = new TreeMap<>();
    for (String name : MetadataFile.NAMES) {
      for (FolderListing.Found file : listing.files()) {
        if (file.name().substring(file.folder().length()).equalsIgnoreCase(name)) {
          lists.putIfAbsent(file.folder(), file);
        }
      }
    }
    return lists;
  }

  /** The list that rules a folder: its own, or that of the nearest folder above. */
  private static FolderListing.@Nullable Found ruling(
      Map<String, FolderListing.Found> lists, String folder) {
    for (String at = folder; ; at = at.substring(0, at.lastIndexOf('/', at.length() - 2) + 1)) {
      FolderListing.Found list = lists.get(at);
      if (list != null || at.isEmpty()) {
        return list;
      }
    }
  }

  private void takeList(FolderListing.Found list, String captionKey) {
    used.add(list.path());
    for (MetadataFile.Row row : MetadataFile.read(list, captionKey)) {
      FolderListing.Found file;
      try {
        file = listing.find(list.folder(), row.file());
        if (file == null) {
          file = listing.find("", row.file()); // some tools name files from the top
        }
      } catch (IllegalArgumentException e) {
        throw new DataException(
            String.format(
                Locale.ROOT,
                "%s names the file \"%s\", which is not in the folder; give a path within it.",
                row.where(),
                CaptionText.oneLine(row.file())));
      }
      if (file == null) {
        String name = CaptionText.oneLine(list.folder() + row.file());
        pictures.add(
            new Listed(
                root,
                name,
                List.of(),
                canBeSpelt(row.file()) ? "does not exist, or is not a file" : cannotBeSpelt()));
        continue;
      }
      used.add(file.path());
      if (row.captions().isEmpty()) {
        String where =
            row.where().substring(0, 1).toLowerCase(Locale.ROOT) + row.where().substring(1);
        pictures.add(
            new Listed(
                file.path(),
                file.name(),
                List.of(),
                "has no caption: in " + where + " it is null or missing"));
      } else {
        pictures.add(listed(file, row.captions(), row.where()));
      }
    }
  }

  private void takeCaptioned(FolderListing.Found picture) {
    FolderListing.Found text = captionOf(picture);
    String folder = picture.folder();
    if (text == null) {
      pictures.add(
          new Listed(
              picture.path(),
              picture.name(),
              List.of(),
              "has no caption: there is no "
                  + picture.stem()
                  + "."
                  + CAPTION_ENDINGS.get(0)
                  + unreadList(folder)));
      return;
    }
    used.add(text.path());
    if (listing.isAmbiguous(picture.name()) || listing.isAmbiguous(text.name())) {
      pictures.add(new Listed(picture.path(), picture.name(), List.of(), cannotBeSpelt()));
      return;
    }
    try {
      String caption = String.join(" ", PromptList.lines(text.path()));
      pictures.add(listed(picture, List.of(caption), text.name()));
    } catch (DataException e) {
      String message = String.valueOf(e.getMessage());
      pictures.add(
          new Listed(
              picture.path(),
              picture.name(),
              List.of(),
              "has an unusable caption: " + message.replaceFirst("\\.$", "")));
    }
  }

  /** {@code a.txt} beside {@code a.png}, or {@code a.png.txt}, or another ending of captions. */
  private FolderListing.@Nullable Found captionOf(FolderListing.Found picture) {
    for (String before : List.of(picture.stem(), picture.name())) {
      for (String ending : CAPTION_ENDINGS) {
        FolderListing.Found text = listing.beside(before + "." + ending);
        if (text != null) {
          return text;
        }
      }
    }
    return null;
  }

  private Listed listed(FolderListing.Found file, List<String> captions, String where) {
    List<String> clean = new ArrayList<>();
    for (String caption : captions) {
      String line = CaptionText.oneLine(caption);
      if (CaptionText.isLong(line)) {
        notes.add(
            String.format(
                Locale.ROOT,
                "The caption of %s (%s) is longer than %d characters and was cut.",
                file.name(),
                where,
                CaptionText.MAX_CHARACTERS));
      }
      if (!line.isEmpty()) {
        clean.add(CaptionText.cut(line));
      }
    }
    String problem =
        clean.isEmpty()
            ? "has an empty caption"
            : file.isThere() ? null : "is a link that leads nowhere";
    return new Listed(file.path(), file.name(), clean, problem);
  }

  /** A list of captions of a kind that is not read. */
  private String unreadList(String folder) {
    return listing.files().stream()
        .filter(f -> f.folder().equals(folder) || f.folder().isEmpty())
        .map(FolderListing.Found::name)
        .filter(name -> LISTS.matcher(name).matches())
        .findFirst()
        .map(
            name ->
                ", and " + name + " is not read: if it lists captions, save it as metadata.jsonl")
        .orElse("");
  }

  private static boolean canBeSpelt(String name) {
    try {
      return Path.of(name).getNameCount() > 0;
    } catch (InvalidPathException e) {
      return false;
    }
  }

  private static String cannotBeSpelt() {
    return String.format(
        Locale.ROOT,
        "has a name that Java cannot tell from others here, where the encoding of file names is %s; set LC_ALL=C.UTF-8, or rename it",
        System.getProperty("sun.jnu.encoding"));
  }

  // ------------------------------------------------------------------ what is told

  private void tell(Map<String, FolderListing.Found> lists, List<String> unlisted) {
    if (!unlisted.isEmpty()) {
      notes.add(
          String.format(
              Locale.ROOT,
              "%s not listed in %s and left out: %s.",
              unlisted.size() == 1 ? "1 picture is" : unlisted.size() + " pictures are",
              some(lists.values().stream().map(FolderListing.Found::name).toList()),
              some(unlisted)));
    }
    Map<String, List<String>> byEnding = new TreeMap<>();
    Map<String, List<String>> others = new LinkedHashMap<>();
    for (FolderListing.Found file : listing.files()) {
      if (!used.contains(file.path()) && PictureKinds.isOther(file.ending())) {
        others
            .computeIfAbsent(file.ending().toLowerCase(Locale.ROOT), k -> new ArrayList<>())
            .add(file.name());
        used.add(file.path());
        FolderListing.Found text = captionOf(file);
        if (text != null) {
          used.add(text.path());
        }
      }
    }
    for (FolderListing.Found file : listing.files()) {
      if (!used.contains(file.path())) {
        byEnding
            .computeIfAbsent(file.ending().toLowerCase(Locale.ROOT), k -> new ArrayList<>())
            .add(file.name());
      }
    }
    others.forEach((ending, names) -> notes.add(unreadPictures(ending, names)));
    byEnding.forEach((ending, names) -> notes.add(unread(ending, names)));
    tellRepeats();
    tellSplits();
  }

  private static String unreadPictures(String ending, List<String> names) {
    boolean one = names.size() == 1;
    return String.format(
        Locale.ROOT,
        "%d picture%s ending in .%s %s left out, for %s is not read: %s; convert %s to PNG or JPEG.",
        names.size(),
        one ? "" : "s",
        ending,
        one ? "is" : "are",
        PictureKinds.other(ending),
        some(names),
        one ? "it" : "them");
  }

  private static String unread(String ending, List<String> names) {
    boolean one = names.size() == 1;
    return String.format(
        Locale.ROOT,
        "%d file%s %s %s not read: %s.",
        names.size(),
        one ? "" : "s",
        ending.isEmpty() ? "without an ending" : "ending in ." + ending,
        one ? "is" : "are",
        some(names));
  }

  /** The folders that kohya's scripts take several times an epoch. */
  private void tellRepeats() {
    Set<String> folders = new TreeSet<>();
    for (Listed picture : pictures) {
      String folder = picture.name().substring(0, picture.name().lastIndexOf('/') + 1);
      if (REPEATS.matcher(folder).matches()) {
        folders.add(folder.substring(0, folder.length() - 1));
      }
    }
    if (!folders.isEmpty()) {
      notes.add(
          String.format(
              Locale.ROOT,
              "The number before a folder's name (%s) repeats nothing here: each picture is taken once an epoch.",
              some(List.copyOf(folders))));
    }
  }

  private void tellSplits() {
    Set<String> splits = new TreeSet<>();
    for (Listed picture : pictures) {
      int slash = picture.name().indexOf('/');
      String first = slash < 0 ? "" : picture.name().substring(0, slash);
      if (first.equals("train") || OTHER_SPLITS.contains(first)) {
        splits.add(first);
      }
    }
    if (splits.contains("train") && splits.size() > 1) {
      notes.add(
          String.format(
              Locale.ROOT,
              "The pictures of all splits are taken (%s); name the folder train in %s to take those alone.",
              String.join(", ", splits),
              root.getFileName()));
    }
  }

  private static String some(List<String> names) {
    String shown = String.join(", ", names.subList(0, Math.min(NAMED, names.size())));
    return names.size() > NAMED ? shown + ", … and " + (names.size() - NAMED) + " more" : shown;
  }
}
