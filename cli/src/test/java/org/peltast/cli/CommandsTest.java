package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.peltast.training.RecipeShelf;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;

/** What a user sees of the commands: help, examples, sentences, exit codes. */
class CommandsTest {
  @TempDir Path folder;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int run(String... arguments) {
    return Main.commandLine()
        .setOut(new PrintWriter(out))
        .setErr(new PrintWriter(err))
        .execute(arguments);
  }

  /** All commands, subcommands of subcommands too, as one would type them. */
  static Stream<List<String>> commands() {
    List<List<String>> all = new ArrayList<>();
    collect(Main.commandLine(), List.of(), all);
    return all.stream();
  }

  private static void collect(CommandLine command, List<String> words, List<List<String>> all) {
    all.add(words);
    command
        .getSubcommands()
        .forEach(
            (name, subcommand) -> {
              List<String> longer = new ArrayList<>(words);
              longer.add(name);
              collect(subcommand, longer, all);
            });
  }

  @ParameterizedTest
  @MethodSource("commands")
  void everyCommandHasHelpWithExamplesAndExitCodes(List<String> words) {
    List<String> arguments = new ArrayList<>(words);
    arguments.add("--help");
    assertThat(run(arguments.toArray(String[]::new))).isZero();
    assertThat(err.toString()).isEmpty();
    assertThat(out.toString()).contains("Usage: peltast", "Exit codes:", "130");
    if (!words.isEmpty()) {
      assertThat(out.toString()).contains("Examples:", "  peltast " + words.get(0));
    }
  }

  /** An example that does not parse would be worse than none. */
  @ParameterizedTest
  @MethodSource("commands")
  void everyExampleIsUnderstood(List<String> words) {
    CommandLine command = command(words);
    for (String line : command.getCommandSpec().usageMessage().footer()) {
      if (!line.strip().startsWith("peltast ")) {
        continue; // begins with a variable of the environment
      }
      String example = line.strip().replaceFirst("^peltast ", "").replaceFirst(" > .*$", "");
      List<String> arguments = new ArrayList<>();
      java.util.regex.Matcher word =
          java.util.regex.Pattern.compile("\"([^\"]*)\"|(\\S+)").matcher(example);
      while (word.find()) {
        arguments.add(word.group(1) != null ? word.group(1) : word.group(2));
      }
      Main.commandLine().parseArgs(arguments.toArray(String[]::new));
    }
  }

