package org.peltast.safetensors;

import java.io.IOException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The checkpoints at a place, and sentences about what there cannot be read.
 *
 * @param checkpoints files and indexes, sorted
 * @param bad why others are left out; whoever opens one that fails may add to it
 */
public record CheckpointSearch(List<Path> checkpoints, List<String> bad) {
  /**
   * The file itself, or all of a folder; shards count as their index, unless it does not fit them.
   * Links are followed; what begins with a dot is passed over.
   *
   * @param variant of each folder the checkpoint of this variant alone, or else the plain one; null
   *     for all that there are
   * @throws SafetensorsException if there is none at all
   */
  public static CheckpointSearch at(Path path, @Nullable String variant) throws IOException {
    CheckpointSearch found = new CheckpointSearch(new ArrayList<>(), new ArrayList<>());
    if (!Files.isDirectory(path)) {
      if (Checkpoint.isIndex(path)) {
        found.addIndex(path, new HashSet<>());
      } else {
        found.checkpoints().add(path);
      }
      return found;
    }
    Walk walk = new Walk(path, found.bad());
    Files.walkFileTree(path, Set.of(FileVisitOption.FOLLOW_LINKS), Integer.MAX_VALUE, walk);
    Collections.sort(walk.files);
    if (walk.files.isEmpty() && found.bad().isEmpty()) {
      Path other = walk.other == null ? null : walk.other.getParent();
      if (other != null) {
        Checkpoint.locate(other, null); // says what is there instead
      }
      throw new SafetensorsException(
          path, null, "there is no safetensors file in it", "name a file or another folder.");
    }
    Set<Path> claimed = new HashSet<>();
    if (variant != null) {
      found.addChosen(path, walk.files, variant);
      return found;
    }
    for (Path file : walk.files) {
      if (Checkpoint.isIndex(file)) {
        found.addIndex(file, claimed);
      }
    }
    walk.files.stream()
        .filter(file -> !Checkpoint.isIndex(file) && !claimed.contains(key(file)))
        .filter(file -> !found.checkpoints().contains(file))
        .forEach(found.checkpoints()::add);
    Collections.sort(found.checkpoints());
    return found;
  }

  /** Of each folder the checkpoint of a variant, or the plain one. */
  private void addChosen(Path path, List<Path> files, String variant) {
    Set<Path> folders = new TreeSet<>();
    files.forEach(file -> folders.add(file.resolveSibling("")));
    boolean any = false;
    for (Path folder : folders) {
      try {
        any |= Checkpoint.variants(folder).contains(variant);
        checkpoints.add(Checkpoint.locate(folder, variant));
      } catch (SafetensorsException e) {
        bad.add(message(e));
      }
    }
    if (!any && bad.isEmpty()) {
      throw new SafetensorsException(
          path,
          null,
          "there is no checkpoint of the variant " + variant,
          "leave --variant out to see all.");
    }
  }

  /** An index, or the shards beside it if it does not fit them. */
  private void addIndex(Path index, Set<Path> claimed) {
    try (Checkpoint checkpoint = Checkpoint.open(index)) {
      checkpoint.files().forEach(shard -> claimed.add(key(shard)));
      checkpoints.add(index);
    } catch (SafetensorsException e) {
      bad.add(message(e));
      try {
        Checkpoint.shards(index).stream()
            .filter(Files::exists)
            .filter(shard -> !checkpoints.contains(shard))
            .forEach(checkpoints::add);
      } catch (SafetensorsException unreadable) {
        return; // it names none; what lies beside it is listed as it is
      }
    }
  }

  private static Path key(Path file) {
    return file.toAbsolutePath().normalize();
  }

  private static String message(SafetensorsException e) {
    return String.valueOf(e.getMessage());
  }

  /** Collects safetensors files and indexes below a folder, sorted. */
  private static final class Walk extends SimpleFileVisitor<Path> {
    private final Path root;
    private final List<String> bad;
    private final List<Path> files = new ArrayList<>();
    private @Nullable Path other; // weights in another format

    Walk(Path root, List<String> bad) {
      this.root = root;
      this.bad = bad;
    }

    @Override
    public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
      String name = String.valueOf(folder.getFileName());
      boolean passed = !folder.equals(root) && (name.startsWith(".") || name.equals("__MACOSX"));
      return passed ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
      if (Checkpoint.isIndex(file) || Checkpoint.isWeights(file)) {
        if (attributes.isSymbolicLink()) { // of a link that is followed: it leads nowhere
          bad.add(file + " is a link to a file that is not there; fetch it again.");
        } else {
          files.add(file);
        }
      } else if (other == null && Checkpoint.isOtherFormat(file)) {
        other = file;
      }
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFileFailed(Path file, IOException e) {
      bad.add(
          e instanceof FileSystemLoopException
              ? file + " is a link to a folder above it, and is not followed."
              : file + " cannot be read; check its permissions.");
      return FileVisitResult.CONTINUE;
    }
  }
}
