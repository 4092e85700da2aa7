package org.peltast.training;

import java.util.List;
import java.util.Locale;
import org.peltast.distill.adversarial.AdversarialLoss;
import org.peltast.distill.dmd.FakeModel;
import org.peltast.distill.dmd.Normaliser;
import org.peltast.distill.dmd.Renoising;
import org.peltast.distill.dmd.Term;

/**
 * The method of a distillation with its own keys: {@code kind: decoupled-dmd}, {@code dmd2}, {@code
 * lcm}, or {@code custom} for a method that a Java program brings along.
 */
public sealed interface MethodRecipe {
  /** The guidance scale that the log's pictures of the teacher show. */
  double alpha();

  /** Whether it learns from images, and not from captions alone. */
  boolean learnsFromImages();

  /** The role recipe of every other network that it trains. */
  List<RoleRecipe> others();

  /**
   * Decoupled DMD: CFG augmentation and any regularisers, each with its weight.
   *
   * @param alpha the teacher's guidance scale, 1 is none
   * @param renoising the schedule of τ
   * @param margin where τ's margin is kept
   * @param ca CFG augmentation, the engine
   * @param dm distribution matching by the fake model
   * @param meanVariance the mean–variance divergence
   * @param gan an adversary
   * @param fake the fake model
   */
  record DecoupledDmd(
      double alpha,
      Renoising renoising,
      Renoising.Margin margin,
      DirectionRecipe ca,
      DirectionRecipe dm,
      MeanVarianceRecipe meanVariance,
      GanRecipe gan,
      FakeRecipe fake)
      implements MethodRecipe {
    /** Two steps on two cores: what the demonstration trains. */
    public static DecoupledDmd defaults() {
      return new DecoupledDmd(
          3,
          Renoising.DECOUPLED_HYBRID,
          Renoising.Margin.AFTER_SHIFT,
          new DirectionRecipe(1, new NormaliserRecipe(Divisor.GUIDED, Place.OWN, 0), List.of()),
          new DirectionRecipe(
              1, new NormaliserRecipe(Divisor.CONDITIONAL, Place.OWN, 0), List.of()),
          MeanVarianceRecipe.off(),
          GanRecipe.off(),
          new FakeRecipe(
              1, FakeModel.Images.KEPT, false, new RoleRecipe(9e-4, 0, 0, 0, 0.95, 0, 1, 0)));
    }

    /** Checks that something pushes, at times that fit together. */
    public DecoupledDmd {
      Ranges.alpha(alpha);
      schedule(renoising, margin, ca, dm);
      if (ca.weight() + dm.weight() + meanVariance.weight() + gan.weight() == 0) {
        throw new IllegalArgumentException(
            "the weights of ca, dm, meanVariance and gan must not all be 0: nothing would train the"
                + " generator");
      }
    }

    /** The schedule with the margin and the bands that the terms set. */
    Renoising schedule() {
      return schedule(renoising, margin, ca, dm);
    }

    private static Renoising schedule(
        Renoising of, Renoising.Margin margin, DirectionRecipe ca, DirectionRecipe dm) {
      return new Renoising(
          ca.interval(of.engine()), dm.interval(of.regulariser()), of.shared(), margin);
    }

    @Override
    public boolean learnsFromImages() {
      return gan.weight() > 0;
    }

    /** Whether there is a fake model at all. */
    boolean hasFake() {
      return dm.weight() > 0 || fake.observes() || (gan.weight() > 0 && gan.on() == Trunk.FAKE);
    }

    @Override
    public List<RoleRecipe> others() {
      return hasFake() ? List.of(fake.role()) : List.of();
    }
  }

  /**
   * DMD2, complete.
   *
   * @param alpha the teacher's guidance scale
   * @param renoising coupled-shared is DMD2's own; another one is the paper's Table 2
   * @param margin where τ's margin is kept
   * @param gan the discriminator on the fake's features
   * @param fakeUpdates for each generator update, each on captions and rollouts of its own
   * @param fake the fake's optimiser
   */
  record Dmd2(
      double alpha,
      Renoising renoising,
      Renoising.Margin margin,
      GanRecipe gan,
      int fakeUpdates,
      RoleRecipe fake)
      implements MethodRecipe {
    /** DMD2's numbers, but for the learning rates, which fit small models. */
    public static Dmd2 defaults() {
      return new Dmd2(
          3,
          Renoising.COUPLED_SHARED,
          Renoising.Margin.AFTER_SHIFT,
          GanRecipe.dmd2(),
          5,
          new RoleRecipe(4e-4, 10, 0, 0, 0.99, 0, 1, 0));
    }

    /** Checks the ranges. */
    public Dmd2 {
      Ranges.alpha(alpha);
      if (gan.on() != Trunk.FAKE) {
        throw new IllegalArgumentException(
            "gan.on must be fake: DMD2's discriminator stands on the fake's features; on the"
                + " teacher's it is one of kind: decoupled-dmd");
      }
      if (fakeUpdates < 1 || fakeUpdates > 1000) {
        throw new IllegalArgumentException(
            "fakeUpdates must be from 1 to 1000, but is " + fakeUpdates);
      }
      if (!(gan.weight() > 0)) {
        throw new IllegalArgumentException(
            "gan.weight must be more than 0: DMD2 without its GAN is kind: decoupled-dmd with"
                + " renoising: coupled-shared");
      }
    }

    @Override
    public boolean learnsFromImages() {
      return true;
    }

    @Override
    public List<RoleRecipe> others() {
      return List.of(fake);
    }
  }

