package org.peltast.runs;

import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A run on disk: everything to look at it, to go on with it, and to repeat it.
 *
 * <pre>
 * RUN/
 *   recipe.yaml       the resolved recipe, every key
 *   provenance.json   versions, machine, seeds, checksums of the inputs
 *   metrics.jsonl     figures of every update ({@link MetricsLog})
 *   events/           the same for TensorBoard ({@link TensorBoardWriter})
 *   samples/          pictures
 *   checkpoints/      000123/, 000246/, …, pins.json ({@link Checkpoints})
 *   .lock, .owner     who is writing
 * </pre>
 *
 * <p>One process writes to a run. The lock is the operating system's, so a killed process never
 * leaves it behind; {@code .owner} only lets the sentence for the second process name the first.
 *
 * <p>A run that ends before its first update leaves nothing behind: neither recipe nor lock nor a
 * folder that was made for it.
 */
public final class RunFolder implements AutoCloseable {
  private static final String LOCK = ".lock";
  private static final String OWNER = ".owner";
  private static final int TRIES = 100;

  private final Path path;
  private Runnable whenSettled = () -> {};
  private final Checkpoints checkpoints;
  private final @Nullable FileChannel lockChannel;
  private final boolean fresh; // no recipe was there when it was opened
  private final List<Path> made; // by opening it: its lock, its folder and those above, from below

  private RunFolder(
      Path path, @Nullable FileChannel lockChannel, List<Path> made, Consumer<String> notices) {
    this.path = path;
    this.made = made;
    this.fresh = !Files.exists(recipe());
    this.lockChannel = lockChannel;
    this.checkpoints = new Checkpoints(path.resolve("checkpoints"), lockChannel != null, notices);
  }

  /**
   * Opens a run for writing, alone, making its folder if need be.
   *
   * @param notices is told, in sentences, of damage that was got round
   * @throws RunInUseException if another process has it
   * @throws RunException if the folder cannot be written
   */
  public static RunFolder open(Path path, Consumer<String> notices) {
    FileChannel channel = null;
    List<Path> made = new ArrayList<>();
    try {
      channel = lock(path, made);
      Durable.write(path.resolve(OWNER), me().getBytes(StandardCharsets.UTF_8));
      RunFolder run = new RunFolder(path, channel, List.copyOf(made), notices);
      run.checkpoints.sweep();
      return run;
    } catch (IOException e) {
      giveUp(path, channel, made, e);
      throw RunException.of("open the run " + path, path, e);
    } catch (RuntimeException e) {
      giveUp(path, channel, made, e);
      throw e;
    }
  }

  /**
   * Locks a run. Whoever leaves nothing behind removes the lock's file while it is locked, and then
   * another process may have opened just that file: so what was locked counts only if it is still
   * what goes by the name. The threads of this process, which a file cannot tell apart, take turns
   * in coming and going.
   *
   * @param made is told what was not there before, from below
   */
  private static synchronized FileChannel lock(Path path, List<Path> made) throws IOException {
    Path file = path.resolve(LOCK);
    for (int left = TRIES; ; left--) {
      made.clear();
      Path above = path.toAbsolutePath();
      while (above != null && isMissing(above)) {
        made.add(above);
        above = above.getParent();
      }
      FileChannel channel;
      try {
        Files.createDirectories(path);
        if (!Files.exists(file)) {
          made.add(0, file);
        }
        channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      } catch (NoSuchFileException e) {
        if (left == 0) {
          throw e;
        }
        continue; // its folder has just been taken away
      }
      try {
        if (!tryLock(channel)) {
          made.clear(); // it is the other's
          throw new RunInUseException(
              String.format(
                  Locale.ROOT,
                  "%s is in use by %s; wait for it to end, or choose another folder.",
                  path,
                  owner(path)));
        }
        if (bears(channel, file)) {
          return channel;
        }
      } catch (IOException | RuntimeException e) {
        close(channel, e);
        throw e;
      }
      channel.close();
      if (left == 0) {
        throw new IOException("others keep opening and leaving it");
      }
    }
  }

