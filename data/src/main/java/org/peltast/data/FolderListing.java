package org.peltast.data;

import java.io.File;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The files of a folder and of all folders in it, by name, with links followed.
 *
 * <p>Left out is what systems and tools leave behind: whatever begins with a dot ({@code
 * .DS_Store}, {@code ._a.png}, {@code .cache}), {@code __MACOSX}, {@code Thumbs.db}, {@code
 * desktop.ini} and their like. Each folder is read once, whatever leads to it, so that no loop of
 * links can hold us.
 *
 * <p>Names are found as other systems spell them: with backslashes, in another Unicode
 * normalisation, in other cases.
 */
final class FolderListing {
  private static final Set<String> LEFT_BEHIND =
      Set.of(
          "__macosx",
          "thumbs.db",
          "ehthumbs.db",
          "desktop.ini",
          "@eadir",
          "#recycle",
          "$recycle.bin",
          "system volume information",
          "lost+found",
          "icon\r");

  private static final Pattern DRIVE = Pattern.compile("[A-Za-z]:/.*");

  /**
   * A file.
   *
   * @param name below the folder, with slashes
   * @param isThere false for a link that leads nowhere
   */
  record Found(Path path, String name, boolean isThere) {
    /** The name of the folder that it lies in, with a slash at its end; empty for the root. */
    String folder() {
      return name.substring(0, name.lastIndexOf('/') + 1);
    }

    /** What comes after the last dot of its name, as it is spelled; empty if there is none. */
    String ending() {
      int dot = name.lastIndexOf('.');
      return dot > name.lastIndexOf('/') ? name.substring(dot + 1) : "";
    }

    /** The name without its ending. */
    String stem() {
      int dot = name.lastIndexOf('.');
      return dot > name.lastIndexOf('/') ? name.substring(0, dot) : name;
    }
  }

  private final Path root;
  private final List<Found> files = new ArrayList<>();
  private final Map<String, Found> byName = new HashMap<>();
  private final Map<String, List<Found>> byLooseName = new HashMap<>();
  private final List<String> notes = new ArrayList<>();

  /** Names that several files have, as far as Java can spell them. */
  private final Set<String> ambiguous = new HashSet<>();

  private FolderListing(Path root) {
    this.root = root;
  }

  /**
   * Lists a folder.
   *
   * @throws DataException if the folder itself cannot be read
   */
  static FolderListing of(Path folder) {
    FolderListing listing = new FolderListing(folder.toAbsolutePath().normalize());
    listing.walk();
    listing.files.sort(Comparator.comparing(Found::name));
    for (Found file : listing.files) {
      if (listing.byName.put(file.name(), file) != null) {
        listing.ambiguous.add(file.name());
      }
      listing.byLooseName.computeIfAbsent(loose(file.name()), k -> new ArrayList<>()).add(file);
    }
    return listing;
  }

  /** What was read, without links in its way that could be resolved. */
  private void walk() {
    Set<Path> read = new HashSet<>();
    // Links come last: a folder that is there itself too keeps its own name.
    Deque<Path> links = new ArrayDeque<>();
    try {
      read.add(root.toRealPath());
      list(root, read, links);
    } catch (IOException e) {
      throw new DataException(
          String.format(Locale.ROOT, "The folder %s cannot be read: %s.", root, e), e);
    }
    while (!links.isEmpty()) {
      Path link = links.remove();
      try {
        Path real = link.toRealPath();
        if (read.add(real)) {
          list(link, read, links);
        } else if (!isLoop(link, real)) {
          notes.add(
              String.format(
                  Locale.ROOT,
                  "The link %s leads to a folder that is read under another name; its pictures are not taken twice.",
                  name(link)));
        }
      } catch (IOException e) {
        notes.add(cannotBeRead(link, e));
      }
    }
  }

  /** Whether a link leads back to where it was come from. */
  private boolean isLoop(Path link, Path real) throws IOException {
    for (Path at = link.getParent(); at != null && at.startsWith(root); at = at.getParent()) {
      if (at.toRealPath().startsWith(real)) {
        return true;
      }
    }
    return false;
  }

