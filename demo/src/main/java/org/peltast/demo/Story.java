package org.peltast.demo;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.peltast.distill.Metrics;
import org.peltast.distill.Observer;
import org.peltast.models.TextToImage;
import org.peltast.report.ReportData;
import org.peltast.runs.RunException;
import org.peltast.tensor.Scope;
import org.peltast.training.Pictures;

/**
 * A run as pictures: the same few prompts and noise drawn at certain updates, kept as files so that
 * a resumed run has the whole strip.
 */
final class Story implements Observer {
  private final Path folder;
  private final List<String> prompts;
  private final long seed;
  private final int moments;
  private final Supplier<TextToImage> generator;

  /** A strip in a folder: pictures at update 0 and at so many moments, evenly up to the last. */
  Story(
      Path folder, List<String> prompts, long seed, int moments, Supplier<TextToImage> generator) {
    this.folder = folder;
    this.prompts = prompts;
    this.seed = seed;
    this.moments = moments;
    this.generator = generator;
  }

  /**
   * Draws the beginning, before any update; again where a run goes on, for the process before may
   * have been killed as it drew.
   */
  void begin() {
    draw(0);
  }

  /** Draws the end of a run, which may have come before it was expected. */
  void end(long done) {
    draw(done);
  }

  @Override
  public Verdict after(long done, long updates, Metrics figures) {
    if (isMoment(done, updates)) {
      draw(done);
    }
    return Verdict.GO_ON;
  }

  private boolean isMoment(long done, long updates) {
    return LongStream.rangeClosed(1, moments)
        .map(i -> Math.max(1, updates * i / moments))
        .anyMatch(moment -> moment == done);
  }

  private void draw(long update) {
    TextToImage model = generator.get();
    try (Scope scope = Scope.open()) {
      List<BufferedImage> pictures =
          Pictures.of(model.generate(prompts, seed, model.defaults(), prompts.size(), n -> {}));
      for (int i = 0; i < pictures.size(); i++) {
        Pictures.write(file(update, i), pictures.get(i));
      }
    }
  }

  private Path file(long update, int picture) {
    return folder.resolve(String.format(Locale.ROOT, "%06d-%d.png", update, picture));
  }

  /** Where a run keeps the strip of that name. */
  static Path folder(Path run, String name) {
    return run.resolve("story").resolve(name);
  }

  /** All that was drawn, by update; empty if nothing was. */
  static List<ReportData.Moment> moments(Path run, String name) {
    Pattern pattern = Pattern.compile("(\\d+)-(\\d+)\\.png");
    SortedMap<Long, SortedMap<Integer, BufferedImage>> all = new TreeMap<>();
    Path strip = folder(run, name);
    if (Files.isDirectory(strip)) {
      try (Stream<Path> files = Files.list(strip)) {
        for (Path file : files.toList()) {
          Matcher match = pattern.matcher(String.valueOf(file.getFileName()));
          if (match.matches()) {
            all.computeIfAbsent(Long.valueOf(match.group(1)), u -> new TreeMap<>())
                .put(Integer.valueOf(match.group(2)), Pictures.read(file));
          }
        }
      } catch (IOException e) {
        throw new RunException("cannot read " + strip + " (" + e.getMessage() + ")", e);
      }
    }
    List<ReportData.Moment> moments = new ArrayList<>();
    all.forEach(
        (update, pictures) ->
            moments.add(new ReportData.Moment(update, List.copyOf(pictures.values()))));
    return moments;
  }
}
