package org.peltast.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelSource;
import org.peltast.plan.Plan;
import org.peltast.plan.Target;
import org.peltast.runs.ByteSize;
import org.peltast.runs.Recipes;
import org.peltast.training.DistillRecipe;
import org.peltast.training.RecipeShelf;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "plan",
    description = {
      "Says what memory a distillation takes, and which settings make it fit, before it is run.",
      "One update of the recipe is computed without numbers, from the teacher's configurations alone: the whole of a network of billions of weights takes seconds, and a shape that does not fit is found here."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast plan two-steps",
      "  peltast plan z-image --teacher Z-Image --device cuda --memory 80GiB",
      "  peltast plan sdxl --teacher sdxl-base --set lora.rank=64 --set run.microBatches=128"
    })
final class PlanCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "RECIPE",
      description = "a recipe of `peltast recipes`, or a YAML file, of a distillation")
  private String recipe;

  @Option(
      names = "--teacher",
      paramLabel = "DIR",
      description =
          "the teacher's model folder (default: the recipe's); its configurations are enough")
  private @Nullable Path teacher;

  @Mixin private SetOption changes;

  @Option(
      names = "--device",
      paramLabel = "NAME",
      description =
          "auto, cpu or cuda: where it is to run, which need not be here (default: the recipe's)")
  private @Nullable String device;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      description = "what there is, as 24GiB or 80GB (default: this machine's)")
  private @Nullable String memory;

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  PlanCommand() {}

  @Override
  public Integer call() {
    List<String> all = new ArrayList<>(changes.sets());
    if (teacher != null) {
      all.add("teacher=" + Recipes.quoted(teacher.toString()));
    }
    if (device != null) {
      all.add("device=" + device);
    }
    DistillRecipe wanted =
        Recipes.over(DistillRecipe.defaults())
            .read(Places.recipes().find(RecipeShelf.Kind.DISTILL, recipe), all);
    ByteSize there = memory == null ? null : size(memory);
    NativeLibraries.open();
    Target target = Target.of(wanted.device(), there);
    Path weights = RecipeOptions.weights(wanted.teacher());
    Plan plan = Plan.of(wanted, new ModelSource(weights, null, null), target);
    PrintWriter out = spec.commandLine().getOut();
    plan.lines().forEach(out::println);
    out.flush();
    return ExitCode.OK;
  }

  private static ByteSize size(String text) {
    try {
      return ByteSize.parse(text);
    } catch (IllegalArgumentException e) {
      throw new CommandException("--memory: " + e.getMessage() + ".");
    }
  }
}
