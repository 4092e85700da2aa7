package org.peltast.cli;

import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.peltast.models.LoraConversion;
import org.peltast.models.ModelSource;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "convert",
    description = {
      "Writes a LoRA file in the layout of diffusers or of ComfyUI, whichever it has.",
      "The model's headers are read, to find the layers and to see that the LoRA fits them; its weights are not."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast lora convert student/pytorch_lora_weights.safetensors --model Z-Image --to comfyui --out student-lora.safetensors",
      "  peltast lora convert downloaded.safetensors --model sdxl --to diffusers --out pytorch_lora_weights.safetensors"
    })
final class LoraConvertCommand implements Callable<Integer> {
  /** Whose layout. */
  enum Layout {
    DIFFUSERS,
    COMFYUI
  }

  @Parameters(paramLabel = "LORA", description = "the LoRA file")
  private Path lora;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      required = true,
      description = "a model folder of the model that it is made for")
  private Path model;

  @Option(
      names = "--to",
      paramLabel = "LAYOUT",
      required = true,
      description = "diffusers or comfyui")
  private Layout to;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      required = true,
      description = "the file that is written, a .safetensors")
  private Path out;

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  LoraConvertCommand() {}

  @Override
  public Integer call() {
    Places.requireFile(out, "--out");
    NativeLibraries.open();
    int layers = LoraConversion.write(lora, ModelSource.of(model), to == Layout.COMFYUI, out);
    System.err.printf(
        Locale.ROOT,
        "Wrote %s: a LoRA of %d layers in the layout of %s.%n",
        out,
        layers,
        to == Layout.COMFYUI ? "ComfyUI" : "diffusers");
    return ExitCode.OK;
  }
}
