package org.peltast.cli;

import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.peltast.models.ComfyExport;
import org.peltast.models.ModelSource;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "export",
    description = {
      "Writes a model folder as a single file for ComfyUI, every number as it is.",
      "Z-Image and Lumina 2: the network, for ComfyUI's folder diffusion_models. SDXL: a whole checkpoint, for its folder checkpoints.",
      "How the model is to be drawn (steps, static shift, sampler, guidance) goes with it: in the file's metadata, as NAME.txt, and as NAME.workflow.json in the form of ComfyUI's API."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast export output/z-image/student --to comfyui --out z-image-8-steps.safetensors",
      "  peltast export output/sdxl/student --to comfyui --out sdxl-4-steps.safetensors"
    })
final class ExportCommand implements Callable<Integer> {
  /** For which tool. */
  enum Tool {
    COMFYUI
  }

  @Parameters(paramLabel = "MODEL", description = "a model folder, such as a student")
  private Path model;

  @Option(names = "--to", paramLabel = "TOOL", required = true, description = "comfyui")
  private Tool to;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      required = true,
      description = "the file that is written, a .safetensors")
  private Path out;

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  ExportCommand() {}

  @Override
  public Integer call() {
    Places.requireFile(out, "--out");
    ComfyExport.Written written =
        switch (to) {
          case COMFYUI -> ComfyExport.write(ModelSource.of(model), out);
        };
    if (!written.leftOut().isEmpty()) {
      Display.notice(
          "Not in the file, since the model has none in a form that ComfyUI reads: "
              + String.join(", ", written.leftOut())
              + ".");
    }
    System.err.printf(
        Locale.ROOT,
        "Wrote %s: %d tensors; how to draw with it is in %s and %s.%n",
        written.file(),
        written.tensors(),
        written.note().getFileName(),
        written.workflow().getFileName());
    return ExitCode.OK;
  }
}
