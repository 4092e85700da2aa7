package org.peltast.examples;

import java.nio.file.Path;
import java.util.List;
import org.peltast.api.Distillation;
import org.peltast.api.Distiller;
import org.peltast.api.Peltast;
import org.peltast.api.Recipe;
import org.peltast.api.Recipes;
import org.peltast.api.Teacher;

/**
 * Distils a teacher into a generator of four steps by Decoupled DMD: {@code Distil TEACHER RUN
 * STUDENT}. Started again with the same arguments, it goes on where it was ended.
 */
public final class Distil {
  private Distil() {}

  /** Distils on eight prompts; a real run has thousands. */
  public static void main(String[] args) {
    if (args.length != 3) {
      throw new IllegalArgumentException("give the folders of the teacher, the run, the student");
    }
    List<String> prompts =
        List.of(
            "a red apple",
            "a yellow banana",
            "a green tree",
            "a blue car",
            "a smiling face",
            "a black cat",
            "a white dog",
            "a full moon");
    distil(
        Path.of(args[0]),
        Recipes.decoupledDmd().steps(4).guidance(4),
        prompts,
        Path.of(args[1]),
        Path.of(args[2]));
  }

  /** Distils, printing how much the generated latents vary, and saves the student. */
  static void distil(Path model, Recipe recipe, List<String> prompts, Path folder, Path student) {
    try (Teacher teacher = Peltast.open(model)) {
      Distillation run = Distiller.of(teacher).recipe(recipe).prompts(prompts).into(folder);
      run.onUpdate(u -> System.out.println(u.metric("variance"))).start().student().save(student);
    }
  }
}
