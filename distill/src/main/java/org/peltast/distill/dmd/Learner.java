package org.peltast.distill.dmd;

import org.peltast.distill.Phase;

/**
 * A model that learns from the generator's images after each of its updates, beside the terms that
 * push the generator: {@link FakeModel}, {@link TeacherCritic}.
 */
public abstract sealed class Learner permits FakeModel, TeacherCritic {
  /** The phase in which it learns, after the generator's. */
  abstract Phase phase(GeneratorPhase generator);
}
