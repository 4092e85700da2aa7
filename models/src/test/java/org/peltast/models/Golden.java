package org.peltast.models;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;

/** A golden file, read into the open scope. */
public record Golden(Map<String, String> metadata, Map<String, Tensor> tensors) {
  static Path path(String name) {
    try {
      return Path.of(Golden.class.getResource("/golden/" + name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  static Golden read(Path path) {
    return new Golden(TensorFiles.metadata(path), new LinkedHashMap<>(TensorFiles.read(path)));
  }

  Tensor input(String name) {
    return tensors.get("input." + name);
  }

  Tensor output(String name) {
    return tensors.get("output." + name);
  }

  double tolerance() {
    return Double.parseDouble(metadata.get("tolerance"));
  }

  /** max|a − b| / max|b|. */
  public static double relativeError(Tensor actual, Tensor expected) {
    float[] a = actual.to(DType.FLOAT32).contiguous().toFloats();
    float[] b = expected.to(DType.FLOAT32).contiguous().toFloats();
    double error = 0;
    double largest = 0;
    for (int i = 0; i < b.length; i++) {
      double e = Math.abs((double) a[i] - b[i]);
      error = e <= error ? error : e; // NaN wins
      largest = Math.max(largest, Math.abs(b[i]));
    }
    return error / largest;
  }
}
