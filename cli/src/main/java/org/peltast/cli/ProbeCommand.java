package org.peltast.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelFolder;
import org.peltast.models.TextToImage;
import org.peltast.paper.Probe;
import org.peltast.runs.Progress;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.training.Corpus;
import org.peltast.training.DataRecipe;
import org.peltast.training.Devices;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
    name = "probe",
    description = {
      "Looks at the engine of a teacher before anything is distilled: how large CFG augmentation is"
          + " at each noise level τ, at which spatial frequencies it pushes, and what it would be"
          + " divided by. With a student, distribution matching too.",
      "Draws it (probe.svg, probe.png), writes the numbers (probe.csv, probe.json), and recommends"
          + " intervals of τ, α and the normaliser's floor."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast probe",
      "  peltast probe --teacher my-teacher --prompts prompts.txt --out output/anatomy",
      "  peltast probe --student output/distill/student"
    })
final class ProbeCommand implements Callable<Integer> {
  private static final int MOST = 1000;

  @Spec private CommandSpec spec;

  @Option(
      names = "--teacher",
      paramLabel = "DIR",
      description = "the teacher's model folder (default: the shipped one)")
  private @Nullable Path teacher;

  @Mixin private SourceOptions source;

  @Option(
      names = "--student",
      paramLabel = "DIR",
      description = "a student of it, whose images are looked at (default: the teacher's samples)")
  private @Nullable Path student;

  @Option(
      names = "--prompts",
      paramLabel = "FILE_OR_DIR",
      description =
          "prompts (.txt or .jsonl) or a folder of captioned pictures (default: the built-in emoji)")
  private String prompts = "emoji";

  @Option(
      names = "--images",
      paramLabel = "N",
      description = "how many images are looked at (default: ${DEFAULT-VALUE})")
  private int images = 32;

  @Option(
      names = "--fake-updates",
      paramLabel = "N",
      description =
          "with a student: updates of the fake model that learns from it (default: ${DEFAULT-VALUE})")
  private int fakeUpdates = 100;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "where to write (default: ${DEFAULT-VALUE})")
  private Path out = Path.of("output/probe");

  @Option(
      names = "--device",
      paramLabel = "NAME",
      description = "auto, cpu, cuda or cuda:N (default: ${DEFAULT-VALUE})")
  private String device = "auto";

  /** Created by picocli. */
  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  ProbeCommand() {}

  @Override
  public Integer call() {
    require("--images", images, 2);
    require("--fake-updates", fakeUpdates, 1);
    DataRecipe data = DataRecipe.defaults().of(prompts);
    data.requireCaptions();
    Path folder = teacher == null ? Places.shipped("teacher") : teacher;
    Places.requireTeacher(folder);
    Places.requireFolder(out, "--out");
    NativeLibraries.open();
    Device on = Devices.of(device);
    Corpus corpus;
    try (Progress preparing = Display.progress("reading the data")) {
      corpus = Corpus.open(data, preparing, Display::notice);
    }
    List<String> captions = corpus.examples(images).captions();
    Probe.Settings usual = Probe.Settings.of(captions);
    Probe.Settings settings =
        new Probe.Settings(captions, usual.alphas(), fakeUpdates, usual.seed());
    Path other = student;
    try (TextToImage opened = ModelFolder.open(source.in(folder), on, Precision.FLOAT32);
        Progress progress = Display.progress("probing")) {
      Probe.Anatomy anatomy;
      if (other == null) {
        anatomy = Probe.look(opened, null, settings, progress);
      } else {
        try (TextToImage drawing = ModelFolder.open(other, on, Precision.FLOAT32)) {
          anatomy = Probe.look(opened, drawing, settings, progress);
        }
      }
      progress.close();
      Probe.write(anatomy, "The engine of " + folder.getFileName(), out);
      tell(anatomy.advice(), spec.commandLine().getOut());
    }
    Display.notice("Wrote " + out.resolve("probe.png") + ".");
    return ExitCode.OK;
  }

  private void require(String option, int value, int least) {
    if (value < least || value > MOST) {
      throw new ParameterException(
          spec.commandLine(),
          String.format(
              Locale.ROOT, "%s must be from %d to %d, but is %d", option, least, MOST, value));
    }
  }

  private static void tell(Probe.Advice advice, PrintWriter to) {
    to.println("To begin with, by rules of thumb:");
    advice.sets().forEach(set -> to.println("  --set \"" + set + "\""));
    to.flush();
  }
}
