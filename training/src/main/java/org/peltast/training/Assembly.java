package org.peltast.training;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.FeatureTaps;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.StepGrid;
import org.peltast.distill.Appearance;
import org.peltast.distill.Method;
import org.peltast.distill.Role;
import org.peltast.distill.adversarial.Discriminator;
import org.peltast.distill.adversarial.DiscriminatorHead;
import org.peltast.distill.consistency.Lcm;
import org.peltast.distill.dmd.Adversary;
import org.peltast.distill.dmd.CfgAugmentation;
import org.peltast.distill.dmd.DecoupledDmd;
import org.peltast.distill.dmd.DistributionMatching;
import org.peltast.distill.dmd.Dmd2;
import org.peltast.distill.dmd.FakeModel;
import org.peltast.distill.dmd.Learner;
import org.peltast.distill.dmd.MeanVariance;
import org.peltast.distill.dmd.Rollout;
import org.peltast.distill.dmd.TeacherCritic;
import org.peltast.distill.dmd.WeightedTerm;
import org.peltast.models.Backbone;
import org.peltast.models.TextToImage;
import org.peltast.runs.RunException;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Rng;
import org.peltast.tensor.nn.Adapters;
import org.peltast.tensor.nn.Parameters;

/**
 * A method put together from a recipe and a teacher, with the networks and roles that it made for
 * it: the one place where a recipe's words become objects of {@code distill}.
 */
final class Assembly implements AutoCloseable {
  private final DistillRecipe recipe;
  private final TextToImage teacher;
  private final Denoiser frozen;
  private final Backbone student;
  private final Deque<AutoCloseable> owned = new ArrayDeque<>();
  private final Role role;
  private final Method method;
  private @Nullable Backbone fake;
  private MethodRecipe.@Nullable Space measured; // where real data are to be measured
  private volatile MeanVariance.@Nullable Moments real;
  private int trained = 1;
  private int copies = 1;
  private final List<Held> held = new ArrayList<>();

  /**
   * Weights that were made for the method.
   *
   * @param averaged whether their role keeps a moving average
   */
  record Held(String name, Parameters parameters, boolean trained, boolean averaged) {}

  /**
   * Assembles.
   *
   * @param own makes the method of a recipe whose method is {@link MethodRecipe.Custom}; else null
   * @throws RunException if the recipe names such a method and nobody makes it
   */
  Assembly(
      DistillRecipe recipe,
      TextToImage teacher,
      Appearance appearance,
      @Nullable Function<MethodContext, Method> own) {
    this.recipe = recipe;
    this.teacher = teacher;
    this.frozen =
        recipe.lora().isOn()
            ? teacher.denoiser().with(own(teacher.network().adapted(Adapters.NONE)))
            : teacher.denoiser();
    this.student = begin("student");
    this.role = role("student", student.parameters(), recipe.student());
    MethodRecipe how = recipe.method();
    if (how instanceof MethodRecipe.DecoupledDmd dmd) {
      this.method = decoupled(dmd, appearance);
    } else if (how instanceof MethodRecipe.Dmd2 dmd2) {
      this.method = dmd2(dmd2, appearance);
    } else if (how instanceof MethodRecipe.Lcm lcm) {
      this.method = lcm(lcm);
    } else if (how instanceof MethodRecipe.Custom custom) {
      if (own == null) {
        close();
        throw new RunException(
            String.format(
                Locale.ROOT,
                "the method '%s' of this recipe is a Java class of another program: run it from there, by Distiller.method",
                custom.name()));
      }
      this.method = own.apply(new Context(appearance));
    } else {
      throw new IllegalStateException("no method is made of " + how);
    }
    owned.push(method);
  }

