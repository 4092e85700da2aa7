package org.peltast.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/** A golden file: inputs, what PyTorch made of them, and how close one must come. */
public record Golden(String name, Map<String, Tensor> tensors, Map<String, String> metadata) {
  /** Reads {@code golden/NAME.safetensors} into the current scope. */
  public static Golden read(String name) {
    try {
      Path file =
          Path.of(
              Objects.requireNonNull(Golden.class.getResource("/golden/" + name + ".safetensors"))
                  .toURI());
      return new Golden(name, TensorFiles.read(file), TensorFiles.metadata(file));
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  /** An input, asking for its gradient if the file holds it. */
  public Tensor input(String name) {
    Tensor t = Objects.requireNonNull(tensors.get("input." + name), name);
    if (tensors.containsKey("output.grad." + name)) {
      t.requireGrad(true);
    }
    return t;
  }

  /** The inputs whose names begin so, by the rest of their names. */
  public Map<String, Tensor> inputs(String prefix) {
    Map<String, Tensor> found = new LinkedHashMap<>();
    tensors.forEach(
        (key, value) -> {
          if (key.startsWith("input." + prefix)) {
            found.put(key.substring(("input." + prefix).length()), value);
          }
        });
    return found;
  }

  public double number(String key) {
    return Double.parseDouble(Objects.requireNonNull(metadata.get(key), key));
  }

  /** Compares {@code y}, and the gradient of each leaf under Σ y · cotangent. */
  public void check(Tensor y, Map<String, Tensor> leaves) {
    same("y", y);
    y.backward(input("cotangent"));
    leaves.forEach((leaf, t) -> same("grad." + leaf, Objects.requireNonNull(t.grad(), leaf)));
    long gradients = tensors.keySet().stream().filter(k -> k.startsWith("output.grad.")).count();
    assertThat(leaves).as("gradients compared in " + name).hasSize((int) gradients);
  }

  public void same(String output, Tensor actual) {
    Tensor expected = Objects.requireNonNull(tensors.get("output." + output), output);
    assertThat(actual.shape()).as(name + " " + output).isEqualTo(expected.shape());
    double scale = Math.max(1e-12, max(expected));
    assertThat(max(actual.detach().sub(expected)) / scale)
        .as(name + " " + output)
        .isLessThan(number("tolerance"));
  }

  public static double max(Tensor t) {
    return t.detach().abs().reshape(-1).max(false, 0).item();
  }
}
