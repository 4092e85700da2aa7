package org.peltast.report;

import java.awt.image.BufferedImage;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a report shows, from top to bottom. Empty lists leave their section out.
 *
 * @param title of the page
 * @param lead one or two sentences under the title
 * @param headlines the few figures that a reader should take home
 * @param gallery the same prompts through every source
 * @param variety several pictures of one prompt
 * @param figures the table
 * @param story the strip of pictures at rising updates
 * @param charts curves of the run
 * @param facts tables of names and values: versions, times, checksums
 * @param recipe the resolved recipe, as YAML; empty leaves it out
 * @param next what a reader may do now
 */
public record ReportData(
    String title,
    String lead,
    List<Headline> headlines,
    @Nullable Gallery gallery,
    @Nullable Variety variety,
    @Nullable Table figures,
    @Nullable Story story,
    List<Chart> charts,
    List<Facts> facts,
    String recipe,
    List<Next> next) {
  /** Copies. */
  public ReportData {
    next = List.copyOf(next);
    headlines = List.copyOf(headlines);
    charts = List.copyOf(charts);
    facts = List.copyOf(facts);
  }

  /** Whose line or picture it is; decides the colour everywhere on the page. */
  public enum Tone {
    STUDENT,
    TEACHER,
    /** CFG augmentation, the engine. */
    SPEAR,
    /** Distribution matching, the regulariser. */
    SHIELD,
    REAL,
    NEUTRAL
  }

  /**
   * A figure in large type.
   *
   * @param value as shown, with its unit: "×41"
   * @param label what it is, in a few words
   * @param note what it is measured against; may be empty
   */
  public record Headline(String value, String label, String note) {}

  /**
   * Pictures by prompt and source.
   *
   * @param seed of the noise that all pictures start from
   * @param sources the columns
   * @param prompts the rows
   */
  public record Gallery(long seed, List<Source> sources, List<Prompt> prompts) {
    /** Checks that every prompt has a picture for every source. */
    public Gallery {
      sources = List.copyOf(sources);
      prompts = List.copyOf(prompts);
      for (Prompt prompt : prompts) {
        if (prompt.pictures().size() != sources.size()) {
          throw new IllegalArgumentException(
              String.format(
                  Locale.ROOT,
                  "'%s' has %d pictures for %d sources",
                  prompt.text(),
                  prompt.pictures().size(),
                  sources.size()));
        }
      }
    }
  }

  /**
   * Several pictures of one prompt from each source, from other noise each.
   *
   * @param samples how many
   * @param sources a row of each prompt's pictures each
   * @param prompts with the first source's pictures, then the next one's
   */
  public record Variety(int samples, List<Source> sources, List<Prompt> prompts) {
    /** Checks that every prompt has so many pictures for every source. */
    public Variety {
      sources = List.copyOf(sources);
      prompts = List.copyOf(prompts);
      for (Prompt prompt : prompts) {
        if (prompt.pictures().size() != samples * sources.size()) {
          throw new IllegalArgumentException(
              String.format(
                  Locale.ROOT,
                  "'%s' has %d pictures for %d samples of %d sources",
                  prompt.text(),
                  prompt.pictures().size(),
                  samples,
                  sources.size()));
        }
      }
    }
  }

  /**
   * Where a column of pictures comes from.
   *
   * @param name short: it stands under every picture
   * @param explanation once, above the pictures
   */
  public record Source(String name, String explanation, Tone tone) {}

  /** A prompt and its picture from each source, in the order of the sources. */
  public record Prompt(String text, List<BufferedImage> pictures) {
    /** Copies. */
    public Prompt {
      pictures = List.copyOf(pictures);
    }
  }

  /**
   * The table of figures.
   *
   * @param caption what was measured on what
   * @param notes sentences below the table
   */
  public record Table(String caption, List<Column> columns, List<Row> rows, List<String> notes) {
    /** Checks that every row fills every column. */
    public Table {
      columns = List.copyOf(columns);
      rows = List.copyOf(rows);
      notes = List.copyOf(notes);
      for (Row row : rows) {
        if (row.cells().size() != columns.size()) {
          throw new IllegalArgumentException(
              String.format(
                  Locale.ROOT,
                  "'%s' has %d cells for %d columns",
                  row.name(),
                  row.cells().size(),
                  columns.size()));
        }
      }
    }
  }

  /** Which way is good. */
  public enum Better {
    LOWER,
    HIGHER,
    NEITHER
  }

  /**
   * A column of figures.
   *
   * @param unit behind the values; may be empty
   * @param decimals digits after the point
   * @param floor the value that perfection would measure (real against real), or null
   * @param plotted whether the column is also drawn, dots with their intervals
   */
  public record Column(
      String name,
      String unit,
      Better better,
      int decimals,
      @Nullable Double floor,
      boolean plotted) {}

  /** One model, or the real pictures; a null cell was not measured. */
  public record Row(String name, String note, Tone tone, List<@Nullable Estimate> cells) {
    /** Copies. */
    public Row {
      cells = java.util.Collections.unmodifiableList(new java.util.ArrayList<>(cells));
    }
  }

  /** A figure with its confidence interval; without one, both ends are the value. */
  public record Estimate(double value, double low, double high) {
    /** A figure without an interval. */
    public static Estimate of(double value) {
      return new Estimate(value, value, value);
    }
  }

  /**
   * The paper's story: pictures from the same prompts and noise, at rising updates.
   *
   * @param lead what to see
   * @param strands one for each run
   * @param variance the figure beneath, against the update
   */
  public record Story(String lead, List<Strand> strands, Chart variance) {
    /** Copies. */
    public Story {
      strands = List.copyOf(strands);
    }
  }

  /** One run of the story. */
  public record Strand(String name, String explanation, Tone tone, List<Moment> moments) {
    /** Copies. */
    public Strand {
      moments = List.copyOf(moments);
    }
  }

  /** The pictures of the story's prompts after an update. */
  public record Moment(long update, List<BufferedImage> pictures) {
    /** Copies. */
    public Moment {
      pictures = List.copyOf(pictures);
    }
  }

  /**
   * Lines over updates.
   *
   * @param explanation how to read it, in a sentence
   * @param logarithmic whether the vertical axis is; values of 0 and less are then left out
   */
  public record Chart(String title, String explanation, boolean logarithmic, List<Series> series) {
    /** Copies. */
    public Chart {
      series = List.copyOf(series);
    }
  }

  /**
   * One line.
   *
   * @param points by rising x; a y of NaN interrupts the line
   * @param dashed for what is only compared with
   */
  public record Series(String name, Tone tone, List<Point> points, boolean dashed) {
    /** Copies. */
    public Series {
      points = List.copyOf(points);
    }
  }

  /** A place on a line. */
  public record Point(double x, double y) {}

  /** A table of names and values. */
  public record Facts(String title, Map<String, String> values) {
    /** Copies, in order. */
    public Facts {
      values = java.util.Collections.unmodifiableMap(new java.util.LinkedHashMap<>(values));
    }
  }

  /**
   * A way to go on.
   *
   * @param purpose in a few words
   * @param command as typed
   */
  public record Next(String purpose, String command) {}
}