  /**
   * Latent consistency distillation.
   *
   * @param solver the teacher's trajectory and the distance
   * @param target the decay of the moving average that is the target; 0 takes the student itself
   */
  record Lcm(org.peltast.distill.consistency.Lcm.Settings solver, double target)
      implements MethodRecipe {
    /** LCM's numbers, with one guidance scale, as networks here do not take it as an input. */
    public static Lcm defaults() {
      return new Lcm(new org.peltast.distill.consistency.Lcm.Settings(50, 3, 3, 1e-3), 0.95);
    }

    /** Checks the range. */
    public Lcm {
      if (!(target >= 0 && target < 1)) {
        throw new IllegalArgumentException("target must be from 0 to below 1, but is " + target);
      }
    }

    @Override
    public double alpha() {
      return solver.alphaHigh();
    }

    @Override
    public boolean learnsFromImages() {
      return true;
    }

    @Override
    public List<RoleRecipe> others() {
      return List.of();
    }
  }

  /**
   * A method that a Java program brings along: the recipe names it, so that a run goes on with the
   * method that it began with, but only that program can run it.
   *
   * @param name of the method, in letters, digits, dots and hyphens
   * @param alpha the teacher's guidance scale, 1 is none
   * @param learnsFromImages whether it learns from images, and not from captions alone
   */
  record Custom(String name, double alpha, boolean learnsFromImages) implements MethodRecipe {
    /** A method without a name of its own yet, from captions alone. */
    public static Custom defaults() {
      return new Custom("unnamed", 3, false);
    }

    /** Checks the ranges. */
    public Custom {
      Ranges.alpha(alpha);
      if (!name.matches("[A-Za-z0-9.-]{1,60}")) {
        throw new IllegalArgumentException(
            "the name of a method has 1 to 60 letters, digits, dots and hyphens");
      }
    }

    @Override
    public List<RoleRecipe> others() {
      return List.of();
    }
  }

  /** The prediction whose distance from the image a direction is divided by. */
  enum Divisor {
    NONE,
    GUIDED,
    CONDITIONAL
  }

  /** The draw at which that prediction is made. */
  enum Place {
    OWN,
    CA,
    DM
  }

  /**
   * What a direction is divided by, for each image.
   *
   * @param residual of the guided or the conditional prediction; none divides by nothing
   * @param at the term's own draw, or that of CA or DM for both (DMD2: guided, at CA)
   * @param floor the smallest divisor
   */
  record NormaliserRecipe(Divisor residual, Place at, double floor) {
    /** Checks the range. */
    public NormaliserRecipe {
      Ranges.check(() -> of(residual, at, floor));
    }

    /** DMD2's. */
    static NormaliserRecipe shared() {
      return new NormaliserRecipe(Divisor.GUIDED, Place.CA, 0);
    }

    Normaliser normaliser() {
      return of(residual, at, floor);
    }

    private static Normaliser of(Divisor residual, Place at, double floor) {
      if (residual == Divisor.NONE) {
        return Normaliser.NONE;
      }
      Normaliser.Residual of =
          residual == Divisor.GUIDED ? Normaliser.Residual.GUIDED : Normaliser.Residual.CONDITIONAL;
      return switch (at) {
        case OWN -> Normaliser.own(of, floor);
        case CA -> new Normaliser(of, Term.Place.ENGINE, floor);
        case DM -> new Normaliser(of, Term.Place.REGULARISER, floor);
      };
    }
  }

  /**
   * A term that gives a direction.
   *
   * @param weight 0 switches it off, and its evaluations with it
   * @param normaliser what it is divided by
   * @param tau the band [low, high] of its τ; empty takes the schedule's. A schedule that keeps τ
   *     above the generator's step does so within the band, too
   */
  record DirectionRecipe(double weight, NormaliserRecipe normaliser, List<Double> tau) {
    /** Checks the ranges. */
    public DirectionRecipe {
      tau = List.copyOf(tau);
      Ranges.weight(weight);
      if (!tau.isEmpty() && tau.size() != 2) {
        throw new IllegalArgumentException("tau is a band of two times, [low, high], or []");
      }
      if (tau.size() == 2) {
        List<Double> band = tau;
        Ranges.check(() -> Renoising.Interval.of(band.get(0), band.get(1)));
      }
    }

    Renoising.Interval interval(Renoising.Interval otherwise) {
      return tau.isEmpty()
          ? otherwise
          : new Renoising.Interval(tau.get(0), tau.get(1), otherwise.fromStep());
    }
  }

