package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.testing.TinyModel;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** An experiment as typed, on a teacher as small as the judge can see. */
class ReproduceRunTest {
  @TempDir Path folder;

  @BeforeEach
  void write() {
    TinyModel.write(folder.resolve("teacher"), 64);
  }

  /** With the kernels compiled well: the same pictures are drawn over and over. */
  private Child child() {
    return new Child(folder).with(List.of("-XX:TieredStopAtLevel=4"), Map.of());
  }

  private String[] reproduce(Path out, String seeds, String... more) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "reproduce",
                "fig4b",
                "--seeds",
                seeds,
                "--scale",
                "0.05",
                "--teacher",
                folder.resolve("teacher").toString(),
                "--out",
                out.toString()));
    all.addAll(List.of(more));
    return Child.sets(all, "run.batch=2", "run.checkpointEvery=0s", "data.limit=6");
  }

  /** What is the same for the same seeds: data and verdicts, to the last digit. */
  private static Map<String, String> data(Path out) throws IOException {
    Map<String, String> all = new TreeMap<>();
    for (String name : List.of("fig4b.csv", "fig4b.json", "claims.json")) {
      all.put(name, Files.readString(out.resolve("results").resolve(name)));
    }
    return all;
  }

  /**
   * How many runs hold a file of that name. What else is in their folders may come and go
   * meanwhile.
   */
  private static long runsWith(Path out, String name) throws IOException {
    if (!Files.exists(out.resolve("runs"))) {
      return 0;
    }
    try (Stream<Path> runs = Files.list(out.resolve("runs"))) {
      return runs.filter(run -> Files.exists(run.resolve(name))).count();
    }
  }

  @Test
  void anExperimentKilledAndTypedAgainHasTheSameDataAndRepeatsNothing() throws Exception {
    Child child = child();
    Path straight = folder.resolve("straight");
    assertThat(child.run(reproduce(straight, "2"))).as(child.said()).isZero();
    Path results = straight.resolve("results");
    assertThat(Stream.of("fig4b.svg", "fig4b.png", "fig4b.md", "README.md").map(results::resolve))
        .allMatch(Files::exists);

    Path killed = folder.resolve("killed");
    Process first = child.start(child.command(reproduce(killed, "2")));
    Child.await(first, () -> runsWith(killed, "moments/000001.json") > 0);
    first.destroyForcibly().waitFor();
    assertThat(runsWith(killed, "outcome.json")).isLessThan(2);
    Process second = child.start(child.command(reproduce(killed, "2")));
    Child.await(second, () -> runsWith(killed, "outcome.json") > 0);
    second.destroy(); // Ctrl-C's sibling: it finishes the update and saves
    int code = Child.end(second);
    assertThat(code).as(child.said()).isIn(ExitCode.OK, ExitCode.INTERRUPTED);
    assertThat(child.run(reproduce(killed, "2"))).as(child.said()).isZero();
    assertThat(data(killed)).isEqualTo(data(straight));

    assertThat(child.run(reproduce(straight, "2"))).as(child.said()).isZero();
    assertThat(child.said()).contains("2 runs, of which 2 are there already.");
    assertThat(data(straight)).isEqualTo(data(killed));

    JsonNode claims = JsonMapper.builder().build().readTree(data(straight).get("claims.json"));
    assertThat(claims).hasSize(8);
    JsonNode c6 = claims.get(5);
    assertThat(c6.path("id").asString("")).isEqualTo("C6");
    assertThat(c6.path("seeds")).hasSize(2);
    assertThat(c6.path("effect").isNumber()).isTrue();
    assertThat(c6.path("interval")).hasSize(2);
    assertThat(claims.get(0).path("verdict").asString("")).isEqualTo("not run");
    assertThat(Files.readString(straight.resolve("results/fig4b.csv")))
        .startsWith("experiment,variant,seed,split,moment,update,measure,value\n")
        .contains("fig4b,observer,1,validation,,0,alignment,")
        .contains("fig4b,observer,2,test,end,3,retention.real,")
        .contains("fig4b,observer,2,analysis,end,3,retention.fake.8,");
  }

  private Path prompts() throws IOException {
    return Files.writeString(
        folder.resolve("prompts.txt"),
        "a red owl\na blue owl\na boat\na lake\na red boat\na moon\n");
  }

  @Test
  void promptsWithoutPicturesAreEnough() throws Exception {
    Child child = child();
    Path out = folder.resolve("prompts");
    String[] typed = reproduce(out, "1", "--prompts", prompts().toString());
    assertThat(child.run(typed)).as(child.said()).isZero();
    assertThat(child.said()).contains("the teacher's samples stand for real ones");
    assertThat(Files.readString(out.resolve("results/fig4b.csv"))).contains(",test,end,");
  }

  @Test
  void aProbeDrawsAndAdvises() throws Exception {
    Child child = child();
    Path out = folder.resolve("probe");
    Path teacher = folder.resolve("teacher");
    String[] typed = {
      "probe",
      "--teacher",
      teacher.toString(),
      "--student",
      teacher.toString(),
      "--images",
      "2",
      "--fake-updates",
      "1",
      "--out",
      out.toString()
    };
    assertThat(child.run(typed)).as(child.said()).isZero();
    assertThat(child.said()).contains("--set \"method.alpha=", "--set \"method.ca.tau=[");
    assertThat(Files.readAllLines(out.resolve("probe.csv"))).hasSize(20);
    assertThat(Stream.of("probe.svg", "probe.png", "probe.json").map(out::resolve))
        .allMatch(Files::exists);
  }
}
