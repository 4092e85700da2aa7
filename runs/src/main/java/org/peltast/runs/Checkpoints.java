package org.peltast.runs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * The checkpoints of a run: {@code checkpoints/000123/}, one folder each, and {@code pins.json}.
 *
 * <p>A folder with a number for a name is a whole checkpoint, or it was damaged later: it is
 * written as {@code .tmp-…}, flushed to the device file by file, given its manifest (size and
 * SHA-256 of each file), and renamed. Folders that are given up are renamed back before they are
 * emptied. What a kill leaves behind as {@code .tmp-…} is swept when the run is opened.
 */
public final class Checkpoints {
  private static final Pattern NUMBER = Pattern.compile("\\d{6,18}");
  private static final String TEMPORARY = ".tmp-";
  private static final String PINS = "pins.json";
  private static final JsonMapper JSON = new JsonMapper();

  private final Path folder;
  private final boolean writable;
  private final Consumer<String> notices;

  Checkpoints(Path folder, boolean writable, Consumer<String> notices) {
    this.folder = folder;
    this.writable = writable;
    this.notices = notices;
  }

  /** Writes the files of a checkpoint. */
  @FunctionalInterface
  public interface Content {
    /**
     * Writes any files and folders into an empty folder; they need not be flushed.
     *
     * @throws IOException if it cannot; the checkpoint is then given up, and those before it stay
     */
    void writeTo(Path folder) throws IOException;
  }

  /** Removes what a kill left half written or half deleted. */
  void sweep() throws IOException {
    for (Path left : list(name -> name.startsWith(TEMPORARY))) {
      Durable.deleteTree(left);
    }
  }

