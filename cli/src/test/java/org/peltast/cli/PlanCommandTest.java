package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.testing.TinyModel;
import picocli.CommandLine;

class PlanCommandTest {
  private static final String RECIPES = "../recipes/distill/";
  private static final String TWO_STEPS = RECIPES + "two-steps.yaml";

  @TempDir Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int run(String... arguments) {
    CommandLine line = Main.commandLine();
    line.setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
    return Main.execute(line, arguments);
  }

  @Test
  void printsThePlanOfATinyTeacher() {
    Path teacher = folder.resolve("teacher");
    TinyModel.write(teacher);
    assertThat(run("plan", TWO_STEPS, "--teacher", teacher.toString(), "--device", "cpu"))
        .isEqualTo(ExitCode.OK);
    assertThat(out.toString())
        .contains("numbers", "optimiser", "student", "fake", "activations, generator", "peak");
  }

  /** From configurations alone: this folder has no weights. */
  @Test
  void plansForAGpuThatIsNotHere() {
    Path published = Path.of("..", "plan", "src", "test", "resources", "published", "sdxl");
    String[] command = {
      "plan",
      RECIPES + "sdxl.yaml",
      "--teacher",
      published.toString(),
      "--device",
      "cuda",
      "--memory",
      "1TB"
    };
    assertThat(run(command)).isEqualTo(ExitCode.OK);
    assertThat(out.toString()).contains("cuda:0, products in bf16", "2.57 B", "fits");
  }

  @Test
  void mistakesAreToldInOneSentence() throws Exception {
    Path recipe = folder.resolve("recipe.yaml");
    Files.writeString(recipe, "method: {kind: decoupled-dmd, alhpa: 3}\n");
    assertThat(run("plan", recipe.toString())).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains("alhpa").contains("alpha").hasLineCount(1);
    err.getBuffer().setLength(0);
    assertThat(run("plan", TWO_STEPS, "--device", "cuda")).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains("say it with --memory").hasLineCount(1);
    err.getBuffer().setLength(0);
    assertThat(run("plan", TWO_STEPS, "--memory", "much")).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains("'much' is not a size").hasLineCount(1);
    err.getBuffer().setLength(0);
    assertThat(run("plan", TWO_STEPS, "--teacher", folder.toString())).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains("is no model folder").hasLineCount(1);
  }
}
