package org.peltast.safetensors;

import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.json.JsonFactory;

/**
 * The JSON at the head of a file: metadata, and for each tensor its type, shape and place in the
 * data that follows.
 *
 * <p>Reading is strict where the format's description is: the header begins with a brace and ends
 * with one, white space aside; the data offsets cover the data without gap or overlap, which leaves
 * no bytes that a reader would not see; no key stands twice. Unknown fields of a tensor are
 * refused, because a field that a later version adds may change what the bytes mean.
 *
 * @param metadata the file's {@code __metadata__}, in the file's order, unmodifiable
 * @param entries the tensors in the order of their data
 */
record Header(Map<String, String> metadata, List<Entry> entries) {
  static final String METADATA = "__metadata__";

  /** The reference library's limit: a longer header is refused before anything is read. */
  static final int MAX_BYTES = 100_000_000;

  /** Bytes of the length that comes first. */
  static final int LENGTH_BYTES = 8;

  static final String MEND =
      "the file is damaged or was not written by a safetensors library: fetch or write it again";

  /** Names are kept once each and never looked up again, so the parser need not intern them. */
  static final JsonFactory JSON =
      JsonFactory.builder()
          .disable(TokenStreamFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
          .disable(TokenStreamFactory.Feature.INTERN_PROPERTY_NAMES)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNameLength(Integer.MAX_VALUE)
                  .maxStringLength(Integer.MAX_VALUE)
                  .build())
          .build();

  /** One tensor and the place of its bytes, counted from the end of the header. */
  record Entry(TensorInfo info, long begin, long end) {}

  /** Bytes of data that the tensors cover. */
  long dataBytes() {
    return entries.isEmpty() ? 0 : entries.get(entries.size() - 1).end();
  }

  /** The layout of the reference library: widest types first, then by name, without gaps. */
  static Header layOut(Map<String, String> metadata, List<TensorInfo> tensors) {
    List<TensorInfo> sorted = new ArrayList<>(tensors);
    sorted.sort(
        Comparator.comparing(TensorInfo::type)
            .reversed()
            .thenComparing(TensorInfo::name, StrictText.BY_CODE_POINT));
    List<Entry> entries = new ArrayList<>(sorted.size());
    long offset = 0;
    for (TensorInfo info : sorted) {
      long end = Math.addExact(offset, info.byteSize());
      entries.add(new Entry(info, offset, end));
      offset = end;
    }
    return new Header(metadata, entries);
  }

  /**
   * The header as the reference library writes it: compact, metadata first, padded with spaces to a
   * multiple of 8 bytes.
   */
  byte[] toBytes() {
    StringBuilder out = new StringBuilder(64 + 120 * entries.size()).append('{');
    if (!metadata.isEmpty()) {
      out.append('"').append(METADATA).append("\":{");
      metadata.forEach(
          (key, value) -> {
            StrictText.appendJson(out, key, StrictText.Escapes.DEMANDED);
            out.append(':');
            StrictText.appendJson(out, value, StrictText.Escapes.DEMANDED);
            out.append(',');
          });
      out.setCharAt(out.length() - 1, '}');
      out.append(',');
    }
    for (Entry entry : entries) {
      StrictText.appendJson(out, entry.info().name(), StrictText.Escapes.DEMANDED);
      out.append(":{\"dtype\":\"").append(entry.info().type()).append("\",\"shape\":[");
      for (int i = 0; i < entry.info().shape().size(); i++) {
        out.append(i == 0 ? "" : ",").append(entry.info().shape().get(i));
      }
      out.append("],\"data_offsets\":[").append(entry.begin()).append(',');
      out.append(entry.end()).append("]},");
    }
    if (out.length() > 1) {
      out.setLength(out.length() - 1);
    }
    byte[] json = out.append('}').toString().getBytes(StandardCharsets.UTF_8);
    byte[] padded = Arrays.copyOf(json, Math.addExact(json.length, -json.length & 7));
    Arrays.fill(padded, json.length, padded.length, (byte) ' ');
    return padded;
  }

