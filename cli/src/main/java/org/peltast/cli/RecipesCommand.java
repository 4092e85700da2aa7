package org.peltast.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.peltast.report.Formats;
import org.peltast.training.RecipeShelf;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "recipes",
    description =
        "Lists the recipes that come with Peltast, or shows one with every key and its value.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast recipes",
      "  peltast recipes one-step > mine.yaml",
      "  peltast distill --recipe mine.yaml --set run.updates=500"
    })
final class RecipesCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(arity = "0..1", paramLabel = "NAME", description = "the recipe to show")
  private @Nullable String name;

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  RecipesCommand() {}

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    List<RecipeShelf.Entry> all = Places.recipes().all();
    if (name == null) {
      List<List<String>> rows = new ArrayList<>();
      all.forEach(e -> rows.add(List.of(e.name(), e.kind().command(), e.description())));
      Formats.columns(rows, false, false, false).forEach(out::println);
    } else {
      RecipeShelf.Entry entry =
          all.stream()
              .filter(e -> e.name().equals(name))
              .findFirst()
              .orElseThrow(
                  () ->
                      new CommandException(
                          String.format(
                              Locale.ROOT,
                              "there is no recipe '%s'; there are %s.",
                              name,
                              all.stream()
                                  .map(RecipeShelf.Entry::name)
                                  .collect(Collectors.joining(", ")))));
      out.println("# " + entry.description());
      out.println("# Run by: " + entry.kind().command());
      out.print(entry.kind().resolved(entry.file()));
    }
    out.flush();
    return ExitCode.OK;
  }
}
