package org.peltast.training;

import java.awt.image.BufferedImage;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.peltast.distill.Metrics;
import org.peltast.distill.Observer;
import org.peltast.report.Sheet;
import org.peltast.runs.RunFolder;

/**
 * Saves a sheet of pictures every so many updates and after the last one, under {@code samples/}
 * and among the TensorBoard events; the prompts stand in {@code samples/prompts.txt}.
 */
final class SampleGrids implements Observer {
  private final int every;
  private final RunFolder folder;
  private final List<String> prompts;
  private final Events events;
  private final Supplier<Sheet> look;
  private @Nullable Runnable writing;

  /**
   * Sample grids of a run.
   *
   * @param every updates between sheets; 0 for none
   * @param prompts what the pictures of every sheet are of
   * @param look draws a sheet with the weights as they are, always of the same prompts and noise
   */
  SampleGrids(
      int every, RunFolder folder, List<String> prompts, Events events, Supplier<Sheet> look) {
    this.every = every;
    this.folder = folder;
    this.prompts = List.copyOf(prompts);
    this.events = events;
    this.look = look;
  }

  @Override
  public boolean seesAverages(long done, long updates) {
    return every > 0 && (done % every == 0 || done == updates);
  }

  @Override
  public Verdict after(long done, long updates, Metrics figures) {
    writing = null;
    if (seesAverages(done, updates)) {
      Sheet seen = look.get();
      writing = () -> write(done, seen);
    }
    return Verdict.GO_ON;
  }

  @Override
  public Optional<Runnable> background() {
    return Optional.ofNullable(writing);
  }

  private void write(long done, Sheet seen) {
    BufferedImage sheet = seen.draw();
    Pictures.write(folder.samples().resolve(String.format(Locale.ROOT, "%07d.png", done)), sheet);
    folder.write(folder.samples().resolve("prompts.txt"), String.join("\n", prompts) + "\n");
    events.image("looks", done, sheet);
  }
}