  private Method decoupled(MethodRecipe.DecoupledDmd r, Appearance appearance) {
    List<WeightedTerm> terms = new ArrayList<>();
    List<Learner> learners = new ArrayList<>();
    if (!recipe.unconditional()) { // without captions guidance adds nothing, at two evaluations
      terms.add(
          new WeightedTerm(
              new CfgAugmentation(new Guidance(r.alpha())),
              r.ca().weight(),
              r.ca().normaliser().normaliser()));
    }
    FakeModel learner = null;
    if (r.hasFake()) {
      Denoiser faking = fake();
      terms.add(
          new WeightedTerm(
              new DistributionMatching(faking), r.dm().weight(), r.dm().normaliser().normaliser()));
      learner =
          new FakeModel(
              faking,
              role("fake", faking.network().parameters(), r.fake().role()),
              r.fake().updates(),
              r.fake().images(),
              r.fake().observes());
    }
    if (r.meanVariance().weight() > 0) {
      terms.add(new WeightedTerm(meanVariance(r.meanVariance()), r.meanVariance().weight()));
    }
    if (r.gan().weight() > 0) {
      boolean onFake = r.gan().on() == MethodRecipe.Trunk.FAKE;
      Denoiser trunk = onFake ? fake() : frozen;
      DiscriminatorHead head = head(trunk, r.gan());
      Discriminator discriminator = new Discriminator(trunk, head, r.gan().settings());
      Role critic = role("discriminator", head.parameters(), r.gan().head());
      terms.add(new WeightedTerm(new Adversary(discriminator), r.gan().weight()));
      if (onFake && learner != null) {
        learner = learner.with(discriminator, critic, r.gan().discriminatorWeight());
      } else {
        learners.add(new TeacherCritic(discriminator, critic, 1, r.gan().discriminatorWeight()));
      }
    }
    if (learner != null) {
      learners.add(0, learner);
    }
    return new DecoupledDmd(
        frozen,
        frozen.with(student),
        role,
        new Rollout(StepGrid.uniform(recipe.steps())),
        r.schedule(),
        terms,
        learners,
        appearance);
  }

  private MeanVariance meanVariance(MethodRecipe.MeanVarianceRecipe r) {
    boolean given = r.moments() == MethodRecipe.Moments.GIVEN;
    if (teacher.device().kind() == Device.Kind.META) {
      real = new MeanVariance.Moments(0, 1); // where nothing can be measured
    } else if (given) {
      real = new MeanVariance.Moments(r.mean(), r.variance());
    } else {
      measured = r.space();
    }
    return new MeanVariance(
        () -> Objects.requireNonNull(real, "real data have not been measured yet"),
        r.space() == MethodRecipe.Space.LATENTS
            ? UnaryOperator.identity()
            : teacher.codec()::decode);
  }

  /** Measures what real data look like, if a term is to know; before the first update. */
  void measure(Supplier<Reference> reference) {
    MethodRecipe.Space space = measured;
    if (space != null) {
      real = reference.get().moments(space);
    }
  }

  private Method dmd2(MethodRecipe.Dmd2 r, Appearance appearance) {
    Denoiser faking = fake();
    DiscriminatorHead head = head(faking, r.gan());
    return new Dmd2(
        new Dmd2.Settings(
            new Guidance(r.alpha()),
            r.renoising().with(r.margin()),
            r.fakeUpdates(),
            r.gan().weight(),
            r.gan().discriminatorWeight()),
        frozen,
        frozen.with(student),
        faking,
        new Discriminator(faking, head, r.gan().settings()),
        new Dmd2.Roles(
            role,
            role("fake", faking.network().parameters(), r.fake()),
            role("discriminator", head.parameters(), r.gan().head())),
        new Rollout(StepGrid.uniform(recipe.steps())),
        appearance);
  }

  private Method lcm(MethodRecipe.Lcm r) {
    Denoiser learning = frozen.with(student);
    Denoiser target = r.target() > 0 ? average(r.target()) : learning;
    return new Lcm(r.solver(), frozen, learning, target, role);
  }

  /** The target network that follows the student's weights. */
  private Denoiser average(double decay) {
    if (student.parameters().storage() != DType.FLOAT32) {
      throw new RunException(
          "a target network is a moving average, whose steps bfloat16 would lose: set"
              + " memory.weights to float32, or method.target to 0");
    }
    Backbone averaged = own(student.copy());
    copies++;
    held.add(new Held("target", averaged.parameters(), false, false));
    role.averageInto(averaged.parameters(), decay);
    return frozen.with(averaged);
  }

  /** What a method from outside is made from. */
  private final class Context implements MethodContext {
    private final Appearance appearance;
    private final Set<String> names = new HashSet<>(Set.of("student"));

