package org.peltast.runs;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * {@code manifest.json}: the size and checksum of each file of a checkpoint.
 *
 * <p>The manifest needs no checksum of its own: it is accepted only if it is, byte for byte, what
 * its content is written as, and everything in its content is compared with the folder.
 */
record Manifest(int format, long update, SortedMap<String, Entry> files) {
  static final String NAME = "manifest.json";
  private static final int FORMAT = 1;
  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(SerializationFeature.INDENT_OUTPUT)
          .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .build();

  record Entry(long bytes, String sha256) {}

  static Manifest of(long update, Path folder) throws IOException {
    SortedMap<String, Entry> files = new TreeMap<>();
    for (String name : Checksums.filesUnder(folder)) {
      Path file = folder.resolve(name);
      files.put(name, new Entry(Files.size(file), Checksums.ofFile(file)));
    }
    return new Manifest(FORMAT, update, files);
  }

  byte[] toBytes() {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("format", format);
    fields.put("update", update);
    fields.put("files", files);
    return (JSON.writeValueAsString(fields) + "\n").getBytes(StandardCharsets.UTF_8);
  }

  /** What is wrong with a checkpoint's folder, in a few words; nothing if it is whole. */
  static Optional<String> damage(long update, Path folder) {
    Path path = folder.resolve(NAME);
    try {
      byte[] bytes = Files.readAllBytes(path);
      Manifest manifest = JSON.readValue(bytes, Manifest.class);
      if (manifest.files() == null || !Arrays.equals(bytes, manifest.toBytes())) {
        return Optional.of(NAME + " is not as it was written");
      }
      if (manifest.format() != FORMAT) {
        return Optional.of(NAME + " has format " + manifest.format() + ", not " + FORMAT);
      }
      if (manifest.update() != update) {
        return Optional.of(NAME + " speaks of update " + manifest.update());
      }
      for (Map.Entry<String, Entry> file : manifest.files().entrySet()) {
        Optional<String> wrong = damage(folder, file.getKey(), file.getValue());
        if (wrong.isPresent()) {
          return wrong;
        }
      }
      for (String name : Checksums.filesUnder(folder)) {
        if (!name.equals(NAME) && !manifest.files().containsKey(name)) {
          return Optional.of(name + " is not in " + NAME);
        }
      }
      return Optional.empty();
    } catch (JacksonException e) {
      return Optional.of(NAME + " is not as it was written");
    } catch (IOException e) {
      return Optional.of(
          Files.exists(path) ? "it cannot be read: " + e.getMessage() : NAME + " is missing");
    }
  }

  private static Optional<String> damage(Path folder, String name, Entry entry) throws IOException {
    Path file = folder.resolve(name).normalize();
    if (!file.startsWith(folder.normalize()) || !Files.isRegularFile(file)) {
      return Optional.of(name + " is missing");
    }
    if (Files.size(file) != entry.bytes()) {
      return Optional.of(
          String.format(
              Locale.ROOT, "%s has %d bytes instead of %d", name, Files.size(file), entry.bytes()));
    }
    return Checksums.ofFile(file).equals(entry.sha256())
        ? Optional.empty()
        : Optional.of("the checksum of " + name + " is wrong");
  }
}