  private static CommandLine command(List<String> words) {
    CommandLine command = Main.commandLine();
    for (String word : words) {
      command = command.getSubcommands().get(word);
    }
    return command;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ''                                       | a command is missing
          inspekt                                  | Unmatched argument
          inspect                                  | Missing required parameter: 'FILE_OR_DIR'
          inspect no/such.safetensors              | no/such.safetensors: there is no such file
          verify models                            | Missing required parameter: 'GOLDEN.safetensors'
          generate --prompt a --prompts b.txt      | mutually exclusive
          lora extract no/run --out x.safetensors  | no/run does not exist
          generate --prompt a --count 0            | --count must be from 1 to 10000
          generate --prompt a --steps 0            | --steps must be from 1 to 1000
          generate --prompt a --model no/model     | no/model does not exist
          generate --prompt a --size 8by8          | --size must be pixels or WIDTHxHEIGHT
          distill --set shift=0                    | a timestep shift must be positive
          generate --prompt a --device gpu         | unknown device 'gpu'
          demo --steps 3                           | --steps must be 1, 2, 4 or 8
          demo --updates 2 --minutes 1             | mutually exclusive
          demo --minutes 0                         | --minutes must be more than 0
          demo --updates x                         | Invalid value for option '--updates'
          distill --set run.updats=3               | did you mean 'run.updates'
          distill --set device=tpu                 | unknown device 'tpu'
          distill --recipe nonesuch                | there is no recipe 'nonesuch'
          recipes nonesuch                         | there is no recipe 'nonesuch'
          train                                    | Missing required subcommand
          report no/run                            | There is no run in no/run
          evaluate --model no/model                | no/model does not exist
          evaluate --prompts 1                     | --prompts must be at least 2
          evaluate --samples 0                     | --samples must be from 1 to 100
          evaluate --split validation --images .   | --split is of the emoji
          reproduce fig9                           | there is no experiment 'fig9'
          reproduce fig2 --seeds 0                 | --seeds must be from 1 to 100
          reproduce fig2 --scale 0                 | a scale from above 0
          reproduce fig2 --teacher no/model        | there is no teacher in no/model
          reproduce fig2 --set run.bach=3          | did you mean 'run.batch'
          reproduce fig2 --prompts no/prompts.txt  | which is not there
          probe --images 1                         | --images must be from 2 to 1000
          probe --teacher no/model                 | there is no teacher in no/model
          probe --prompts no/prompts.txt           | which is not there
          bench                                    | Missing required subcommand
          bench step --batch 0                     | --batch must be from 1 to 4096
          bench step --tokens 63                   | --tokens must be a square number
          bench step --precision half              | unknown precision 'half'
          bench step --threads 0                   | number of threads must be between 1 and 1024
          bench step --sweep width=3               | not 'width'
          bench step --variant lean                | --variant must be one of lean-eager-bf16
          bench kernels --precision half           | unknown precision 'half'
          bench soak --updates 1                   | --updates must be at least 20
          bench shared --processes 0               | --processes must be from 1 to 64
          bench page --page no/page.md             | no/page.md is not there
          data --size 3                            | 8 to 512
          """)
  void aMistakeIsOneSentenceAndExitCode2(String typed, String sentence) {
    String[] arguments = typed.isEmpty() ? new String[0] : typed.split(" ");
    assertThat(run(arguments)).isEqualTo(ExitCode.USAGE);
    assertThat(out.toString()).isEmpty();
    assertThat(err.toString())
        .contains(sentence)
        .startsWith("peltast: ")
        .doesNotContain("Exception", "\tat ");
    assertThat(err.toString().lines().findFirst().orElse("")).matches(".*[.?]");
    assertThat(err.toString().lines().count()).isLessThanOrEqualTo(3);
  }

  @Test
  void aFolderWithoutWeightsIsNamed() {
    assertThat(run("inspect", folder.toString())).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains(folder + ": there is no safetensors file in it");
  }

  @Test
  void inspectsShardsAsOneAndSummarises() {
    Path golden = root().resolve("safetensors/src/test/resources/golden/sharded");
    assertThat(run("inspect", golden.toString())).isZero();
    assertThat(out.toString()).contains("shards: 3").containsOnlyOnce("totals");
    out.getBuffer().setLength(0);
    assertThat(run("inspect", "--summary", golden.toString())).isZero();
    assertThat(out.toString()).contains("in 3 files");
  }

  @Test
  void verifiesAGoldenFile() {
    Path model = root().resolve("models/src/test/resources/golden/zimage-tiny");
    assertThat(run("verify", model.toString(), model.resolve("forward.safetensors").toString()))
        .isZero();
    assertThat(out.toString()).contains("sample [3, 16, 6, 10]").contains("PASS");
  }

  @Test
  void theDoctorSaysWhatItWouldChoose() {
    int code = run("doctor");
    assertThat(code).isIn(ExitCode.OK, ExitCode.FAILED); // the disk may be full
    assertThat(out.toString())
        .contains("libtorch", "processor", "bfloat16", "cache", "free")
        .containsPattern("choice +device (cpu|cuda:0), precision (float32|bf16)")
        .containsPattern("blocks +\\S+ in float32: (fused kernels, |plain operators, .*because )")
        .containsPattern("\n +\\S+ in bf16: (fused kernels, |plain operators, .*because )")
        .contains("flags      all that the engine wants");
  }

  @Test
  void everyRecipeOnTheShelfIsWhole() {
    System.setProperty("peltast.home", root().toString());
    try {
      List<RecipeShelf.Entry> all = Places.recipes().all();
      assertThat(all).hasSizeGreaterThanOrEqualTo(7);
      assertThat(all.stream().map(RecipeShelf.Entry::name)).doesNotHaveDuplicates();
      for (RecipeShelf.Entry entry : all) {
        assertThat(entry.description()).as(entry.name()).matches(".*[.?]");
        assertThat(entry.kind().resolved(entry.file())).as(entry.name()).contains("seed: ");
      }
      assertThat(run("recipes")).isZero();
      assertThat(out.toString()).contains("demo", "one-step", "dmd2", "peltast train judge");
    } finally {
      System.clearProperty("peltast.home");
    }
  }

  /** With -Dpeltast.docs.write the page is written instead. */
  @Test
  void thePageOfCommandsIsWhatTheCommandsSay() throws Exception {
    StringBuilder page =
        new StringBuilder(
            """
            # Commands

            Each page is what `peltast COMMAND --help` prints; a test keeps it so.
            """);
    commands()
        .forEach(
            words -> {
              CommandLine command = command(words);
              command.setUsageHelpAutoWidth(false).setUsageHelpWidth(100);
              String usage = command.getUsageMessage(Ansi.OFF);
              if (!words.isEmpty()) {
                // The same everywhere, so once is enough.
                usage = usage.replaceAll("(?s)\n+Exit codes:\n.*?(?=\n\nExamples:|\\z)", "");
              }
              page.append("\n## peltast")
                  .append(words.isEmpty() ? "" : " " + String.join(" ", words))
                  .append("\n\n```text\n")
                  .append(usage.stripTrailing())
                  .append("\n```\n");
            });
    Path file = root().resolve("docs/commands.md");
    if (System.getProperty("peltast.docs.write") != null) {
      Files.createDirectories(file.getParent());
      Files.writeString(file, page);
    }
    assertThat(Files.readString(file))
        .as("run this test with -Dpeltast.docs.write=true to write the page anew")
        .isEqualTo(page.toString());
  }

  /** The clone: tests run in the module's folder. */
  private static Path root() {
    Path here = Path.of("").toAbsolutePath();
    return Files.exists(here.resolve("peltast")) ? here : here.getParent();
  }
}
