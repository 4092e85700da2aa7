package org.peltast.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The same work in PyTorch, in a process of its own (a script of {@code bench/peer}) that waits for
 * its turns.
 */
final class PytorchPeer implements AutoCloseable {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  private final String variant;
  private final String python;
  private final Path messages;
  private final Process process;
  private final BufferedReader from;
  private final Writer to;

  private PytorchPeer(String variant, String python, Path messages, Process process) {
    this.variant = variant;
    this.python = python;
    this.messages = messages;
    this.process = process;
    this.from = process.inputReader(StandardCharsets.UTF_8);
    this.to = process.outputWriter(StandardCharsets.UTF_8);
  }

  /**
   * Starts a variant and waits until it is warm, which takes minutes if it compiles.
   *
   * @param script the peer script
   * @param variant as the script names it
   * @param sizes by the names of the script's options
   */
  static PytorchPeer start(String python, Path script, String variant, Map<String, Integer> sizes) {
    if (!Files.isReadable(script)) {
      throw new BenchException(
          script + " is not there; run from a clone of Peltast to compare with PyTorch.");
    }
    List<String> command = new ArrayList<>(List.of(python, script.toString(), variant, "--turns"));
    sizes.forEach(
        (name, value) -> {
          command.add("--" + name);
          command.add(value.toString());
        });
    Path messages = null;
    try {
      messages = Files.createTempFile("peltast-peer-", ".log");
      ProcessBuilder builder = new ProcessBuilder(command).redirectError(messages.toFile());
      PytorchPeer peer = new PytorchPeer(variant, python, messages, builder.start());
      peer.answer();
      return peer;
    } catch (IOException e) {
      delete(messages);
      throw new BenchException(
          String.format(
              Locale.ROOT,
              "%s cannot be started (%s); name a Python that has torch and diffusers with --python.",
              python,
              e.getMessage()));
    } catch (RuntimeException e) {
      delete(messages);
      throw e;
    }
  }

  /** Does what it is there for once; its seconds. */
  double turn() {
    return say("go").path("seconds").asDouble();
  }

  /** Ends the process; the most megabytes it held. */
  long end() {
    return say("stop").path("peakRssMb").asLong();
  }

  private JsonNode say(String word) {
    try {
      to.write(word + "\n");
      to.flush();
    } catch (IOException gone) {
      throw died();
    }
    return answer();
  }

  private JsonNode answer() {
    try {
      String line = from.readLine();
      if (line == null) {
        throw died();
      }
      JsonNode answer = JSON.readTree(line);
      if (answer.has("missing")) {
        String missing = answer.path("missing").asString();
        throw new BenchException(
            String.format(
                Locale.ROOT,
                "%s has no package %s; install it with `%s -m pip install torch diffusers`, or name another Python with --python.",
                python,
                missing,
                python));
      }
      if (answer.has("error")) {
        throw new BenchException(answer.path("error").asString() + ".");
      }
      return answer;
    } catch (IOException | JacksonException e) {
      throw died();
    }
  }

  private BenchException died() {
    process.destroy();
    String last = lastMessage();
    return new BenchException(
        String.format(
            Locale.ROOT,
            "the PyTorch variant %s ended before its turn%s.",
            variant,
            last == null ? "" : ": " + last));
  }

  private @Nullable String lastMessage() {
    try {
      List<String> lines = Files.readAllLines(messages).stream().filter(l -> !l.isBlank()).toList();
      return lines.isEmpty() ? null : lines.get(lines.size() - 1).strip();
    } catch (IOException unreadable) {
      return null;
    }
  }

  private static void delete(@Nullable Path file) {
    if (file != null) {
      try {
        Files.deleteIfExists(file);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(10, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
    delete(messages);
  }
}
