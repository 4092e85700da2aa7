package org.peltast.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;

/** A student that is its teacher with a LoRA merged gives the LoRA back; others the nearest one. */
class LoraExtractionTest {
  private static final Map<String, String> MODELS =
      Map.of("zimage", "zimage-tiny", "lumina2", "lumina2-tiny", "sdxl", "sdxl-layers");

  @TempDir Path folder;

  private Path teacher(String family) {
    return FormulaWeights.materialise(Golden.path(MODELS.get(family)), folder.resolve("teacher"));
  }

  /** A copy of a teacher in float32 whose weights are changed. */
  private Path student(Path teacher, java.util.function.UnaryOperator<Map<String, Tensor>> change)
      throws IOException {
    Path student = folder.resolve("student");
    ModelSource source = ModelSource.of(teacher);
    ModelFamily family = source.family();
    Path network = teacher.resolve(family.networkComponent());
    try (Stream<Path> walk = Files.walk(teacher)) {
      for (Path path : walk.filter(Files::isRegularFile).toList()) {
        if (!path.startsWith(network) || path.endsWith("config.json")) {
          Path copy = student.resolve(teacher.relativize(path).toString());
          Files.createDirectories(copy.getParent());
          Files.copy(path, copy);
        }
      }
    }
    try (Scope s = Scope.open()) {
      Map<String, Tensor> weights = new LinkedHashMap<>();
      TensorFiles.read(network)
          .forEach((n, t) -> weights.put(n, t.to(org.peltast.tensor.DType.FLOAT32)));
      TensorFiles.write(
          student.resolve(family.networkComponent()).resolve("diffusion_pytorch_model.safetensors"),
          change.apply(weights),
          Map.of("format", "pt"));
    }
    return student;
  }

  private static Backbone open(Path model) {
    ModelSource source = ModelSource.of(model);
    ModelFamily family = source.family();
    return family.open(
        source.network(family), family.recipe().schedule(), 0, Device.CPU, Precision.FLOAT32);
  }

  private static Tensor change(Lora.Factors f) {
    long out = f.b().size(0);
    return f.b()
        .reshape(out, f.rank())
        .matmul(f.a().reshape(f.rank(), f.a().count() / f.rank()))
        .mul(f.scale());
  }

  @ParameterizedTest
  @ValueSource(strings = {"zimage", "lumina2", "sdxl"})
  void aMergedLoraComesBack(String family) throws IOException {
    Path teacher = teacher(family);
    Path given = Golden.path("lora/" + family + ".safetensors");
    Path student =
        student(
            teacher,
            weights -> {
              try (Backbone network = open(teacher)) {
                Lora.read(given, network).mergeInto(network, 1);
                network.parameters().all().forEach(p -> weights.get(p.name()).copyFrom(p.value()));
              }
              return weights;
            });
    try (Scope s = Scope.open();
        Backbone network = open(teacher)) {
      LoraExtraction found =
          LoraExtraction.of(ModelSource.of(teacher), ModelSource.of(student), 16);
      Lora lora = Lora.read(given, network);
      assertThat(found.lora().layers().keySet())
          .containsExactlyInAnyOrderElementsOf(lora.layers().keySet());
      lora.layers()
          .forEach(
              (layer, f) -> {
                Lora.Factors own = found.lora().layers().get(layer);
                // Shapes are those of PEFT, kernels of convolutions included.
                assertThat(own.a().rank()).as(layer).isEqualTo(f.a().rank());
                assertThat(own.b().rank()).as(layer).isEqualTo(f.b().rank());
                assertThat(Golden.relativeError(change(own), change(f))).as(layer).isLessThan(1e-4);
              });
      assertThat(found.share()).isCloseTo(1, within(1e-6));
      assertThat(found.outside()).isZero();

      // The file is read as any other.
      Path file = folder.resolve("lora.safetensors");
      found.lora().writeDiffusers(file, network.family(), LoraExtraction.drawing(student));
      Lora read = Lora.read(file, network);
      assertThat(read.layers().keySet()).isEqualTo(found.lora().layers().keySet());
      assertThat(TensorFiles.metadata(file)).containsKey("peltast.steps");
    }
  }

