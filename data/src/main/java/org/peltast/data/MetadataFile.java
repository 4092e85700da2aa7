package org.peltast.data;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.MappingIterator;
import tools.jackson.dataformat.csv.CsvMapper;
import tools.jackson.dataformat.csv.CsvReadFeature;
import tools.jackson.dataformat.csv.CsvSchema;

/**
 * A list of pictures with their captions: {@code metadata.jsonl} with one object a line, or {@code
 * metadata.csv} with a line of column names, as Hugging Face's {@code datasets} reads them.
 */
final class MetadataFile {
  /** Their names in a folder; the first that is there counts. */
  static final List<String> NAMES = List.of("metadata.jsonl", "metadata.csv");

  /** Keys that name a picture, in the order in which they count. */
  static final List<String> FILE_KEYS =
      List.of("file_name", "image", "filename", "file", "image_path", "file_path", "path");

  /** Keys of captions, in the order in which they count. */
  static final List<String> CAPTION_KEYS =
      List.of("text", "caption", "prompt", "texts", "captions", "prompts");

  /**
   * A picture of the list.
   *
   * @param where its place, to start a message with
   * @param captions as they are spelled; empty if there is none
   */
  record Row(String where, String file, List<String> captions) {}

  private MetadataFile() {}

  /**
   * Reads a list.
   *
   * @param captionKey the key of the captions; empty for the usual ones
   * @throws DataException naming the file and the line of a mistake
   */
  static List<Row> read(FolderListing.Found file, String captionKey) {
    List<String> keys = captionKey.isEmpty() ? CAPTION_KEYS : List.of(captionKey);
    boolean json = file.ending().equalsIgnoreCase("jsonl");
    List<JsonLine> lines =
        json ? JsonLine.all(PromptList.lines(file.path()), file.path()) : csv(file);
    List<Row> rows = new ArrayList<>();
    for (JsonLine line : lines) {
      if (!line.isObject()) {
        throw new DataException(
            String.format(Locale.ROOT, "%s is not a JSON object.", line.where()));
      }
      List<String> names = line.names(fileKeys(line));
      if (names.size() != 1) {
        throw new DataException(
            String.format(
                Locale.ROOT,
                "%s lacks %s; it has %s.",
                line.where(),
                JsonLine.named(FILE_KEYS.subList(0, 2)),
                quoted(line.keys())));
      }
      rows.add(new Row(line.where(), names.get(0), line.texts(keys)));
    }
    if (!lines.isEmpty() && lines.stream().noneMatch(line -> line.has(keys))) {
      throw new DataException(
          String.format(
              Locale.ROOT,
              "%s lacks %s, as do all others; it has %s: name the captions' key, as in --set data.captionKey=…",
              lines.get(0).where(),
              JsonLine.named(keys.subList(0, Math.min(3, keys.size()))),
              quoted(lines.get(0).keys())));
    }
    return rows;
  }

  /** The usual keys, and after them any that ends as those of {@code datasets} do. */
  private static List<String> fileKeys(JsonLine line) {
    List<String> keys = new ArrayList<>(FILE_KEYS);
    line.keys().stream().filter(key -> key.endsWith("_file_name")).forEach(keys::add);
    return keys;
  }

  /** The rows of a table as objects whose keys are in its first line. */
  private static List<JsonLine> csv(FolderListing.Found file) {
    List<String> lines = PromptList.lines(file.path());
    List<JsonLine> all = new ArrayList<>();
    if (lines.isEmpty()) {
      return all;
    }
    int before = lines.get(0).matches("(?i)sep=.") ? 1 : 0; // Excel's own line
    lines = lines.subList(before, lines.size());
    if (lines.isEmpty()) {
      return all;
    }
    CsvSchema schema = CsvSchema.emptySchema().withColumnSeparator(separator(lines.get(0)));
    int line = 1 + before;
    try (MappingIterator<String[]> rows =
        CsvMapper.builder()
            .enable(CsvReadFeature.WRAP_AS_ARRAY, CsvReadFeature.SKIP_EMPTY_LINES)
            .build()
            .readerFor(String[].class)
            .with(schema)
            .readValues(String.join("\n", lines))) {
      String[] columns = null;
      for (int number = 0; rows.hasNext(); number++) {
        line = rows.currentLocation().getLineNr() + before;
        String[] cells = rows.next();
        if (columns == null) {
          columns = cells;
          continue;
        }
        String where = String.format(Locale.ROOT, "Row %d of %s", number, file.path());
        if (cells.length > columns.length) {
          throw new DataException(
              String.format(
                  Locale.ROOT,
                  "%s has %d cells, but the first line names %d columns; put captions with a '%s' in them between double quotes.",
                  where,
                  cells.length,
                  columns.length,
                  schema.getColumnSeparator()));
        }
        Map<String, String> row = new LinkedHashMap<>();
        for (int i = 0; i < cells.length; i++) { // what a short row lacks is missing
          row.put(columns[i].strip(), cells[i]);
        }
        all.add(JsonLine.of(row, where));
      }
    } catch (JacksonException e) {
      throw new DataException(
          String.format(
              Locale.ROOT,
              "The file %s is no table at line %d (%s); a cell with quotes in it stands between double quotes, with each of them doubled.",
              file.path(),
              line,
              e.getOriginalMessage()),
          e);
    }
    return all;
  }

  /** What the columns' names are parted by: spreadsheets write others where a comma is decimal. */
  private static char separator(String header) {
    char most = ',';
    for (char candidate : new char[] {';', '\t'}) {
      most = count(header, candidate) > count(header, most) ? candidate : most;
    }
    return most;
  }

  private static long count(String text, char c) {
    return text.chars().filter(other -> other == c).count();
  }

  private static String quoted(List<String> keys) {
    return keys.isEmpty()
        ? "none"
        : keys.stream()
            .limit(10)
            .map(key -> "\"" + CaptionText.oneLine(key) + "\"")
            .collect(Collectors.joining(", "));
  }
}
