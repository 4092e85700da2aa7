package org.peltast.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.peltast.models.Lora;
import org.peltast.models.LoraConversion;
import org.peltast.models.LoraExtraction;
import org.peltast.models.ModelFolder;
import org.peltast.models.ModelSource;
import org.peltast.tensor.Scope;
import org.peltast.training.Origin;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "extract",
    description = {
      "Writes what a student learnt as a LoRA over its teacher, in the layout of diffusers.",
      "Each layer's change is cut to its largest singular values; the share of the squared change that is kept is said. A student that was trained as a LoRA gives that one."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast lora extract output/z-image --out student-lora.safetensors",
      "  peltast lora extract output/sdxl/student --teacher sdxl-base --rank 128 --out student-lora.safetensors"
    })
final class LoraExtractCommand implements Callable<Integer> {
  @Parameters(paramLabel = "STUDENT", description = "a run's folder, or a student's model folder")
  private Path given;

  @Option(
      names = "--teacher",
      paramLabel = "DIR",
      description = "the model folder that the LoRA is added to (default: the student's teacher)")
  private @Nullable Path teacher;

  @Option(
      names = "--rank",
      paramLabel = "R",
      description = "the most columns of a layer's change (default: ${DEFAULT-VALUE})")
  private int rank = LoraExtraction.RANK;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      required = true,
      description = "the file that is written, a .safetensors")
  private Path out;

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  LoraExtractCommand() {}

  @Override
  public Integer call() {
    if (rank < 1 || rank > 4096) {
      throw new CommandException("--rank must be from 1 to 4096.");
    }
    Places.requireFile(out, "--out");
    Path student = Files.isDirectory(given.resolve("student")) ? given.resolve("student") : given;
    ModelSource before = teacher == null ? teacherOf(student) : ModelSource.of(teacher);
    NativeLibraries.open();
    if (LoraExtraction.isNeedless(student)) {
      Path own = student.resolve(Lora.FILE);
      int layers = LoraConversion.write(own, before, false, out);
      System.err.printf(
          Locale.ROOT,
          "Wrote %s: the LoRA of %d layers that the student was trained as.%n",
          out,
          layers);
      return ExitCode.OK;
    }
    try (Scope scope = Scope.open()) {
      LoraExtraction found = LoraExtraction.of(before, ModelSource.of(student), rank);
      found.lora().writeDiffusers(out, before.family(), LoraExtraction.drawing(student));
      System.err.printf(
          Locale.ROOT,
          "Wrote %s: a LoRA of rank %d on %d layers. It holds %.1f %% of the squared change of the weights; %.1f %% lies in norms, biases and tokens, where no LoRA can be.%n",
          out,
          found.rank(),
          found.lora().layers().size(),
          100 * found.share(),
          100 * found.outside());
    }
    return ExitCode.OK;
  }

  /** The teacher that a student's folder names. */
  private static ModelSource teacherOf(Path student) {
    ModelSource source =
        Origin.teacher(ModelFolder.provenance(student))
            .orElseThrow(
                () ->
                    new CommandException(
                        student
                            + " does not say what its teacher was; name the teacher with --teacher."));
    Path folder = RecipeOptions.weights(source.folder());
    Places.requireTeacher(folder);
    return source.in(folder);
  }
}