  private void list(Path folder, Set<Path> read, Deque<Path> links) throws IOException {
    List<Path> all = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
      entries.forEach(all::add);
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    all.sort(Comparator.comparing(Path::toString));
    for (Path entry : all) {
      String own = String.valueOf(entry.getFileName());
      if (own.startsWith(".") || LEFT_BEHIND.contains(own.toLowerCase(Locale.ROOT))) {
        continue;
      }
      if (Files.isRegularFile(entry)) {
        files.add(new Found(entry, name(entry), true));
      } else if (!Files.isDirectory(entry)) {
        if (Files.isSymbolicLink(entry)) {
          files.add(new Found(entry, name(entry), false));
        }
      } else if (Files.isSymbolicLink(entry)) {
        links.add(entry);
      } else {
        try {
          if (read.add(entry.toRealPath())) {
            list(entry, read, links);
          }
        } catch (IOException e) {
          notes.add(cannotBeRead(entry, e));
        }
      }
    }
  }

  private String cannotBeRead(Path folder, IOException e) {
    return String.format(Locale.ROOT, "%s cannot be looked into: %s.", name(folder), e);
  }

  private String name(Path file) {
    return root.relativize(file).toString().replace(File.separatorChar, '/');
  }

  /** The files, sorted by name. */
  List<Found> files() {
    return files;
  }

  /** One sentence for each folder that could not be read or would be read twice. */
  List<String> notes() {
    return notes;
  }

  /**
   * Finds a file by the name that a list in one of the folders gives it.
   *
   * @param folder the list's, as {@link Found#folder}
   * @return null if there is none
   * @throws IllegalArgumentException if the name leads out of the listed folder
   */
  @Nullable Found find(String folder, String name) {
    String slashed = name.replace('\\', '/');
    if (!slashed.equals(name)) { // which is a name, too, but not for Windows
      Found literal = byName.get(folder + name);
      if (literal != null) {
        return literal;
      }
    }
    String inside = inside(folder, slashed);
    Found exact = byName.get(inside);
    if (exact != null) {
      return exact;
    }
    String composed = Normalizer.normalize(inside, Normalizer.Form.NFC);
    List<Found> similar = byLooseName.getOrDefault(loose(inside), List.of());
    List<Found> same =
        similar.stream()
            .filter(f -> Normalizer.normalize(f.name(), Normalizer.Form.NFC).equals(composed))
            .toList();
    if (!same.isEmpty()) {
      return same.get(0);
    }
    return similar.size() == 1 ? similar.get(0) : hidden(inside);
  }

  /**
   * A file with such a name, or else one whose name differs in case or Unicode normalisation alone.
   */
  @Nullable Found beside(String name) {
    Found exact = byName.get(name);
    List<Found> similar = byLooseName.getOrDefault(loose(name), List.of());
    return exact != null ? exact : similar.isEmpty() ? null : similar.get(0);
  }

  /** Whether several files have this name, as in an encoding that cannot spell their own. */
  boolean isAmbiguous(String name) {
    return ambiguous.contains(name);
  }

  /** What was not listed, and is there all the same if it is asked for by name. */
  private @Nullable Found hidden(String inside) {
    try {
      Path path = root.resolve(inside);
      return Files.isRegularFile(path) ? new Found(path, inside, true) : null;
    } catch (InvalidPathException e) {
      return null;
    }
  }

  /** A name below the root, without detours. */
  private String inside(String folder, String name) {
    if (name.indexOf('\0') >= 0) {
      throw new IllegalArgumentException("a NUL");
    }
    String base = root.toString().replace(File.separatorChar, '/');
    boolean absolute = name.startsWith("/") || DRIVE.matcher(name).matches();
    List<String> way = new ArrayList<>();
    for (String step : (absolute ? name : base + "/" + folder + name).split("/+")) {
      if (step.equals("..")) {
        if (way.isEmpty()) {
          throw new IllegalArgumentException("above the root");
        }
        way.remove(way.size() - 1);
      } else if (!step.isEmpty() && !step.equals(".")) {
        way.add(step);
      }
    }
    List<String> start = List.of(base.split("/+")).stream().filter(s -> !s.isEmpty()).toList();
    if (way.size() <= start.size() || !way.subList(0, start.size()).equals(start)) {
      throw new IllegalArgumentException("outside");
    }
    return String.join("/", way.subList(start.size(), way.size()));
  }

  private static String loose(String name) {
    return Normalizer.normalize(name, Normalizer.Form.NFC).toLowerCase(Locale.ROOT);
  }
}