  /** Where the mean–variance divergence takes an image's moments. */
  enum Space {
    /** Of the normalised latents that the network draws. */
    LATENTS,
    /** Of the decoded pictures, in [0, 1]; gradients flow back through the codec. */
    PIXELS
  }

  /** Where the moments come from that an image's are held to. */
  enum Moments {
    /** The recipe: {@code mean} and {@code variance}. */
    GIVEN,
    /** Real pictures of the data, or the teacher's samples where there are none. */
    MEASURED
  }

  /**
   * The mean–variance divergence (equation 7) from moments of real data.
   *
   * @param weight 0 switches it off
   * @param moments given here, or measured by the run before its first update
   * @param mean of real data, if given
   * @param variance of real data, if given
   * @param space of which the moments are
   */
  record MeanVarianceRecipe(
      double weight, Moments moments, double mean, double variance, Space space) {
    /** None, with numbers for whoever switches it on. */
    static MeanVarianceRecipe off() {
      return new MeanVarianceRecipe(0, Moments.GIVEN, 0, 1, Space.LATENTS);
    }

    /** Checks the ranges: normalised latents are of the order of 1. */
    public MeanVarianceRecipe {
      Ranges.weight(weight);
      if (!(Math.abs(mean) <= 1e6 && variance >= 1e-6 && variance <= 1e6)) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "mean must be from -1e6 to 1e6 and variance from 1e-6 to 1e6, but they are %s and %s",
                mean,
                variance));
      }
    }
  }

  /** Whose features a discriminator reads. */
  enum Trunk {
    /** The fake's, which learn with it, as in DMD2. */
    FAKE,
    /** The frozen teacher's, as in the paper. */
    TEACHER
  }

  /**
   * An adversary.
   *
   * @param weight of the generator's GAN loss, 0 switches it off
   * @param discriminatorWeight of the discriminator's own loss
   * @param on whose features its head reads
   * @param taps the names of those features; empty takes the middle one
   * @param width of the head's hidden layer
   * @param loss softplus or hinge
   * @param tau the band of pre-shift times at which images are judged
   * @param r1 the weight of the approximate R1 penalty, 0 leaves it out
   * @param r1Sigma its σ
   * @param head the head's optimiser
   */
  record GanRecipe(
      double weight,
      double discriminatorWeight,
      Trunk on,
      List<String> taps,
      int width,
      AdversarialLoss loss,
      List<Double> tau,
      double r1,
      double r1Sigma,
      RoleRecipe head) {
    /** None, with DMD2's numbers for whoever switches it on. */
    static GanRecipe off() {
      GanRecipe d = dmd2();
      return new GanRecipe(
          0,
          d.discriminatorWeight,
          Trunk.TEACHER,
          d.taps,
          d.width,
          d.loss,
          d.tau,
          d.r1,
          d.r1Sigma,
          d.head);
    }

    /** DMD2's: weights 5e-3 and 1e-2, softplus, over all times. */
    static GanRecipe dmd2() {
      return new GanRecipe(
          5e-3,
          1e-2,
          Trunk.FAKE,
          List.of(),
          256,
          AdversarialLoss.SOFTPLUS,
          List.of(0.0, 1.0),
          0,
          0.01,
          new RoleRecipe(4e-4, 10, 0, 0, 0.99, 0, 1, 0));
    }

    /** Checks the ranges. */
    public GanRecipe {
      taps = List.copyOf(taps);
      tau = List.copyOf(tau);
      Ranges.weight(weight);
      if (!(discriminatorWeight > 0 && discriminatorWeight <= 1e6)) {
        throw new IllegalArgumentException(
            "discriminatorWeight must be more than 0 and at most 1000000, but is "
                + discriminatorWeight);
      }
      if (width < 1 || width > 65_536) {
        throw new IllegalArgumentException("width must be from 1 to 65536, but is " + width);
      }
      if (tau.size() != 2) {
        throw new IllegalArgumentException("tau is a band of two times, [low, high]");
      }
      List<Double> band = tau;
      double penalty = r1;
      double sigma = r1Sigma;
      AdversarialLoss how = loss;
      Ranges.check(
          () ->
              new org.peltast.distill.adversarial.Discriminator.Settings(
                  how, band.get(0), band.get(1), penalty, sigma));
    }

    org.peltast.distill.adversarial.Discriminator.Settings settings() {
      return new org.peltast.distill.adversarial.Discriminator.Settings(
          loss, tau.get(0), tau.get(1), r1, r1Sigma);
    }
  }

  /**
   * The fake model.
   *
   * @param updates fake updates a generator update
   * @param images what it learns from: kept, fresh or fresh-captions
   * @param observes whether it also learns when it pushes nothing
   * @param role its optimiser
   */
  record FakeRecipe(int updates, FakeModel.Images images, boolean observes, RoleRecipe role) {
    /** Checks the range. */
    public FakeRecipe {
      if (updates < 1 || updates > 1000) {
        throw new IllegalArgumentException("updates must be from 1 to 1000, but is " + updates);
      }
    }
  }
}
