package org.peltast.cli;

import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.peltast.models.ComfyImport;
import org.peltast.models.ModelSource;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "import",
    description = {
      "Writes a single file of ComfyUI as a model folder, every number as it is.",
      "The network, and of SDXL's checkpoints autoencoder and text encoders too, come from the file; configurations, scheduler, tokenizers and what the file lacks from a folder of a model of the same shape."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast import finetuned.safetensors --model stable-diffusion-xl-base-1.0 --out models/finetuned",
      "  peltast import z_image_bf16.safetensors --model Z-Image --out models/z-image"
    })
final class ImportCommand implements Callable<Integer> {
  @Parameters(paramLabel = "FILE", description = "the single file, a .safetensors")
  private Path file;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      required = true,
      description = "a folder of a model of the same shape")
  private Path model;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      required = true,
      description = "the model folder that is written")
  private Path out;

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  ImportCommand() {}

  @Override
  public Integer call() {
    Places.requireFolder(out, "--out");
    ComfyImport.Written written = ComfyImport.write(file, ModelSource.of(model), out);
    System.err.printf(
        Locale.ROOT,
        "Wrote %s: %s from the file; %s from %s.%n",
        out,
        String.join(", ", written.read()),
        String.join(", ", written.kept()),
        model);
    return ExitCode.OK;
  }
}