    Context(Appearance appearance) {
      this.appearance = appearance;
    }

    @Override
    public Denoiser teacher() {
      return frozen;
    }

    @Override
    public Denoiser student() {
      return frozen.with(student);
    }

    @Override
    public Role role() {
      return role;
    }

    @Override
    public StepGrid grid() {
      return StepGrid.uniform(recipe.steps());
    }

    @Override
    public Guidance guidance() {
      return new Guidance(recipe.method().alpha());
    }

    @Override
    public long seed() {
      return recipe.seed();
    }

    @Override
    public Appearance appearance() {
      return appearance;
    }

    @Override
    public Trained copy(String name, RoleRecipe settings) {
      if (!names.add(name)) {
        throw new RunException("two roles of one run cannot both be called " + name);
      }
      Backbone made = begin(name);
      trained++;
      return new Trained(frozen.with(made), Assembly.this.role(name, made.parameters(), settings));
    }

    @Override
    public Denoiser average(double decay) {
      return Assembly.this.average(decay);
    }

    @Override
    public <T extends AutoCloseable> T own(T made) {
      return Assembly.this.own(made);
    }
  }

  /** The fake model, which starts as a copy of the teacher; made when it is first asked for. */
  private Denoiser fake() {
    Backbone known = fake;
    if (known == null) {
      known = begin("fake");
      trained++;
      fake = known;
    }
    return frozen.with(known);
  }

  /**
   * A network that is to be trained and answers what the teacher answers: a copy of it, or an
   * adapter over its weights.
   */
  private Backbone begin(String name) {
    Backbone begun =
        own(
            recipe.lora().isOn()
                ? recipe
                    .lora()
                    .settings()
                    .over(teacher.network(), Rng.of(recipe.seed()).fork("lora").fork(name))
                : teacher.network().copy());
    begun.parameters().checkpointing(recipe.memory().isCheckpointing());
    return begun;
  }

  private DiscriminatorHead head(Denoiser trunk, MethodRecipe.GanRecipe gan) {
    if (!(trunk.network() instanceof FeatureTaps network)) {
      throw new RunException(
          "this teacher's network offers no intermediate features for a discriminator: set"
              + " method.gan.weight to 0");
    }
    List<String> taps = gan.taps();
    if (taps.isEmpty()) {
      taps = List.of(network.featureNames().get(network.featureNames().size() / 2));
    }
    for (String tap : taps) {
      if (!network.featureNames().contains(tap)) {
        throw new RunException(
            String.format(
                Locale.ROOT,
                "method.gan.taps: the network has no features called '%s'; it has %s",
                tap,
                String.join(", ", network.featureNames())));
      }
    }
    Rng rng = Rng.of(recipe.seed()).fork("discriminator");
    return own(new DiscriminatorHead(network, taps, gan.width(), teacher.device(), rng));
  }

  private Role role(String name, Parameters parameters, RoleRecipe trained) {
    held.add(new Held(name, parameters, true, trained.ema() > 0));
    Role.Settings settings = recipe.memory().applied(trained.settings(), name, recipe.seed());
    return own(new Role(name, parameters, settings));
  }

  private <T extends AutoCloseable> T own(T made) {
    owned.push(made);
    return made;
  }

  /** The method. */
  Method method() {
    return method;
  }

  /** The generator's network, with its weights in training. */
  Backbone student() {
    return student;
  }

  /** The generator's role. */
  Role role() {
    return role;
  }

  /** The fake model's network, if there is one. */
  @Nullable Network fakeNetwork() {
    return fake;
  }

  /** The weights that it made, in order. */
  List<Held> held() {
    return held;
  }

  /** How many networks are trained. */
  int trained() {
    return trained;
  }

  /** How many copies of the teacher are held besides those that are trained, the teacher too. */
  int copies() {
    return copies;
  }

  @Override
  public void close() {
    for (AutoCloseable made : owned) {
      try {
        made.close();
      } catch (RuntimeException e) {
        throw e;
      } catch (Exception e) {
        throw new IllegalStateException("memory could not be freed", e);
      }
    }
  }
}
