package org.peltast.safetensors;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.json.JsonMapper;

/**
 * Damages good files in every way and opens them: each is refused in one sentence, or is a good
 * file still, which a second reading of its header, by other code, must confirm.
 */
class MutationFuzzTest {
  private static final int CASES = 20_000;
  private static final int INDEX_CASES = 4_000;

  private static final ObjectMapper JSON =
      JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  /** Pieces of headers, good and bad, to be put into others. */
  private static final String[] PIECES = {
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "-",
    "0",
    "1",
    "9",
    "e9",
    ".0",
    " ",
    "\n",
    "\\",
    "\\u0000",
    "\\ud800",
    "null",
    "true",
    "9223372036854775807",
    "18446744073709551615",
    "\"U8\"",
    "\"F64\"",
    "\"F4\"",
    "\"dtype\"",
    "\"shape\":[]",
    "\"data_offsets\":[0,0]",
    "\"__metadata__\":{}",
    "é",
    "\ud83d\ude00",
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
    "../",
    "/",
    "\"a.safetensors\"",
    "\"weight_map\"",
    "\0",
    "//",
    "NaN"
  };

  @TempDir Path folder;

  @Test
  void everyDamagedFileIsRefusedOrStillGood() throws Exception {
    List<byte[]> seeds =
        List.of(
            Raw.read(Raw.golden("types.safetensors")),
            Raw.read(Raw.golden("names.safetensors")),
            Raw.read(Raw.golden("shapes.safetensors")),
            Raw.read(Raw.golden("empty.safetensors")),
            Raw.read(Raw.golden("sharded").resolve("model-00002-of-00003.safetensors")));
    Random random = new Random(7);
    Path file = folder.resolve("f.safetensors");
    int accepted = 0;
    int headersRead = 0;
    for (int i = 0; i < CASES; i++) {
      byte[] seed = seeds.get(i % seeds.size());
      int header = (int) ByteBuffer.wrap(seed).order(ByteOrder.LITTLE_ENDIAN).getLong();
      byte[] bytes;
      if (i % 4 == 0) {
        bytes = mutate(random, seed);
      } else {
        // Keep the length true to the header, so that the damage gets past the first check.
        byte[] changed = mutate(random, Arrays.copyOfRange(seed, 8, 8 + header));
        bytes = Raw.file(changed, seed.length - 8 - header);
      }
      Raw.write(file, bytes);
      try (Checkpoint checkpoint = Checkpoint.open(file)) {
        accepted++;
        confirm(bytes, checkpoint);
      } catch (SafetensorsException e) {
        assertSentence(i, e, file);
        headersRead += e.tensor().isPresent() ? 1 : 0;
      } catch (RuntimeException | Error e) {
        throw new AssertionError("case " + i + ": " + Arrays.toString(bytes), e);
      }
    }
    // The fuzzer must reach all depths: good files, and tensors at fault.
    assertThat(accepted).isGreaterThan(CASES / 50);
    assertThat(headersRead).isGreaterThan(CASES / 10);
  }

  @Test
  void everyDamagedIndexIsRefusedOrStillGood() throws Exception {
    Path golden = Raw.golden("sharded");
    for (String name : Raw.list(golden)) {
      Files.copy(golden.resolve(name), folder.resolve(name));
    }
    Path index = folder.resolve("model.safetensors.index.json");
    byte[] seed = Raw.read(index);
    Random random = new Random(11);
    int accepted = 0;
    int refused = 0;
    for (int i = 0; i < INDEX_CASES; i++) {
      byte[] bytes = mutate(random, seed);
      Raw.write(index, bytes);
      try (Checkpoint checkpoint = Checkpoint.open(index)) {
        accepted++;
        JsonNode map = JSON.readTree(bytes).get("weight_map");
        assertThat(checkpoint.tensors()).hasSize(map.size());
        map.propertyNames().forEach(checkpoint::require);
      } catch (SafetensorsException e) {
        refused++;
        assertThat(e.getMessage().lines()).as("case " + i).hasSize(1);
        assertThat(e.getMessage()).as("case " + i).startsWith(folder.toString());
      } catch (RuntimeException | Error e) {
        throw new AssertionError("case " + i + ": " + new String(bytes, "ISO-8859-1"), e);
      }
    }
    assertThat(accepted).isGreaterThan(10);
    assertThat(refused).isGreaterThan(INDEX_CASES / 2);
  }

