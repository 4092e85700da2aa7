package org.peltast.examples;

import java.nio.file.Path;
import java.util.List;
import org.peltast.api.Recipes;

/** A short distillation in a JVM of its own: {@code DistilChild TEACHER FOLDER}. */
final class DistilChild {
  private DistilChild() {}

  public static void main(String[] args) {
    Path folder = Path.of(args[1]);
    Distil.distil(
        Path.of(args[0]),
        Recipes.decoupledDmd().batch(2).updates(2).set("run.looksEvery", 0),
        List.of("a red apple", "a blue car"),
        folder.resolve("run"),
        folder.resolve("student"));
  }
}
