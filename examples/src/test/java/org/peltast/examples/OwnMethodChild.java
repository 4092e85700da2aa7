package org.peltast.examples;

import java.nio.file.Path;
import java.util.List;
import org.peltast.api.Distillation;
import org.peltast.api.Peltast;
import org.peltast.api.Recipes;
import org.peltast.api.Teacher;

/** One rank of {@link OwnMethod} in a process of its own: teacher, run, student, where to stop. */
final class OwnMethodChild {
  private OwnMethodChild() {}

  public static void main(String[] args) {
    try (Teacher teacher = Peltast.open(Path.of(args[0]))) {
      Distillation run =
          OwnMethod.run(
              teacher,
              Recipes.custom("regression")
                  .steps(2)
                  .batch(4)
                  .updates(12)
                  .set("precision", "float32"),
              List.of("a red apple", "a green tree", "a blue car", "a black cat"),
              Path.of(args[1]));
      long last = Long.parseLong(args[3]);
      run.onUpdate(
          u -> {
            if (u.number() == last) {
              run.stop();
            }
          });
      Distillation.Result result = run.start();
      if (!"0".equals(System.getenv("RANK"))) {
        result.student().save(Path.of(args[2] + "-of-another-rank"));
      } else {
        result.student().save(Path.of(args[2]));
      }
    }
  }
}
