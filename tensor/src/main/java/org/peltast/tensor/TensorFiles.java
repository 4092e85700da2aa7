package org.peltast.tensor;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Interim, until it reads through the safetensors room. */
public final class TensorFiles {
  private TensorFiles() {}

  private static JsonNode header(FileChannel c, long[] start) throws IOException {
    ByteBuffer n = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    c.read(n, 0);
    int len = (int) n.getLong(0);
    ByteBuffer h = ByteBuffer.allocate(len);
    c.read(h, 8);
    start[0] = 8L + len;
    return JsonMapper.builder().build().readTree(new String(h.array(), StandardCharsets.UTF_8));
  }

  /** Interim, until it reads through the safetensors room. */
  public static Map<String, String> metadata(Path file) {
    try (FileChannel c = FileChannel.open(file)) {
      Map<String, String> m = new LinkedHashMap<>();
      JsonNode h = header(c, new long[1]).get("__metadata__");
      if (h != null) {
        for (String k : h.propertyNames()) {
          m.put(k, h.get(k).asString());
        }
      }
      return m;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Interim, until it reads through the safetensors room. */
  public static Map<String, Tensor> read(Path file) {
    try (FileChannel c = FileChannel.open(file)) {
      long[] start = new long[1];
      JsonNode h = header(c, start);
      Map<String, Tensor> m = new LinkedHashMap<>();
      for (String k : h.propertyNames()) {
        if (k.equals("__metadata__")) {
          continue;
        }
        JsonNode t = h.get(k);
        DType d =
            switch (t.get("dtype").asString()) {
              case "F32" -> DType.FLOAT32;
              case "BF16" -> DType.BFLOAT16;
              case "F16" -> DType.FLOAT16;
              case "I64" -> DType.INT64;
              case "F64" -> DType.FLOAT64;
              default -> throw new TensorException("dtype " + t);
            };
        long[] shape = new long[t.get("shape").size()];
        for (int i = 0; i < shape.length; i++) {
          shape[i] = t.get("shape").get(i).asLong();
        }
        long a = t.get("data_offsets").get(0).asLong();
        long b = t.get("data_offsets").get(1).asLong();
        ByteBuffer data = c.map(FileChannel.MapMode.READ_ONLY, start[0] + a, b - a);
        m.put(k, Tensor.of(data, d, shape));
      }
      return m;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Interim, until it reads through the safetensors room. */
  public static void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata) {
    try (FileChannel c =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      Map<String, Object> h = new LinkedHashMap<>();
      h.put("__metadata__", metadata);
      long at = 0;
      for (Map.Entry<String, Tensor> e : tensors.entrySet()) {
        Tensor t = e.getValue();
        long n = t.count() * t.dtype().bytes();
        h.put(
            e.getKey(),
            Map.of("dtype", "F32", "shape", t.shape(), "data_offsets", new long[] {at, at + n}));
        at += n;
      }
      byte[] json = JsonMapper.builder().build().writeValueAsBytes(h);
      int pad = (8 - json.length % 8) % 8;
      ByteBuffer head = ByteBuffer.allocate(8 + json.length + pad).order(ByteOrder.LITTLE_ENDIAN);
      head.putLong(json.length + pad).put(json);
      while (head.hasRemaining()) {
        head.put((byte) ' ');
      }
      head.flip();
      c.write(head);
      for (Tensor t : tensors.values()) {
        try (Scope s = Scope.open()) {
          ByteBuffer b = t.detach().contiguous().bytes();
          while (b.hasRemaining()) {
            c.write(b);
          }
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