  /** What a rank of 2 keeps of values 3, 2, 1 is 13 of 14; a bias has no adapter. */
  @Test
  void theShareIsThatOfTheLargestSingularValues() throws IOException {
    Path teacher = teacher("zimage");
    String layer = "layers.0.attention.to_q";
    String norm = "layers.0.attention_norm1.weight";
    Path student =
        student(
            teacher,
            weights -> {
              Tensor w = weights.get(layer + ".weight");
              float[] diagonal = new float[(int) w.count()];
              for (int i = 0; i < 3; i++) {
                diagonal[i * (int) w.size(1) + i] = 3 - i;
              }
              weights.put(layer + ".weight", w.add(Tensor.of(diagonal, w.shape())));
              Tensor n = weights.get(norm);
              weights.put(norm, n.add(Math.sqrt(14.0 / n.count())));
              return weights;
            });
    try (Scope s = Scope.open()) {
      LoraExtraction found = LoraExtraction.of(ModelSource.of(teacher), ModelSource.of(student), 2);
      assertThat(found.lora().layers().keySet()).containsExactly(layer);
      assertThat(found.rank()).isEqualTo(2);
      assertThat(found.share()).isCloseTo(13.0 / 28, within(1e-4));
      assertThat(found.outside()).isCloseTo(0.5, within(1e-4));
      Lora.Factors f = found.lora().layers().get(layer);
      Tensor change = change(f);
      assertThat((double) change.toFloats()[0]).isCloseTo(3, within(1e-3));
      assertThat(f.alpha()).isEqualTo(2);
    }
  }

  @Test
  void whatIsNoStudentOfTheTeacherIsRefused() throws IOException {
    Path teacher = teacher("zimage");
    Path same = student(teacher, weights -> weights);
    assertThatThrownBy(() -> LoraExtraction.of(ModelSource.of(teacher), ModelSource.of(same), 4))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("there is no LoRA in it");
    Path other = FormulaWeights.materialise(Golden.path("zimage-wide"), folder.resolve("other"));
    assertThatThrownBy(() -> LoraExtraction.of(ModelSource.of(other), ModelSource.of(same), 4))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("name the teacher that the student was distilled from");
    Path lumina = FormulaWeights.materialise(Golden.path("lumina2-tiny"), folder.resolve("lumina"));
    assertThatThrownBy(() -> LoraExtraction.of(ModelSource.of(lumina), ModelSource.of(same), 4))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("is of the family lumina2")
        .extracting(Throwable::getMessage)
        .asInstanceOf(org.assertj.core.api.InstanceOfAssertFactories.STRING)
        .doesNotContain("\n");
  }

  /** A rank beyond a layer's own is cut to it, and then nothing of the change is lost. */
  @Test
  void noLayerHasMoreThanItsOwnRank() throws IOException {
    Path teacher = teacher("lumina2");
    Path student =
        student(
            teacher,
            weights -> {
              Map<String, Tensor> changed = new LinkedHashMap<>();
              weights.forEach(
                  (n, t) -> changed.put(n, t.add(Rng.of(2).fork(n).normal(t.shape()).mul(0.01))));
              return changed;
            });
    try (Scope s = Scope.open()) {
      LoraExtraction found =
          LoraExtraction.of(ModelSource.of(teacher), ModelSource.of(student), 4096);
      assertThat(found.lora().layers()).hasSizeGreaterThan(10);
      found
          .lora()
          .layers()
          .forEach(
              (layer, f) ->
                  assertThat((long) f.rank())
                      .as(layer)
                      .isEqualTo(Math.min(f.a().count() / f.rank(), f.b().size(0))));
      // Full rank: all of the layers' change is kept, noise though it is.
      assertThat(found.share()).isCloseTo(1 - found.outside(), within(1e-5));
      assertThat(found.outside()).isPositive();
    }
  }
}
