package org.peltast.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.peltast.distill.Trainer;
import org.peltast.runs.Progress;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.parallel.ProcessGroup;
import org.peltast.training.Corpus;
import org.peltast.training.Devices;
import org.peltast.training.Origin;
import org.peltast.training.RecipeShelf;
import org.peltast.training.TeacherRecipe;
import org.peltast.training.TeacherTraining;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "teacher",
    description = {
      "Trains a many-step, guided text-to-image teacher from nothing, by flow matching in a codec's latents.",
      "The same command on the same folder goes on with an unfinished run. Ctrl-C finishes the update and saves."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast train teacher --out output/teacher",
      "  peltast train teacher --set run.updates=500 --set model.dim=128 --out output/small",
      "  peltast train teacher --set data.images=my-pictures --set data.fit=buckets --out output/mine",
      "  peltast train teacher --memory 2g --out output/teacher",
      "  peltast train teacher --out output/teacher --resume"
    })
final class TrainTeacherCommand implements Callable<Integer> {
  @Mixin private RecipeOptions recipe;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "the run's folder (default: ${DEFAULT-VALUE})")
  private Path out = Path.of("output/teacher");

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      description =
          "what the process may hold, as 2g or 1500MB: the batch is computed in as many parts as that takes, with the same result (run.memory)")
  private @Nullable String memory;

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  TrainTeacherCommand() {}

  @Override
  public Integer call() {
    List<String> sets = memory == null ? List.of() : List.of("run.memory=" + memory);
    // A mistake in it leaves no folder behind.
    TeacherRecipe wanted = recipe.read(RecipeShelf.Kind.TEACHER, TeacherRecipe.defaults(), sets);
    wanted.data().requirePictures();
    NativeLibraries.open();
    Devices.of(wanted.device());
    return Ranks.run(out, (folder, group) -> train(sets, folder, group));
  }

  private int train(List<String> sets, RunFolder folder, ProcessGroup group) {
    try (Progress progress = Display.progress("training")) {
      TeacherRecipe settled =
          recipe.settle(RecipeShelf.Kind.TEACHER, folder, TeacherRecipe.defaults(), sets);
      settled.data().requirePictures();
      Corpus corpus;
      try (Progress preparing = Display.progress("reading the data")) {
        corpus = Corpus.open(settled.data(), preparing, Display::notice);
      }
      if (group.isFirst()) {
        Origin.settle(folder, settled.seed(), settled.inputs(corpus));
        Ranks.settled(group);
      }
      Trainer.End end =
          TeacherTraining.run(
              settled,
              corpus,
              folder,
              progress,
              Display::notice,
              () -> Interrupts.listen("this update"),
              group);
      progress.close();
      return group.isFirst()
          ? RunEnd.tell(end, "peltast train teacher --out " + out, out.resolve("teacher"))
          : RunEnd.code(end);
    }
  }
}