  /** The header by a general JSON reader: what the checkpoint shows must be what it says. */
  private static void confirm(byte[] bytes, Checkpoint checkpoint) {
    ByteBuffer all = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int header = (int) all.getLong(0);
    JsonNode root = JSON.readTree(new String(bytes, 8, header, StandardCharsets.UTF_8));
    boolean[] covered = new boolean[bytes.length - 8 - header];
    int tensors = 0;
    for (var entry : root.properties()) {
      if (entry.getKey().equals("__metadata__")) {
        assertThat(checkpoint.metadata()).hasSize(entry.getValue().size());
        continue;
      }
      tensors++;
      TensorInfo info = checkpoint.require(entry.getKey());
      assertThat(info.type().name()).isEqualTo(entry.getValue().get("dtype").stringValue());
      int begin = entry.getValue().get("data_offsets").get(0).intValue();
      int end = entry.getValue().get("data_offsets").get(1).intValue();
      long bits = info.type().bits();
      int dimensions = 0;
      for (JsonNode size : entry.getValue().get("shape")) {
        assertThat(info.shape().get(dimensions++)).isEqualTo(size.longValue());
        bits *= size.longValue();
      }
      assertThat(info.shape()).hasSize(dimensions);
      assertThat(bits).isEqualTo(8L * (end - begin));
      assertThat(checkpoint.data(info.name()))
          .isEqualTo(all.slice(8 + header + begin, end - begin));
      for (int i = begin; i < end; i++) {
        assertThat(covered[i]).isFalse();
        covered[i] = true;
      }
    }
    assertThat(checkpoint.tensors()).hasSize(tensors);
    for (boolean byteCovered : covered) {
      assertThat(byteCovered).isTrue();
    }
  }

  private static void assertSentence(int i, SafetensorsException e, Path file) {
    String message = e.getMessage();
    if (!message.startsWith(file + ": ")
        || !message.contains("; ")
        || message.lines().count() != 1
        || message.length() > 900) {
      throw new AssertionError("case " + i + " is no sentence about the file: " + message);
    }
  }

  /**
   * One to three changes: bits, bytes, pieces put in, cut out, doubled, moved, digits, the length.
   */
  private static byte[] mutate(Random random, byte[] seed) {
    byte[] bytes = seed.clone();
    int changes = 1 + random.nextInt(3);
    for (int c = 0; c < changes; c++) {
      int length = bytes.length;
      int at = length == 0 ? 0 : random.nextInt(length);
      switch (random.nextInt(10)) {
        case 0 -> {
          if (length > 0) {
            bytes[at] ^= (byte) (1 << random.nextInt(8));
          }
        }
        case 1 -> {
          if (length > 0) {
            bytes[at] = (byte) random.nextInt(256);
          }
        }
        case 2, 3 -> {
          String piece = PIECES[random.nextInt(PIECES.length)];
          bytes = splice(bytes, at, at, piece.getBytes(StandardCharsets.UTF_8));
        }
        case 4 -> {
          byte[] piece = PIECES[random.nextInt(PIECES.length)].getBytes(StandardCharsets.UTF_8);
          bytes = splice(bytes, at, Math.min(length, at + piece.length), piece);
        }
        case 5 ->
            bytes = splice(bytes, at, Math.min(length, at + 1 + random.nextInt(40)), new byte[0]);
        case 6 -> {
          byte[] piece = Arrays.copyOfRange(bytes, at, Math.min(length, at + random.nextInt(120)));
          int to = random.nextInt(length + 1);
          bytes = splice(bytes, to, to, piece);
        }
        case 7 -> {
          // A digit for a digit keeps the JSON whole and reaches the checks of sizes and offsets.
          for (int i = 0; i < length; i++) {
            int j = (at + i) % length;
            if (bytes[j] >= '0' && bytes[j] <= '9') {
              bytes[j] = (byte) ('0' + random.nextInt(10));
              break;
            }
          }
        }
        case 8 -> {
          // A letter for a letter: names, types and fields.
          for (int i = 0; i < length; i++) {
            int j = (at + i) % length;
            if (Character.isLetter(bytes[j])) {
              bytes[j] = (byte) ((random.nextBoolean() ? 'a' : 'A') + random.nextInt(26));
              break;
            }
          }
        }
        default -> {
          int keep = random.nextInt(length + 1);
          bytes = Arrays.copyOf(bytes, random.nextInt(8) == 0 ? keep : length);
        }
      }
    }
    return bytes;
  }

  private static byte[] splice(byte[] bytes, int from, int to, byte[] piece) {
    byte[] out = new byte[bytes.length - (to - from) + piece.length];
    System.arraycopy(bytes, 0, out, 0, from);
    System.arraycopy(piece, 0, out, from, piece.length);
    System.arraycopy(bytes, to, out, from + piece.length, bytes.length - to);
    return out;
  }
}
