package org.peltast.cli;

import picocli.CommandLine.Command;

@Command(
    name = "lora",
    description =
        "Draws LoRA files out of students, merges them into models, and writes them in another tool's layout.",
    synopsisSubcommandLabel = "(extract | merge | convert)",
    subcommands = {LoraExtractCommand.class, LoraMergeCommand.class, LoraConvertCommand.class},
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast lora extract output/z-image --out student-lora.safetensors",
      "  peltast lora merge --model Z-Image --lora style.safetensors:0.8 --out output/styled",
      "  peltast lora convert output/run/student/pytorch_lora_weights.safetensors --model Z-Image --to comfyui --out student-lora.safetensors"
    })
final class LoraCommand {
  LoraCommand() {}
}
