package org.peltast.models;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.diffusion.Condition;
import org.peltast.models.zimage.ZImageTransformer;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/** The Z-Image transformer answers and differentiates as diffusers' does, on odd shapes. */
class ZImageGoldenTest {
  @TempDir Path temporary;

  @TestFactory
  Stream<DynamicTest> answersAsDiffusers() throws IOException {
    return goldens("forward").map(f -> DynamicTest.dynamicTest(name(f), () -> forward(f)));
  }

  @TestFactory
  Stream<DynamicTest> differentiatesAsDiffusers() throws IOException {
    return goldens("backward").map(f -> DynamicTest.dynamicTest(name(f), () -> backward(f)));
  }

  private static Stream<Path> goldens(String operation) throws IOException {
    try (Stream<Path> walk = Files.walk(Golden.path("zimage-tiny").getParent())) {
      List<Path> found =
          walk.filter(p -> p.getParent().getFileName().toString().startsWith("zimage-"))
              .filter(p -> p.getFileName().toString().startsWith(operation))
              .sorted()
              .toList();
      assertThat(found).hasSizeGreaterThan(5);
      return found.stream();
    }
  }

  private static String name(Path file) {
    return file.getParent().getFileName() + "/" + file.getFileName();
  }

  private Path folder(Path golden) throws IOException {
    Path source = golden.getParent();
    return Files.exists(source.resolve("transformer/formula.json"))
        ? FormulaWeights.materialise(source, Files.createTempDirectory(temporary, "model"))
        : source;
  }

  private ZImageTransformer network(Path file, Golden g) throws IOException {
    boolean half = g.metadata().get("dtype").equals("bfloat16");
    return ZImageFiles.load(
        folder(file).resolve("transformer"),
        Integer.parseInt(g.metadata().get("patch_size")),
        Device.CPU,
        half ? Precision.BF16 : Precision.FLOAT32);
  }

  private static Tensor answer(ZImageTransformer network, Golden g) {
    List<Integer> lengths = new ArrayList<>();
    for (double n : g.input("caption_mask").to(DType.FLOAT64).sum(false, 1).toDoubles()) {
      lengths.add((int) n);
    }
    Tensor features = g.input("caption_features").to(DType.FLOAT32);
    return network.forward(
        g.input("latents").to(DType.FLOAT32),
        g.input("timestep"),
        network.read(new Condition(features, lengths)));
  }

  private void forward(Path file) throws IOException {
    try (Scope s = Scope.open()) {
      Golden g = Golden.read(file);
      try (ZImageTransformer network = network(file, g)) {
        double error = Golden.relativeError(answer(network, g), g.output("sample"));
        assertThat(error).isLessThan(g.tolerance());
      }
    }
  }

  private void backward(Path file) throws IOException {
    try (Scope s = Scope.open()) {
      Golden g = Golden.read(file);
      try (ZImageTransformer network = network(file, g)) {
        network.parameters().trainable(true);
        g.input("latents").requireGrad(true);
        g.input("caption_features").requireGrad(true);
        answer(network, g).backward(g.input("cotangent"));
        int compared = 0;
        for (var output : g.tensors().entrySet()) {
          if (!output.getKey().startsWith("output.grad.")) {
            continue;
          }
          String of = output.getKey().substring("output.grad.".length());
          Tensor leaf =
              of.startsWith("weights.")
                  ? network.parameters().find(of.substring("weights.".length())).value()
                  : g.input(of);
          assertThat(leaf.grad()).as(of).isNotNull();
          assertThat(Golden.relativeError(leaf.grad(), output.getValue()))
              .as(of)
              .isLessThan(g.tolerance());
          compared++;
        }
        assertThat(compared).isGreaterThan(10);
      }
    }
  }
}