  /**
   * Reads and checks a header.
   *
   * @param file for messages
   * @param bytes the header with its padding
   * @param dataBytes bytes of the file that follow the header
   */
  static Header parse(Path file, byte[] bytes, long dataBytes) {
    return new Parser(file).parse(bytes, dataBytes);
  }

  private static final class Parser {
    private final Path file;
    private final Map<String, Entry> entries = new LinkedHashMap<>();
    private @Nullable Map<String, String> metadata;

    /** The tensor whose fields are being read. */
    private @Nullable String tensor;

    Parser(Path file) {
      this.file = file;
    }

    Header parse(byte[] bytes, long dataBytes) {
      int length = bytes.length;
      while (length > 0 && isBlank(bytes[length - 1])) {
        length--;
      }
      int first = 0;
      while (first < length && isBlank(bytes[first])) {
        first++;
      }
      if (length == 0 || bytes[first] != '{') {
        throw damaged("its header does not begin with '{'");
      }
      if (bytes[length - 1] != '}') {
        throw damaged("its header does not end with '}' and spaces");
      }
      String json;
      try {
        json = StrictText.decode(bytes, length);
      } catch (CharacterCodingException e) {
        throw damaged("its header is not UTF-8");
      }
      try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(), json)) {
        parser.nextToken();
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
          String name = parser.currentName();
          parser.nextToken();
          if (name.equals(METADATA)) {
            readMetadata(parser);
          } else {
            tensor = name;
            Entry entry = readEntry(parser, name);
            if (entries.put(name, entry) != null) {
              throw damaged("its header declares it twice");
            }
            tensor = null;
          }
        }
        if (parser.nextToken() != null) {
          throw damaged("its header goes on after its closing brace");
        }
      } catch (JacksonException e) {
        throw damaged(
            "its header is not valid JSON at character "
                + Math.max(0, e.getLocation() == null ? 0 : e.getLocation().getCharOffset())
                + " ("
                + StrictText.reason(e)
                + ")");
      }
      return new Header(
          Collections.unmodifiableMap(metadata == null ? Map.of() : metadata), inOrder(dataBytes));
    }

    /** JSON's white space, with which the reference library lets a header be padded. */
    private static boolean isBlank(byte b) {
      return b == ' ' || b == '\n' || b == '\r' || b == '\t';
    }

    private void readMetadata(JsonParser parser) {
      if (metadata != null) {
        throw damaged("its header has __metadata__ twice");
      }
      metadata = new LinkedHashMap<>();
      if (parser.currentToken() != JsonToken.START_OBJECT) {
        throw damaged("its __metadata__ is not an object of strings");
      }
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        String key = parser.currentName();
        if (parser.nextToken() != JsonToken.VALUE_STRING) {
          throw damaged("its __metadata__ entry " + StrictText.quoted(key) + " is not a string");
        }
        String value = parser.getString();
        if (!StrictText.isWellFormed(key) || !StrictText.isWellFormed(value)) {
          throw damaged(
              "its __metadata__ entry " + StrictText.quoted(key) + " has half of a surrogate pair");
        }
        if (metadata.put(key, value) != null) {
          throw damaged("its __metadata__ has the key " + StrictText.quoted(key) + " twice");
        }
      }
    }

    private Entry readEntry(JsonParser parser, String name) {
      if (parser.currentToken() != JsonToken.START_OBJECT) {
        throw damaged("its description is not an object");
      }
      String dtype = null;
      List<Long> shape = null;
      List<Long> offsets = null;
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        String field = parser.currentName();
        parser.nextToken();
        boolean twice;
        switch (field) {
          case "dtype" -> {
            twice = dtype != null;
            if (parser.currentToken() != JsonToken.VALUE_STRING) {
              throw damaged("its dtype is not a string");
            }
            dtype = parser.getString();
          }
          case "shape" -> {
            twice = shape != null;
            shape = readSizes(parser, field);
          }
          case "data_offsets" -> {
            twice = offsets != null;
            offsets = readSizes(parser, field);
          }
          default -> throw damaged("it has an unknown field " + StrictText.quoted(field));
        }
        if (twice) {
          throw damaged("its field " + field + " stands twice");
        }
      }
      if (dtype == null || shape == null || offsets == null) {
        throw damaged(
            "it has no " + (dtype == null ? "dtype" : shape == null ? "shape" : "data_offsets"));
      }
      if (offsets.size() != 2) {
        throw damaged("its data_offsets are not two numbers");
      }
      return entry(name, dtype, shape, offsets.get(0), offsets.get(1));
    }

    private Entry entry(String name, String dtype, List<Long> shape, long begin, long end) {
      SafetensorsType type = TYPES.get(dtype);
      if (type == null) {
        throw new SafetensorsException(
            file,
            tensor,
            "its dtype " + StrictText.quoted(dtype) + " is unknown",
            "the known ones are " + String.join(", ", TYPES.keySet()));
      }
      TensorInfo info;
      try {
        info = new TensorInfo(name, type, shape);
      } catch (IllegalArgumentException e) {
        throw damaged(Objects.requireNonNull(e.getMessage()));
      }
      if (begin > end) {
        throw damaged("its data_offsets [" + begin + ", " + end + "] run backwards");
      }
      if (end - begin != info.byteSize()) {
        throw damaged(
            String.format(
                Locale.ROOT,
                "%s of shape %s takes %d bytes, but its data_offsets [%d, %d] span %d",
                type,
                shape,
                info.byteSize(),
                begin,
                end,
                end - begin));
      }
      return new Entry(info, begin, end);
    }

    private List<Long> readSizes(JsonParser parser, String field) {
      if (parser.currentToken() != JsonToken.START_ARRAY) {
        throw damaged("its " + field + " is not an array");
      }
      List<Long> sizes = new ArrayList<>(4);
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        String number = parser.getString();
        if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT) {
          throw damaged("its " + field + " holds something that is not a whole number");
        }
        if (number.startsWith("-")) {
          throw damaged(
              "its " + field + " holds the negative number " + StrictText.shortened(number, 30));
        }
        try {
          sizes.add(Long.parseLong(number));
        } catch (NumberFormatException e) {
          throw damaged(
              "its " + field + " holds " + StrictText.shortened(number, 30) + ", beyond 63 bits");
        }
      }
      return sizes;
    }

    /** The tensors sorted by place, if they cover the data exactly. */
    private List<Entry> inOrder(long dataBytes) {
      List<Entry> sorted = new ArrayList<>(entries.values());
      sorted.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
      Entry previous = null;
      for (Entry entry : sorted) {
        tensor = entry.info().name();
        long expected = previous == null ? 0 : previous.end();
        String place = "its data_offsets [" + entry.begin() + ", " + entry.end() + "] ";
        if (entry.end() > dataBytes) {
          throw new SafetensorsException(
              file,
              tensor,
              place + "end beyond the " + dataBytes + " bytes of data in the file",
              "the file is cut short or damaged: fetch or write it again");
        }
        if (previous != null && entry.begin() < expected) {
          throw damaged(
              place + "overlap those of tensor " + StrictText.quoted(previous.info().name()));
        }
        if (entry.begin() > expected) {
          throw damaged(place + "leave a gap after byte " + expected);
        }
        previous = entry;
      }
      tensor = null;
      long covered = previous == null ? 0 : previous.end();
      if (covered != dataBytes) {
        throw damaged(
            "it holds " + dataBytes + " bytes of data, but its tensors cover only " + covered);
      }
      return Collections.unmodifiableList(sorted);
    }

    private SafetensorsException damaged(String reason) {
      return new SafetensorsException(file, tensor, reason, MEND);
    }
  }

  private static final Map<String, SafetensorsType> TYPES = new LinkedHashMap<>();

  static {
    for (SafetensorsType type : SafetensorsType.values()) {
      TYPES.put(type.name(), type);
    }
  }
}
