package org.peltast.cli;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.peltast.data.CacheFolder;
import org.peltast.data.CaptionedImages;
import org.peltast.data.EmojiCorpus;
import org.peltast.data.ImageFolderWriter;
import org.peltast.report.Formats;
import org.peltast.report.PictureGrid;
import org.peltast.runs.Progress;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "data",
    description = {
      "Prepares the built-in corpus of captioned emoji and says what is in it.",
      "The drawings come with the build; they are drawn once at each size and kept in the cache folder."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast data",
      "  peltast data --size 128 --sheet held-out.png",
      "  peltast data --prompts 256 > prompts.txt",
      "  peltast data --size 32 --export emoji-32"
    })
final class DataCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--size",
      paramLabel = "PIXELS",
      description = "edge of the pictures (default: ${DEFAULT-VALUE})")
  private int size = 64;

  @Option(
      names = "--cache",
      paramLabel = "DIR",
      description = "where to keep them (default: PELTAST_CACHE, or the user's folder of caches)")
  private @Nullable Path cache;

  @Option(
      names = "--sheet",
      paramLabel = "FILE.png",
      description = "write a contact sheet of held-out pictures with their captions")
  private @Nullable Path sheet;

  @Option(
      names = "--count",
      paramLabel = "N",
      description = "pictures on the sheet (default: ${DEFAULT-VALUE})")
  private int count = 64;

  @Option(
      names = "--prompts",
      paramLabel = "N",
      description =
          "print the first N held-out prompts, in the order of every evaluation, and nothing else")
  private int prompts;

  @Option(
      names = "--export",
      paramLabel = "DIR",
      description =
          "write the pictures to train on as PNGs with a metadata.jsonl, into a new folder")
  private @Nullable Path export;

  @SuppressWarnings("NullAway.Init") // picocli injects the fields before it calls anything here
  DataCommand() {}

  @Override
  public Integer call() throws IOException {
    if (count < 1 || prompts < 0) {
      throw new CommandException("--count must be at least 1 and --prompts not negative.");
    }
    PrintWriter out = spec.commandLine().getOut();
    Path folder = cache == null ? CacheFolder.standard() : cache;
    EmojiCorpus corpus;
    try (Progress progress = Display.progress("drawing emoji")) {
      corpus =
          EmojiCorpus.open(
              EmojiCorpus.Options.ofSize(size)
                  .withCache(folder)
                  .withPreparation((what, done, total) -> progress.step(done, total, Map.of())));
    }
    CaptionedImages heldOut = corpus.heldOut();
    if (prompts > 0) {
      corpus.evaluationOrder(prompts).forEach(i -> out.println(heldOut.captions(i).get(0)));
    } else {
      describe(corpus, folder, out);
    }
    if (sheet != null) {
      List<Integer> order = corpus.evaluationOrder(count);
      List<BufferedImage> pictures = new ArrayList<>();
      order.forEach(i -> pictures.add(heldOut.picture(i)));
      int scale = Math.max(1, 128 / size);
      PictureGrid.write(
          PictureGrid.draw(
              pictures, order.stream().map(i -> heldOut.captions(i).get(0)).toList(), 8, scale),
          sheet);
      System.err.println("Wrote " + sheet + ".");
    }
    if (export != null) {
      try (Progress progress = Display.progress("writing pictures")) {
        ImageFolderWriter.write(
            corpus.train(), export, (what, done, total) -> progress.step(done, total, Map.of()));
      }
      System.err.println("Wrote " + corpus.train().size() + " pictures to " + export + ".");
    }
    out.flush();
    return ExitCode.OK;
  }

  private void describe(EmojiCorpus corpus, Path folder, PrintWriter out) {
    out.printf(
        Locale.ROOT,
        "%d pictures of %d × %d pixels in %s%n",
        corpus.all().size(),
        size,
        size,
        folder);
    out.printf(
        Locale.ROOT,
        "%d to train on, %d held out (%s), checksum %.16s%n%n",
        corpus.train().size(),
        corpus.heldOut().size(),
        corpus.splitVersion(),
        corpus.all().checksum());
    Map<String, Integer> train = families(corpus.train());
    Map<String, Integer> heldOut = families(corpus.heldOut());
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("family", "train", "held out"));
    train.forEach(
        (family, n) ->
            rows.add(
                List.of(
                    family,
                    Integer.toString(n),
                    Integer.toString(heldOut.getOrDefault(family, 0)))));
    Formats.columns(rows, false, true, true).forEach(out::println);
    out.println();
    out.println("Captions of a held-out picture:");
    corpus
        .heldOut()
        .captions(corpus.evaluationOrder(1).get(0))
        .forEach(caption -> out.println("  " + caption));
  }

  private static Map<String, Integer> families(CaptionedImages images) {
    Map<String, Integer> families = new TreeMap<>();
    IntStream.range(0, images.size())
        .forEach(i -> families.merge(images.item(i).family(), 1, Integer::sum));
    return families;
  }
}
