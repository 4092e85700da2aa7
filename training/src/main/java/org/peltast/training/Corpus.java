package org.peltast.training;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.peltast.data.CaptionedImages;
import org.peltast.data.DataException;
import org.peltast.data.EmojiCorpus;
import org.peltast.data.GeneralPrompts;
import org.peltast.data.ImageFolder;
import org.peltast.data.PromptList;
import org.peltast.data.Prompts;
import org.peltast.runs.Progress;

/**
 * What a run learns from and is looked at with: the emoji corpus, a folder of captioned pictures,
 * or a list of prompts, as {@link DataRecipe#images} says.
 */
public interface Corpus {
  /** Sentences about pictures that were left out: beyond so many, only their number. */
  int NAMED = 20;

  /** The captions to learn from. */
  Prompts captions();

  /** The pictures to learn from, a collection for each size; empty if there are prompts alone. */
  List<CaptionedImages> pictures();

  /** At most so many prompts to look at and to measure on, in an order that is always the same. */
  Examples examples(int count);

  /**
   * What there is to measure a model on.
   *
   * @param examples prompts with their real pictures
   * @param reference other real pictures, whose statistics the distance is to; empty for the emoji,
   *     whose statistics lie beside the judge
   * @param all every real picture of that kind
   * @param standing what the examples are to a model that learnt from this corpus
   */
  record Measured(
      Examples examples, Optional<Examples> reference, Examples all, Standing standing) {}

  /** What prompts are to a model, from what is known best to what is worst. */
  enum Standing {
    /** The test pairs, which nothing is trained or chosen on. */
    HELD_OUT("held-out prompts"),
    /** Pairs that choices are made on. */
    VALIDATION("validation prompts"),
    /** Pictures of somebody's own, which a model may have learnt from or not. */
    UNKNOWN("prompts of your own"),
    /** Part of what was learnt from. */
    LEARNT("prompts that were learnt from");

    private final String words;

    Standing(String words) {
      this.words = words;
    }

    /** What they are to two models: the worse of both. */
    public Standing or(Standing other) {
      return compareTo(other) >= 0 ? this : other;
    }

    /** It in words, to stand behind a number. */
    public String words() {
      return words;
    }
  }

  /**
   * What the prompts to measure on are to a model that may have learnt from something else, judged
   * by what its folder tells of its run.
   *
   * @param provenance of the model
   */
  Standing standing(Map<String, String> provenance);

  /**
   * At most so many prompts to measure on, with their real pictures and what these are compared to.
   *
   * @throws DataException if there are fewer than four pictures
   */
  Measured measured(int count);

  /** Pictures like those to learn from that are not learnt from, to choose hyper-parameters on. */
  default Optional<CaptionedImages> validation() {
    return Optional.empty();
  }

  /** Names the content, for provenance: what it is and its checksum. */
  Map<String, String> inputs();

  /**
   * Opens what a recipe names, drawing or decoding on first use.
   *
   * @param notices is told, in sentences, of captions cut and pictures left out
   * @throws DataException if it is not there, or nothing in it can be used
   */
  static Corpus open(DataRecipe data, Progress progress, Consumer<String> notices) {
    DataRecipe.Source source = data.source();
    if (source instanceof DataRecipe.Source.Folder folder) {
      ImageFolder opened =
          ImageFolder.open(
              folder.path(),
              ImageFolder.Options.ofSize(data.size())
                  .withFit(data.fit())
                  .withCaptionKey(data.captionKey())
                  .withPreparation((what, done, total) -> progress.step(done, total, Map.of())));
      progress.close(); // what is told should not stand in the middle of a bar
      opened.notes().forEach(notices);
      tellSkipped(opened, notices);
      return new OfFolder(opened.groups());
    }
    if (source instanceof DataRecipe.Source.PromptFile file) {
      PromptList prompts = PromptList.read(file.path());
      prompts.notes().forEach(notices);
      return new OfPrompts(prompts);
    }
    if (source instanceof DataRecipe.Source.General) {
      return new OfPrompts(GeneralPrompts.list());
    }
    return new OfEmoji(
        EmojiCorpus.open(
            EmojiCorpus.Options.ofSize(data.size())
                .withConcepts(data.limit())
                .withPreparation((what, done, total) -> progress.step(done, total, Map.of()))),
        data.emoji());
  }

  private static void tellSkipped(ImageFolder folder, Consumer<String> notices) {
    List<String> skipped = folder.skipped();
    if (skipped.isEmpty()) {
      return;
    }
    int used = folder.groups().stream().mapToInt(Prompts::size).sum();
    notices.accept(
        String.format(
            Locale.ROOT,
            "%d of %d pictures cannot be used and are left out:",
            skipped.size(),
            used + skipped.size()));
    skipped.stream().limit(NAMED).forEach(sentence -> notices.accept("  " + sentence));
    if (skipped.size() > NAMED) {
      notices.accept(String.format(Locale.ROOT, "  … and %d more.", skipped.size() - NAMED));
    }
  }

