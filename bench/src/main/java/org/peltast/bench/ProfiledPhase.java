package org.peltast.bench;

import java.util.List;
import org.peltast.distill.Metrics;
import org.peltast.distill.MicroBatch;
import org.peltast.distill.Phase;
import org.peltast.distill.Role;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;

/**
 * A phase that tells an {@link UpdateProfile} when it runs; it computes what the one inside does.
 */
record ProfiledPhase(Phase inside, UpdateProfile profile) implements Phase {
  @Override
  public Tensor loss(MicroBatch part, Rng rng, Metrics metrics) {
    profile.running(inside);
    return inside.loss(part, rng, metrics);
  }

  @Override
  public String name() {
    return inside.name();
  }

  @Override
  public List<Role> trains() {
    return inside.trains();
  }

  @Override
  public int repeats() {
    return inside.repeats();
  }

  @Override
  public Data data() {
    return inside.data();
  }

  @Override
  public boolean wholeBatch() {
    return inside.wholeBatch();
  }

  @Override
  public boolean active() {
    return inside.active();
  }

  @Override
  public void stepped() {
    inside.stepped();
  }
}