  /** A link that leads nowhere is there: it is somebody's. */
  private static boolean isMissing(Path folder) {
    return !Files.exists(folder, LinkOption.NOFOLLOW_LINKS);
  }

  /**
   * Whether a file's name still leads to an open file. The file is made as long as this process's
   * number, which no other living process has, and the name is asked for the length: to open it
   * once more and read it would, with POSIX locks, give the lock back.
   */
  private static boolean bears(FileChannel channel, Path file) throws IOException {
    long mine = ProcessHandle.current().pid();
    channel.truncate(0);
    channel.write(ByteBuffer.wrap(new byte[] {'\n'}), mine - 1);
    try {
      return Files.size(file) == mine;
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  private static boolean tryLock(FileChannel channel) throws IOException {
    try {
      @Nullable FileLock lock = channel.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException e) {
      return false; // this process has it already
    }
  }

  private static void close(@Nullable FileChannel channel, Exception e) {
    if (channel != null) {
      try {
        channel.close();
      } catch (IOException onClose) {
        e.addSuppressed(onClose);
      }
    }
  }

  /** Opening failed: takes back what it made. */
  private static synchronized void giveUp(
      Path path, @Nullable FileChannel channel, List<Path> made, Exception e) {
    try {
      if (channel != null) {
        Files.deleteIfExists(path.resolve(OWNER));
      }
      unmake(made);
    } catch (IOException onUnmake) {
      e.addSuppressed(onUnmake);
    }
    close(channel, e);
  }

  /** Deletes what opening made, from below, but for folders that somebody has put something in. */
  private static void unmake(List<Path> made) throws IOException {
    try {
      for (Path each : made) {
        Files.deleteIfExists(each);
      }
    } catch (DirectoryNotEmptyException e) {
      return; // not ours alone any more
    }
  }

  private static String me() {
    String host;
    try {
      host = InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      host = "this machine";
    }
    return String.format(
        Locale.ROOT,
        "process %d on %s, since %s",
        ProcessHandle.current().pid(),
        host,
        Instant.now().truncatedTo(ChronoUnit.SECONDS));
  }

  private static String owner(Path path) {
    try {
      return Files.readString(path.resolve(OWNER)).strip();
    } catch (IOException e) {
      return "another process";
    }
  }

  /**
   * Removes a run that nobody has open, with all it holds; none is none.
   *
   * @throws RunException if a file cannot be removed
   */
  public static void remove(Path path) {
    if (!Files.exists(path)) {
      return;
    }
    try {
      Durable.deleteTree(path);
    } catch (IOException e) {
      throw RunException.of("remove " + path, path, e);
    }
  }

  /**
   * Opens a run for reading; it may be running.
   *
   * @throws RunException if there is no such folder
   */
  public static RunFolder read(Path path, Consumer<String> notices) {
    if (!Files.isDirectory(path)) {
      throw new RunException("There is no run in " + path + "; check the path.");
    }
    return new RunFolder(path, null, List.of(), notices);
  }

  /** The run's folder. */
  public Path path() {
    return path;
  }

  /** {@code metrics.jsonl}. */
  public Path metrics() {
    return path.resolve("metrics.jsonl");
  }

  /** The folder of TensorBoard's event files. */
  public Path events() {
    return path.resolve("events");
  }

  /** The folder of pictures. */
  public Path samples() {
    return path.resolve("samples");
  }

  /** {@code recipe.yaml}. */
  public Path recipe() {
    return path.resolve("recipe.yaml");
  }

  /** The checkpoints. */
  public Checkpoints checkpoints() {
    return checkpoints;
  }

  /** Stores the resolved recipe. */
  public void writeRecipe(String yaml) {
    write(recipe(), yaml);
  }

  /** As {@link #changeRecipe(String, Runnable)}, with nothing to be said. */
  public void changeRecipe(String yaml) {
    changeRecipe(yaml, () -> {});
  }

  /**
   * Stores another recipe once {@link #settleProvenance} has found what it reads: a command that is
   * refused must not change what the run says of itself.
   *
   * @param done what is to be said then
   */
  public void changeRecipe(String yaml, Runnable done) {
    whenSettled =
        () -> {
          writeRecipe(yaml);
          done.run();
        };
  }

  /** The stored recipe, if this run has begun. */
  public Optional<String> readRecipe() {
    return read(recipe());
  }

  /** Stores where the results come from. */
  public void writeProvenance(Provenance provenance) {
    write(path.resolve("provenance.json"), provenance.toJson());
  }

  /**
   * Stores where the results come from as a run begins; as it goes on, checks that it still reads
   * what it began with, for other pictures, prompts or weights would be another run. Content
   * decides, and not where it lies: the same under another name is the same.
   *
   * @throws RunException if it does not, naming what is another
   */
  public void settleProvenance(Provenance now) {
    Provenance begun = readProvenance().orElse(null);
    if (begun == null) {
      writeProvenance(now);
    } else {
      requireSame(begun, now);
    }
    whenSettled.run();
    whenSettled = () -> {};
  }

  private void requireSame(Provenance begun, Provenance now) {
    TreeSet<String> names = new TreeSet<>(begun.inputs().keySet());
    names.addAll(now.inputs().keySet());
    names.removeIf(name -> String.valueOf(begun.inputs().get(name)).equals(now.inputs().get(name)));
    List<String> moved = new ArrayList<>();
    for (String name : names) {
      String content = begun.inputs().get(name);
      if (content != null && !now.inputs().containsKey(name)) {
        names.stream()
            .filter(other -> content.equals(now.inputs().get(other)))
            .filter(other -> !begun.inputs().containsKey(other) && !moved.contains(other))
            .findFirst()
            .ifPresent(other -> moved.addAll(List.of(name, other)));
      }
    }
    names.removeAll(moved);
    if (!names.isEmpty()) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "%s cannot go on: what it reads has changed since it began (%s); put back what was there, or choose another folder to begin anew.",
              path,
              String.join(", ", names)));
    }
  }

  /** Where the results come from, if this run has begun. */
  public Optional<Provenance> readProvenance() {
    return read(path.resolve("provenance.json")).map(Provenance::fromJson);
  }

  /**
   * Writes or replaces a small text file, in one step: a reader sees the old or the new one.
   *
   * @param file within the run
   */
  public void write(Path file, String text) {
    if (lockChannel == null) {
      throw new IllegalStateException("The run " + path + " is open for reading only.");
    }
    try {
      Durable.write(file, text.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw RunException.of("write " + file, file, e);
    }
  }

  private static Optional<String> read(Path file) {
    try {
      return Optional.of(Files.readString(file));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException e) {
      throw RunException.of("read " + file, file, e);
    }
  }

  /**
   * Takes back a run that never came to its first update, so that a mistake found late (a broken
   * teacher, a folder without pictures) can be mended and the command given again.
   */
  private void withdrawUnlessBegun() throws IOException {
    boolean begun =
        (Files.exists(metrics()) && Files.size(metrics()) > 0) || !checkpoints.numbers().isEmpty();
    if (fresh && !begun) {
      Files.deleteIfExists(recipe());
      Files.deleteIfExists(path.resolve("provenance.json"));
      Files.deleteIfExists(metrics());
      unmake(made);
    }
  }

  /** Lets others write. A run without a single update leaves nothing behind. */
  @Override
  public void close() {
    synchronized (RunFolder.class) {
      if (lockChannel != null && lockChannel.isOpen()) {
        try {
          Files.deleteIfExists(path.resolve(OWNER));
          withdrawUnlessBegun();
          lockChannel.close(); // gives the lock back; a run that has begun keeps the lock's file
        } catch (IOException e) {
          throw RunException.of("close the run " + path, path, e);
        }
      }
    }
  }
}
