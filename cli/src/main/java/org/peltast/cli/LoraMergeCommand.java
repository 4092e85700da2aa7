package org.peltast.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelFolder;
import org.peltast.models.ModelSource;
import org.peltast.models.ScaledLora;
import org.peltast.models.TextToImage;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "merge",
    description = {
      "Writes a model folder whose network's weights have LoRA files added to them.",
      "What is drawn with it is what the model draws with the LoRA; no tool need know of it any more."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast lora merge --model Z-Image --lora student/pytorch_lora_weights.safetensors --out output/merged",
      "  peltast lora merge --model sdxl --lora a.safetensors:0.8 --lora b.safetensors:0.5 --out output/merged --weights float32"
    })
final class LoraMergeCommand implements Callable<Integer> {
  /** In what the weights are written. */
  enum Numbers {
    BFLOAT16,
    FLOAT16,
    FLOAT32
  }

  @Option(
      names = "--model",
      paramLabel = "DIR",
      required = true,
      description = "the model folder that the LoRA is made for")
  private Path model;

  @Mixin private SourceOptions source;

  @Mixin private LoraFiles loras;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      required = true,
      description = "where the merged model folder is written")
  private Path out;

  @Option(
      names = "--weights",
      paramLabel = "TYPE",
      description = "bfloat16, float16 or float32 (default: as the model's own are stored)")
  private @Nullable Numbers weights;

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  LoraMergeCommand() {}

  @Override
  public Integer call() {
    List<ScaledLora> asked = loras.all();
    if (asked.isEmpty()) {
      throw new CommandException("there is no LoRA to merge; name one with --lora.");
    }
    Places.requireFolder(out, "--out");
    ModelFolder.requireNew(out);
    NativeLibraries.open();
    ModelSource from = source.in(model);
    try (TextToImage opened = ModelFolder.open(from, Device.CPU, Precision.FLOAT32)) {
      ScaledLora.mergeInto(opened.network(), asked);
      Map<String, String> provenance = ScaledLora.provenance(opened.provenance(), asked);
      // Decided here: a command is made at every start, before a library of tensors may be read.
      DType dtype =
          weights == null
              ? from.network(opened.network().family()).stored()
              : DType.valueOf(weights.name());
      ModelFolder.write(out, opened.with(provenance), dtype);
      System.err.printf(
          Locale.ROOT,
          "Wrote the merged model to %s, in %s.%n",
          out,
          dtype.name().toLowerCase(Locale.ROOT));
    }
    return ExitCode.OK;
  }
}