  /**
   * Saves a checkpoint: after this returns it survives a kill and a power cut. Then drops the
   * oldest ones, but for the last {@code keepLast} and the pinned.
   *
   * @param update the number of updates done
   * @param keepLast how many to keep, at least 1
   * @throws RunException with one sentence if it cannot be written; the earlier ones are untouched
   */
  public TrainingCheckpoint save(long update, int keepLast, Content content) {
    requireWritable();
    if (update < 0 || keepLast < 1) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "A checkpoint has a number of 0 or more, and at least one is kept, but got %d and %d.",
              update,
              keepLast));
    }
    Path place = place(update);
    Path temporary = folder.resolve(TEMPORARY + place.getFileName());
    try {
      Files.createDirectories(folder);
      discard(temporary);
      Files.createDirectory(temporary);
      content.writeTo(temporary);
      if (Files.exists(temporary.resolve(Manifest.NAME))) {
        throw new IllegalArgumentException(
            Manifest.NAME + " is written by the run, not by its content.");
      }
      Manifest manifest = Manifest.of(update, temporary);
      Files.write(temporary.resolve(Manifest.NAME), manifest.toBytes());
      Durable.syncTree(temporary);
      drop(place); // a damaged one that the run fell back from, or the same one again
      Durable.rename(temporary, place);
    } catch (IOException e) {
      giveUp(temporary, e);
      throw RunException.of("save checkpoint " + place, place, e);
    } catch (RuntimeException e) {
      giveUp(temporary, e);
      // Whatever a module makes of it: a disk that refuses is told in the run's own words.
      if (e.getCause() instanceof IOException io) {
        throw RunException.of("save checkpoint " + place, place, io);
      }
      throw e;
    }
    prune(update, keepLast);
    return new TrainingCheckpoint(update, place);
  }

  private static void giveUp(Path temporary, Exception e) {
    try {
      discard(temporary);
    } catch (IOException onDiscard) {
      e.addSuppressed(onDiscard);
    }
  }

  private static void discard(Path temporary) throws IOException {
    if (Files.exists(temporary)) {
      Durable.deleteTree(temporary);
    }
  }

  /** Deletes a checkpoint such that no half of it is ever seen. */
  private void drop(Path place) throws IOException {
    if (Files.exists(place)) {
      Path dying = folder.resolve(TEMPORARY + "drop-" + place.getFileName());
      discard(dying);
      Durable.rename(place, dying);
      Durable.deleteTree(dying);
    }
  }

  private void prune(long saved, int keepLast) {
    try {
      Set<Long> pinned = new HashSet<>(pins().values());
      List<Long> all = numbers();
      int last = all.indexOf(saved);
      for (int i = 0; i < all.size(); i++) {
        // Those beyond this one are damaged, or of a continuation that was given up: resuming from
        // them would jump ahead of the log.
        boolean old = i <= last - keepLast && !pinned.contains(all.get(i));
        if (old || i > last) {
          drop(place(all.get(i)));
        }
      }
    } catch (IOException e) {
      notices.accept(
          String.format(
              Locale.ROOT, "Old checkpoints of %s cannot be deleted: %s.", folder, e.getMessage()));
    }
  }

  /**
   * The last checkpoint that is whole. Each newer one that is not is named to the run's listener in
   * one sentence, and left where it is.
   *
   * @return nothing if there are no checkpoints at all
   * @throws RunException if there are some, and all are damaged
   */
  public Optional<TrainingCheckpoint> latest() {
    List<Long> numbers = numbers();
    for (int i = numbers.size() - 1; i >= 0; i--) {
      Path place = place(numbers.get(i));
      Optional<String> damage = Manifest.damage(numbers.get(i), place);
      if (damage.isEmpty()) {
        return Optional.of(new TrainingCheckpoint(numbers.get(i), place));
      }
      String sentence =
          String.format(Locale.ROOT, "Checkpoint %s is damaged (%s)", place, damage.get());
      if (i == 0) {
        throw new RunException(
            sentence
                + ", and there is no other; delete "
                + folder
                + " to start this run anew, or restore it from a copy.");
      }
      notices.accept(
          String.format(
              Locale.ROOT,
              "%s; falling back to the one before, %s.",
              sentence,
              place(numbers.get(i - 1)).getFileName()));
    }
    return Optional.empty();
  }

  /**
   * One checkpoint, whole.
   *
   * @throws RunException if it is not there or damaged
   */
  public TrainingCheckpoint get(long update) {
    Path place = place(update);
    if (!Files.isDirectory(place)) {
      throw new RunException(
          String.format(Locale.ROOT, "There is no checkpoint %s; there are %s.", place, numbers()));
    }
    Optional<String> damage = Manifest.damage(update, place);
    if (damage.isPresent()) {
      throw new RunException(
          String.format(Locale.ROOT, "Checkpoint %s is damaged (%s).", place, damage.get()));
    }
    return new TrainingCheckpoint(update, place);
  }

  /** The numbers of all checkpoints, rising; damaged ones too. */
  public List<Long> numbers() {
    try {
      return list(name -> NUMBER.matcher(name).matches()).stream()
          .map(p -> Long.valueOf(p.getFileName().toString()))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw RunException.of("read " + folder, folder, e);
    }
  }

  /**
   * Keeps a checkpoint beyond its time under a label, such as "best"; the label leaves the one that
   * had it before.
   */
  public void pin(String label, long update) {
    requireWritable();
    if (!Files.isDirectory(place(update))) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "Checkpoint %s cannot be pinned as '%s', as there is none.",
              place(update),
              label));
    }
    SortedMap<String, Long> pins = new TreeMap<>(pins());
    pins.put(label, update);
    try {
      Durable.write(folder.resolve(PINS), JSON.writeValueAsBytes(pins));
    } catch (IOException e) {
      throw RunException.of("write " + folder.resolve(PINS), folder, e);
    }
  }

  /** The number of the checkpoint with a label, if there is one. */
  public Optional<Long> pinned(String label) {
    return Optional.ofNullable(pins().get(label)).filter(u -> Files.isDirectory(place(u)));
  }

  private Map<String, Long> pins() {
    Path file = folder.resolve(PINS);
    try {
      Map<?, ?> read = JSON.readValue(Files.readAllBytes(file), Map.class);
      Map<String, Long> pins = new TreeMap<>();
      read.forEach(
          (label, update) -> {
            if (update instanceof Number n) {
              pins.put(String.valueOf(label), n.longValue());
            }
          });
      return pins;
    } catch (NoSuchFileException e) {
      return Map.of();
    } catch (JacksonException e) {
      throw new RunException(file + " is damaged; delete it to go on without its labels.", e);
    } catch (IOException e) {
      throw RunException.of("read " + file, file, e);
    }
  }

  private Path place(long update) {
    return folder.resolve(String.format(Locale.ROOT, "%06d", update));
  }

  private List<Path> list(Predicate<String> names) throws IOException {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    List<Path> found = new ArrayList<>();
    try (Stream<Path> entries = Files.list(folder)) {
      for (Path entry : (Iterable<Path>) entries::iterator) {
        @Nullable Path name = entry.getFileName();
        if (name != null && names.test(name.toString()) && Files.isDirectory(entry)) {
          found.add(entry);
        }
      }
    }
    return found;
  }

  private void requireWritable() {
    if (!writable) {
      throw new IllegalStateException(
          "The run " + folder.getParent() + " is open for reading only.");
    }
  }
}
