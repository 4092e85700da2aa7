package org.peltast.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.peltast.distill.Trainer;
import org.peltast.models.Backbone;
import org.peltast.models.Lora;
import org.peltast.models.ModelFolder;
import org.peltast.models.ModelSource;
import org.peltast.models.TextToImage;
import org.peltast.plan.Room;
import org.peltast.runs.Progress;
import org.peltast.runs.Recipes;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.nn.Adapters;
import org.peltast.tensor.parallel.ProcessGroup;
import org.peltast.training.Corpus;
import org.peltast.training.CutPrompts;
import org.peltast.training.Devices;
import org.peltast.training.DistillRecipe;
import org.peltast.training.Origin;
import org.peltast.training.RecipeShelf;
import org.peltast.training.StudentTraining;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "distill",
    description = {
      "Distils a guided, many-step teacher into a generator of a few steps, by Decoupled DMD.",
      "Without --recipe it takes the one that is for the teacher's family and size, and says which; without data.images the prompts that lie with the teacher, or general ones.",
      "Writes the student as a model folder OUT/student. The same command on the same folder goes on with an unfinished run. Ctrl-C finishes the update and saves."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast distill --out output/two-steps",
      "  peltast distill --teacher Z-Image --out output/z-image",
      "  peltast distill --recipe dmd2 --out output/dmd2",
      "  peltast distill --teacher my-teacher --set steps=4 --set method.alpha=5 --out output/four",
      "  peltast distill --set data.images=prompts.txt --out output/my-prompts",
      "  peltast distill --set run.batch=128 --memory 2g --out output/wide",
      "  peltast distill --out output/two-steps --resume"
    })
final class DistillCommand implements Callable<Integer> {
  @Mixin private RecipeOptions recipe;

  @Option(
      names = "--teacher",
      paramLabel = "DIR",
      description = "the teacher's model folder (default: the recipe's, weights/teacher)")
  private @Nullable Path teacher;

  @Mixin private SourceOptions source;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "the run's folder (default: ${DEFAULT-VALUE})")
  private Path out = Path.of("output/distill");

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      description =
          "what the process may hold, as 2g or 1500MB: the batch is computed in as many parts as that takes, with the same result (run.memory)")
  private @Nullable String memory;

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  DistillCommand() {}

  @Override
  public Integer call() {
    List<String> sets = new ArrayList<>();
    if (teacher != null) {
      sets.add("teacher=" + Recipes.quoted(teacher.toString()));
    }
    sets.addAll(source.sets());
    if (memory != null) {
      sets.add("run.memory=" + memory);
    }
    DistillRecipe wanted = recipe.read(RecipeShelf.Kind.DISTILL, DistillRecipe.defaults(), sets);
    NativeLibraries.open();
    if (!Files.exists(out.resolve("recipe.yaml"))) {
      Devices.of(wanted.device());
      Path folder = RecipeOptions.weights(wanted.teacher());
      Places.requireTeacher(folder);
      ModelSource source = wanted.source().in(folder);
      wanted = recipe.choose(wanted, source, sets);
      wanted.data().requireCaptions();
      Room.require(wanted, source, recipe.name());
    }
    return Ranks.run(
        out,
        (folder, group) -> {
          DistillRecipe settled =
              recipe.settle(RecipeShelf.Kind.DISTILL, folder, DistillRecipe.defaults(), sets);
          Path weights = RecipeOptions.weights(settled.teacher());
          Places.requireTeacher(weights);
          return distil(settled, settled.source().in(weights), folder, group);
        });
  }

  private int distil(
      DistillRecipe settled, ModelSource weights, RunFolder folder, ProcessGroup group) {
    Device device = Devices.of(settled.device(), group.localRank());
    Corpus corpus;
    try (Progress preparing = Display.progress("reading the data")) {
      corpus = Corpus.open(settled.data(), preparing, Display::notice);
    }
    if (group.isFirst()) {
      Origin.settle(folder, settled.seed(), StudentTraining.inputs(weights, corpus));
      Ranks.settled(group);
    }
    Precision precision =
        Precision.parse(
            group.decideText(
                "the precision", () -> Precision.parse(settled.precision(), device).toString()),
            device);
    try (TextToImage opened = ModelFolder.open(weights, device, precision)) {
      if (group.isFirst() && !settled.unconditional()) {
        CutPrompts.of(opened.textEncoder(), corpus.captions()).ifPresent(Display::notice);
      }
      if (group.isFirst() && settled.lora().rank() > 0) {
        tellOfLora(opened);
      }
      Interrupts interrupts = Interrupts.listen("this update");
      try (StudentTraining distillation = new StudentTraining(settled, opened);
          Progress progress = Display.progress("distilling")) {
        distillation.onWarning(Display::notice);
        Trainer.End end = distillation.run(corpus, folder, progress, interrupts, group);
        progress.close();
        if (!group.isFirst()) {
          return RunEnd.code(end);
        }
        if (end == Trainer.End.FINISHED) {
          ModelFolder.write(
              out.resolve("student"), distillation.student(Origin.of(folder)), DType.BFLOAT16);
        }
        if (end == Trainer.End.FINISHED && settled.lora().rank() > 0) {
          Display.notice(
              "The student's weights have its LoRA merged; the LoRA alone is in "
                  + out.resolve("student").resolve(Lora.FILE)
                  + ".");
        }
        return RunEnd.tell(end, "peltast distill --out " + out, out.resolve("student"));
      }
    }
  }

  /** What a LoRA costs where the network itself has faster kernels. */
  private static void tellOfLora(TextToImage teacher) {
    if (teacher.network().obstacleToFusion() != null) {
      return; // nothing changes
    }
    try (Backbone plain = teacher.network().adapted(Adapters.NONE)) {
      Display.notice(
          "Student, fake and teacher are computed by the plain operators: "
              + plain.obstacleToFusion()
              + ".");
    }
  }
}