  /**
   * The built-in emoji: learnt from the training split, looked at on pairs kept from it, which are
   * the validation pairs if training leaves those out, and else the test pairs.
   */
  record OfEmoji(EmojiCorpus corpus, CaptionedImages learnt, boolean validated) implements Corpus {
    /** All that is not held out, plainly worded. */
    public OfEmoji(EmojiCorpus corpus) {
      this(corpus, EmojiCorpus.Training.plain());
    }

    OfEmoji(EmojiCorpus corpus, EmojiCorpus.Training training) {
      this(corpus, corpus.train(training), training.validation());
    }

    @Override
    public Prompts captions() {
      return learnt;
    }

    @Override
    public List<CaptionedImages> pictures() {
      return List.of(learnt);
    }

    @Override
    public Optional<CaptionedImages> validation() {
      return validated ? Optional.of(corpus.validation()) : Optional.empty();
    }

    @Override
    public Examples examples(int count) {
      return validated
          ? new Examples(corpus.validation(), corpus.validationOrder(count))
          : new Examples(corpus.heldOut(), corpus.evaluationOrder(count));
    }

    @Override
    public Measured measured(int count) {
      return new Measured(
          examples(count),
          Optional.empty(),
          examples(Integer.MAX_VALUE),
          validated ? Standing.VALIDATION : Standing.HELD_OUT);
    }

    @Override
    public Standing standing(Map<String, String> provenance) {
      String run = String.join("\n", provenance.values());
      String learntFrom = corpus.all().checksum() + " ";
      boolean known = run.contains(learntFrom);
      String kept = validated ? corpus.validationVersion() : "";
      boolean keptOut = run.contains((learntFrom + corpus.splitVersion() + " " + kept).strip());
      return known && !keptOut
          ? Standing.LEARNT
          : validated ? Standing.VALIDATION : Standing.HELD_OUT;
    }

    @Override
    public Map<String, String> inputs() {
      String split =
          validated
              ? corpus.splitVersion() + " " + corpus.validationVersion()
              : corpus.splitVersion();
      return Map.of("emoji", corpus.all().checksum() + " " + split);
    }
  }

  /** A user's pictures: all are learnt from, and some of the largest group's are looked at. */
  record OfFolder(List<CaptionedImages> pictures) implements Corpus {
    @Override
    public Prompts captions() {
      return pictures.size() == 1 ? pictures.get(0) : new Joined(pictures);
    }

    @Override
    public Examples examples(int count) {
      return Examples.evenly(pictures.get(0), count);
    }

    @Override
    public Standing standing(Map<String, String> provenance) {
      String run = String.join("\n", provenance.values());
      return inputs().values().stream().anyMatch(run::contains)
          ? Standing.LEARNT
          : Standing.UNKNOWN;
    }

    /** At most half of the largest group, so that the other half can be the reference. */
    @Override
    public Measured measured(int count) {
      CaptionedImages group = pictures.get(0);
      if (group.size() < 4) {
        throw new DataException(
            String.format(
                Locale.ROOT,
                "%s has %d pictures of one size, but measuring needs four or more: half to measure"
                    + " on, half to compare with.",
                group.name(),
                group.size()));
      }
      Examples examples = Examples.drawn(group, Math.min(count, group.size() / 2));
      return new Measured(
          examples,
          Optional.of(examples.others()),
          Examples.evenly(group, group.size()),
          Standing.LEARNT);
    }

    @Override
    public Map<String, String> inputs() {
      Map<String, String> all = new LinkedHashMap<>();
      pictures.forEach(group -> all.put("images " + group.name(), group.checksum()));
      return all;
    }
  }

  /** Prompts without pictures. */
  record OfPrompts(PromptList captions) implements Corpus {
    @Override
    public List<CaptionedImages> pictures() {
      return List.of();
    }

    @Override
    public Examples examples(int count) {
      return Examples.evenly(captions, count);
    }

    @Override
    public Standing standing(Map<String, String> provenance) {
      return Standing.UNKNOWN;
    }

    @Override
    public Measured measured(int count) {
      throw new DataException(
          captions.name() + " has no pictures, which measuring needs; name captioned pictures.");
    }

    @Override
    public Map<String, String> inputs() {
      return Map.of(captions.name(), captions.checksum());
    }
  }

  /** Several collections' captions, one after another. */
  record Joined(List<CaptionedImages> parts) implements Prompts {
    @Override
    public String name() {
      return parts.stream().map(Prompts::name).collect(Collectors.joining(" + "));
    }

    @Override
    public int size() {
      return parts.stream().mapToInt(Prompts::size).sum();
    }

    @Override
    public List<String> captions(int index) {
      int rest = index;
      for (CaptionedImages part : parts) {
        if (rest < part.size()) {
          return part.captions(rest);
        }
        rest -= part.size();
      }
      throw new IndexOutOfBoundsException(index);
    }

    @Override
    public String checksum() {
      return parts.stream().map(Prompts::checksum).collect(Collectors.joining(" "));
    }
  }

  /** So many numbers spread evenly over a collection. */
  static List<Integer> spread(int size, int count) {
    int n = Math.min(count, size);
    return IntStream.range(0, n).mapToObj(i -> (int) ((long) size * i / n)).toList();
  }
}
