package org.peltast.examples;

import java.nio.file.Path;
import java.util.List;
import org.peltast.api.Distillation;
import org.peltast.api.Distiller;
import org.peltast.api.Peltast;
import org.peltast.api.Recipe;
import org.peltast.api.Recipes;
import org.peltast.api.Teacher;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.EulerOde;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.StepGrid;
import org.peltast.distill.Batch;
import org.peltast.distill.Method;
import org.peltast.distill.Metrics;
import org.peltast.distill.MicroBatch;
import org.peltast.distill.Phase;
import org.peltast.distill.Role;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;
import org.peltast.training.MethodContext;

/**
 * A method of one's own: regression to the teacher's samples (Luhman and Luhman, 2021), for a
 * student of several steps. {@code OwnMethod TEACHER RUN STUDENT}; started again, it goes on.
 *
 * <p>From noise ε the teacher walks its guided ODE to an image x. At a step k of the student's grid
 * the student sees x noised to that step's time, by the same ε if k is 0, and descends on {@code
 * mean (x₀ − x)²} of its prediction x₀. The executor does all else: micro-batches, threads,
 * processes, optimiser, checkpoints.
 */
public final class OwnMethod implements Method, Phase {
  private static final StepGrid SOLVER = StepGrid.uniform(8);

  private final MethodContext context;

  OwnMethod(MethodContext context) {
    this.context = context;
  }

  @Override
  public List<Phase> phases() {
    return List.of(this);
  }

  @Override
  public String name() {
    return "student";
  }

  @Override
  public List<Role> trains() {
    return List.of(context.role());
  }

  @Override
  public Tensor loss(MicroBatch part, Rng rng, Metrics metrics) {
    Batch batch = part.batch();
    Denoiser student = context.student();
    Tensor noise = batch.noise(rng.fork("start"));
    Tensor image = sample(batch, noise);
    int step = rng.fork("step").below(context.grid().size()); // the same for the whole batch
    Tensor t = student.at(context.grid().time(step), image);
    Tensor xt = student.path().mix(image, step == 0 ? noise : batch.noise(rng.fork("again")), t);
    Network.Text text = student.network().read(batch.condition());
    Tensor answer = student.clean(xt, t, text);
    Tensor loss = answer.sub(image).square().mean();
    metrics.mean("loss", loss);
    metrics.mean("variance", answer.detach().variance(false, 1, 2, 3).mean());
    return loss;
  }

  /** The teacher's guided image from this noise, [B, C, h, w], without a graph. */
  private Tensor sample(Batch batch, Tensor noise) {
    Denoiser teacher = context.teacher();
    try (Autograd off = Autograd.off()) {
      Network.Text text = teacher.network().read(batch.condition());
      Network.Text empty = teacher.network().read(batch.empty());
      return new EulerOde()
          .sample(teacher, SOLVER, context.guidance(), noise, text, empty, k -> noise, null);
    }
  }

  /** Distils on four prompts; a real run has thousands. */
  public static void main(String[] args) {
    if (args.length != 3) {
      throw new IllegalArgumentException("give the folders of the teacher, the run, the student");
    }
    Recipe recipe = Recipes.custom("regression").steps(2).guidance(3).batch(4).updates(200);
    List<String> prompts = List.of("a red apple", "a green tree", "a blue car", "a black cat");
    try (Teacher teacher = Peltast.open(Path.of(args[0]))) {
      run(teacher, recipe, prompts, Path.of(args[1]))
          .onUpdate(u -> System.out.println(u.number() + " " + u.metric("loss")))
          .start()
          .student()
          .save(Path.of(args[2]));
    }
  }

  static Distillation run(Teacher teacher, Recipe recipe, List<String> prompts, Path folder) {
    return Distiller.of(teacher)
        .recipe(recipe)
        .method(OwnMethod::new)
        .prompts(prompts)
        .into(folder);
  }
}
