package org.peltast.safetensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.json.JsonMapper;

/**
 * Several safetensors files under an index that says which tensor is in which.
 *
 * <p>Index and shards must agree both ways: a tensor that the index does not name, or that stands
 * in two shards, would be read or not by chance of the reader. Its {@code metadata} is passed over:
 * published checkpoints often have {@code total_size} wrong (tied weights counted twice, the size
 * in another type), and nothing depends on it.
 */
final class ShardedCheckpoint implements Checkpoint {
  static final String INDEX_ENDING = ".safetensors.index.json";
  private static final String ENDING = ".safetensors";
  private static final String INDEX_MEND =
      "the index is damaged or does not belong to these shards: fetch or write them again";

  private static final ObjectMapper JSON =
      JsonMapper.builder(Header.JSON)
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS) // Python writes NaN
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private final Path index;
  private final List<SafetensorsFile> shards;
  private final Map<String, SafetensorsFile> owners;
  private final Map<String, TensorInfo> tensors;
  private final Map<String, String> metadata;
  private volatile boolean closed;

  private ShardedCheckpoint(
      Path index, List<SafetensorsFile> shards, Map<String, SafetensorsFile> owners) {
    this.index = index;
    this.shards = shards;
    this.owners = owners;
    Map<String, TensorInfo> tensors = new LinkedHashMap<>();
    Map<String, String> metadata = null;
    for (SafetensorsFile shard : shards) {
      tensors.putAll(shard.tensors());
      if (metadata == null) {
        metadata = new LinkedHashMap<>(shard.metadata());
      } else {
        metadata.entrySet().retainAll(shard.metadata().entrySet());
      }
    }
    this.tensors = Collections.unmodifiableMap(tensors);
    this.metadata = metadata == null ? Map.of() : Collections.unmodifiableMap(metadata);
  }

  static Checkpoint openIndex(Path index) {
    return openShards(index, readIndex(index));
  }

  /** Which shard each tensor is in, as an index says it. */
  static Map<String, String> readIndex(Path index) {
    JsonNode root;
    try {
      if (Files.size(index) > Header.MAX_BYTES) {
        throw new SafetensorsException(
            index, null, "it is larger than any index can be", "name an *.index.json file");
      }
      byte[] bytes = Files.readAllBytes(index);
      String text = StrictText.decode(bytes, bytes.length);
      root = JSON.readTree(text.startsWith("\ufeff") ? text.substring(1) : text);
    } catch (CharacterCodingException e) {
      throw new SafetensorsException(index, null, "it is not UTF-8", INDEX_MEND);
    } catch (IOException e) {
      throw SafetensorsFile.unreadable(index, e);
    } catch (JacksonException e) {
      throw new SafetensorsException(
          index, null, "it is not valid JSON (" + StrictText.reason(e) + ")", INDEX_MEND);
    }
    JsonNode weightMap = root.get("weight_map");
    if (weightMap == null || !weightMap.isObject()) {
      throw new SafetensorsException(index, null, "it has no weight_map object", INDEX_MEND);
    }
    Map<String, String> map = new HashMap<>();
    for (var entry : weightMap.properties()) {
      if (!entry.getValue().isString()) {
        throw new SafetensorsException(
            index, entry.getKey(), "its weight_map entry is not a file name", INDEX_MEND);
      }
      String shard = entry.getValue().stringValue();
      if (!isPlainName(shard)) {
        throw new SafetensorsException(
            index,
            entry.getKey(),
            "its shard "
                + StrictText.quoted(shard)
                + " is not the plain name of a file beside the index",
            INDEX_MEND);
      }
      map.put(entry.getKey(), shard);
    }
    return map;
  }

  /** Shards lie beside their index: nothing in an index may lead out of its folder. */
  private static boolean isPlainName(String name) {
    return name.endsWith(ENDING)
        && name.chars().noneMatch(c -> c < 0x20 || c == '/' || c == '\\' || c == ':')
        && StrictText.isWellFormed(name);
  }

  private static Checkpoint openShards(Path index, Map<String, String> weightMap) {
    Map<String, SafetensorsFile> byName = new TreeMap<>();
    for (String shard : new TreeSet<>(weightMap.values())) {
      Path path = index.resolveSibling(shard);
      if (!Files.exists(path)) {
        throw new SafetensorsException(
            path,
            null,
            "this shard, which " + index.getFileName() + " names, is missing",
            "fetch or write it again");
      }
      byName.put(shard, SafetensorsFile.open(path));
    }
    Map<String, SafetensorsFile> owners = new HashMap<>();
    for (SafetensorsFile shard : byName.values()) {
      for (String tensor : shard.tensors().keySet()) {
        SafetensorsFile other = owners.put(tensor, shard);
        if (other != null) {
          throw new SafetensorsException(
              index,
              tensor,
              "it stands in two shards, " + name(other) + " and " + name(shard),
              INDEX_MEND);
        }
      }
    }
    for (var entry : new TreeMap<>(weightMap).entrySet()) {
      String tensor = entry.getKey();
      SafetensorsFile owner = owners.get(tensor);
      if (owner == null || owner != byName.get(entry.getValue())) {
        throw new SafetensorsException(
            index,
            tensor,
            "it is not in its shard "
                + StrictText.printable(entry.getValue())
                + (owner == null ? "" : " but in " + name(owner)),
            INDEX_MEND);
      }
    }
    for (var entry : owners.entrySet()) {
      if (!weightMap.containsKey(entry.getKey())) {
        throw new SafetensorsException(
            index,
            entry.getKey(),
            "its shard " + name(entry.getValue()) + " holds it, but the index does not name it",
            INDEX_MEND);
      }
    }
    return new ShardedCheckpoint(index, List.copyOf(byName.values()), owners);
  }

  private static String name(SafetensorsFile shard) {
    return StrictText.printable(String.valueOf(shard.path().getFileName()));
  }

  @Override
  public Path path() {
    return index;
  }

  @Override
  public List<Path> files() {
    open();
    return shards.stream().map(SafetensorsFile::path).toList();
  }

  @Override
  public Map<String, String> metadata() {
    open();
    return metadata;
  }

  @Override
  public Map<String, TensorInfo> tensors() {
    open();
    return tensors;
  }

  @Override
  public ByteBuffer data(String name) {
    return owner(name).data(name);
  }

  @Override
  public void read(String name, long offset, ByteBuffer into) {
    owner(name).read(name, offset, into);
  }

  private SafetensorsFile owner(String name) {
    open();
    @Nullable SafetensorsFile owner = owners.get(name);
    if (owner == null) {
      throw Names.missing(index, name, tensors.keySet());
    }
    return owner;
  }

  private void open() {
    if (closed) {
      throw new IllegalStateException(index + " is closed");
    }
  }

  @Override
  public void close() {
    closed = true;
    shards.forEach(SafetensorsFile::close);
  }
}
