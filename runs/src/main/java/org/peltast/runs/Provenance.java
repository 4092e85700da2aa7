package org.peltast.runs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Where a result comes from, besides its recipe.
 *
 * @param started when
 * @param versions of the software: {@code peltast}, {@code libtorch}, …; {@code jdk} is added
 * @param system operating system and processor: {@code os}, {@code cpu}, {@code cores}
 * @param seeds by name
 * @param inputs SHA-256 of what was read (weights, data, prompts), by name
 */
public record Provenance(
    String started,
    SortedMap<String, String> versions,
    SortedMap<String, String> system,
    SortedMap<String, Long> seeds,
    SortedMap<String, String> inputs) {
  private static final JsonMapper JSON =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  /** Copies. */
  public Provenance {
    versions = Collections.unmodifiableSortedMap(new TreeMap<>(versions));
    system = Collections.unmodifiableSortedMap(new TreeMap<>(system));
    seeds = Collections.unmodifiableSortedMap(new TreeMap<>(seeds));
    inputs = Collections.unmodifiableSortedMap(new TreeMap<>(inputs));
  }

  /**
   * Here and now: this JDK, this machine.
   *
   * @param versions of all that the JDK does not know: {@code peltast}, {@code libtorch}, …
   */
  public static Provenance now(
      Map<String, String> versions, Map<String, Long> seeds, Map<String, String> inputs) {
    SortedMap<String, String> all = new TreeMap<>(versions);
    all.put(
        "jdk",
        System.getProperty("java.runtime.version") + " " + System.getProperty("java.vm.name"));
    SortedMap<String, String> system = new TreeMap<>();
    system.put(
        "os",
        String.format(
            Locale.ROOT,
            "%s %s %s",
            System.getProperty("os.name"),
            System.getProperty("os.version"),
            System.getProperty("os.arch")));
    system.put("cpu", processor());
    system.put("cores", Integer.toString(Runtime.getRuntime().availableProcessors()));
    return new Provenance(
        Instant.now().toString(), all, system, new TreeMap<>(seeds), new TreeMap<>(inputs));
  }

  /** The processor's name where Linux tells it, else its architecture. */
  private static String processor() {
    try {
      List<String> lines = Files.readAllLines(Path.of("/proc/cpuinfo"));
      for (String line : lines) {
        if (line.startsWith("model name")) {
          return line.substring(line.indexOf(':') + 1).strip();
        }
      }
    } catch (IOException e) {
      // not Linux
    }
    return String.valueOf(System.getProperty("os.arch"));
  }

  /** As indented JSON. */
  public String toJson() {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("started", started);
    fields.put("versions", versions);
    fields.put("system", system);
    fields.put("seeds", seeds);
    fields.put("inputs", inputs);
    return JSON.writeValueAsString(fields) + "\n";
  }

  /** From JSON, as {@link #toJson} gives it. */
  public static Provenance fromJson(String json) {
    return JSON.readValue(json, Provenance.class);
  }
}
