package org.peltast.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.tensor.kernels.Fused;

/** JVMs that were started without the flags of the launcher. */
class MissingFlagsTest {
  private static final List<String> MEMORY =
      List.of("-Dorg.bytedeco.javacpp.maxPhysicalBytes=0", "-Dorg.bytedeco.javacpp.maxBytes=0");

  @TempDir Path temp;

  /** What a child does: tells the flags and the kernels' obstacle, and holds so many MiB. */
  static final class Child {
    private Child() {}

    public static void main(String[] args) {
      Engine.open();
      Engine.missingFlags().forEach(System.out::println);
      System.out.println("kernels: " + Fused.obstacle() + ", width " + Fused.width());
      try (Scope scope = Scope.open()) {
        for (int i = 0; i < Integer.parseInt(args[0]); i++) {
          Tensor.full(1, DType.FLOAT32, Device.CPU, 1 << 18);
        }
        System.out.println("held");
      } catch (MemoryException e) {
        System.out.println("refused: " + e.getMessage());
      }
    }
  }

  private String child(int mebibytes, List<String> flags) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Xmx128m");
    command.addAll(flags);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Child.class.getName()));
    command.add(Integer.toString(mebibytes));
    Path output = temp.resolve("output.txt");
    Process child =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    int code = child.waitFor();
    String said = Files.readString(output).replaceAll("(?m)^Picked up JAVA_TOOL_OPTIONS.*\\R", "");
    assertThat(code).as(said).isZero();
    return said;
  }

  /** This JVM has them all: the pom's flags are the launcher's. */
  @Test
  void testsHaveAllFlags() {
    assertThat(Engine.missingFlags()).isEmpty();
  }

  @Test
  void eachIsNamedInASentenceAndMemoryBeyondJavaCppsLimitIsRefusedInOne() throws Exception {
    String said = child(1200, List.of());
    assertThat(said)
        .contains("Java was started without --add-modules jdk.incubator.vector: training uses")
        .contains("Java was started without " + String.join(" ", MEMORY) + ": JavaCPP limits")
        .contains("without -Dorg.bytedeco.javacpp.noPointerGC=true: JavaCPP keeps")
        .contains("width 1")
        .contains("was refused memory by JavaCPP")
        .contains("start Java with " + String.join(" ", MEMORY))
        .doesNotContain("held", "\tat ");
  }

  @Test
  void withoutTheVectorModuleAloneNothingElseIsMissed() throws Exception {
    List<String> flags = new ArrayList<>(MEMORY);
    flags.add("-Dorg.bytedeco.javacpp.noPointerGC=true");
    assertThat(child(800, flags).lines())
        .hasSize(3)
        .element(0)
        .asString()
        .contains("--add-modules jdk.incubator.vector");
    assertThat(child(1, flags)).contains("held");
  }
}
