package org.peltast.distill.run;

import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
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
 */
public final class RunFolder implements AutoCloseable {
  private static final String LOCK = ".lock";
  private static final String OWNER = ".owner";

  private final Path path;
  private final Checkpoints checkpoints;
  private final @Nullable FileChannel lockChannel;
  private final boolean fresh; // no recipe was there when it was opened

  private RunFolder(Path path, @Nullable FileChannel lockChannel, Consumer<String> notices) {
    this.path = path;
    this.fresh = !Files.exists(recipe());
    this.lockChannel = lockChannel;
    this.checkpoints = new Checkpoints(path.resolve("checkpoints"), lockChannel != null, notices);
  }

  /**
   * Opens a run for writing, alone, making its folder if need be.
   *
   * @param notices is told, in sentences, of damage that was got round
   * @throws RunException if another process has it, or the folder cannot be written
   */
  public static RunFolder open(Path path, Consumer<String> notices) {
    FileChannel channel = null;
    try {
      Files.createDirectories(path);
      channel =
          FileChannel.open(path.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      if (!tryLock(channel)) {
        throw new RunException(
            "%s is in use by %s; wait for it to end, or choose another folder."
                .formatted(path, owner(path)));
      }
      Durable.write(path.resolve(OWNER), me().getBytes(StandardCharsets.UTF_8));
      RunFolder run = new RunFolder(path, channel, notices);
      run.checkpoints.sweep();
      return run;
    } catch (IOException e) {
      close(channel, e);
      throw RunException.of("open the run " + path, path, e);
    } catch (RuntimeException e) {
      close(channel, e);
      throw e;
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

  private static String me() {
    String host;
    try {
      host = InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      host = "this machine";
    }
    return "process %d on %s, since %s"
        .formatted(
            ProcessHandle.current().pid(), host, Instant.now().truncatedTo(ChronoUnit.SECONDS));
  }

  private static String owner(Path path) {
    try {
      return Files.readString(path.resolve(OWNER)).strip();
    } catch (IOException e) {
      return "another process";
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
    return new RunFolder(path, null, notices);
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

  /** The stored recipe, if this run has begun. */
  public Optional<String> readRecipe() {
    return read(recipe());
  }

  /** Stores where the results come from. */
  public void writeProvenance(Provenance provenance) {
    write(path.resolve("provenance.json"), provenance.toJson());
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
   * Takes back the recipe of a run that never came to its first update, so that a mistake found
   * late (a broken teacher, a folder without pictures) can be mended and the command given again.
   */
  private void withdrawUnlessBegun() throws IOException {
    boolean begun =
        (Files.exists(metrics()) && Files.size(metrics()) > 0) || !checkpoints.numbers().isEmpty();
    if (fresh && !begun) {
      Files.deleteIfExists(recipe());
      Files.deleteIfExists(path.resolve("provenance.json"));
      Files.deleteIfExists(metrics());
    }
  }

  /** Lets others write. A run without a single update leaves no recipe behind. */
  @Override
  public void close() {
    if (lockChannel != null && lockChannel.isOpen()) {
      try {
        withdrawUnlessBegun();
        Files.deleteIfExists(path.resolve(OWNER));
        lockChannel.close(); // gives the lock back; its file stays, for deleting it would race
      } catch (IOException e) {
        throw RunException.of("close the run " + path, path, e);
      }
    }
  }
}
