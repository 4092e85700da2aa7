package org.peltast.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.peltast.models.Verification;
import org.peltast.tensor.Device;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "verify",
    description = {
      "Proves a checkpoint's components equal to their reference implementation.",
      "Feeds each golden file's inputs to the component that it names and prints a line for each output: file, name, shape, max|a − b| / max|b|, tolerance, PASS or FAIL. The exit code is 0 only if all pass, 1 if any fails, and 2 if something cannot be checked by this build."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast verify models/zimage golden/forward.safetensors golden/backward.safetensors",
      "  peltast verify --device cuda models/zimage golden/*.safetensors",
      "  peltast verify models/zimage lora-forward.safetensors --lora pytorch_lora_weights.safetensors"
    })
final class VerifyCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      index = "0",
      paramLabel = "CHECKPOINT_DIR",
      description = "a model folder in the diffusers layout")
  private Path checkpoint;

  @Parameters(
      index = "1..*",
      arity = "1..*",
      paramLabel = "GOLDEN.safetensors",
      description = "inputs and outputs of the reference")
  private List<Path> goldens;

  @Option(
      names = "--lora",
      paramLabel = "FILE",
      description =
          "the LoRA that golden files with the metadata lora were made with (default: the file of that name beside them)")
  private @Nullable Path lora;

  @Option(
      names = "--device",
      paramLabel = "NAME",
      description = "cpu, cuda or cuda:N (default: cpu)")
  private String device = "cpu";

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  VerifyCommand() {}

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    return Verification.run(
            checkpoint,
            goldens,
            lora,
            Device.parse(device),
            line -> {
              out.println(line);
              out.flush();
            })
        .exitCode();
  }
}
