package org.peltast.bench;

import java.util.List;
import org.peltast.diffusion.Denoiser;
import org.peltast.distill.Batch;
import org.peltast.distill.DecoupledDmd;
import org.peltast.distill.Figures;
import org.peltast.distill.Method;
import org.peltast.distill.Role;
import org.peltast.distill.Rollout;
import org.peltast.tensor.Rng;

/**
 * Decoupled DMD in which every update costs the same: of the streams that it might draw from, it is
 * given one by which the generator is trained at its last step, after walking all others, and the
 * fake learns from pictures of the first.
 */
record PinnedSteps(DecoupledDmd method, Rollout rollout, int fakeUpdates, Ledger ledger)
    implements Method {
  @Override
  public Figures update(Progress progress, Batch batch, Rng rng) {
    Rng chosen = rng;
    for (long i = 0; !pinned(chosen); i++) {
      chosen = rng.fork(i);
    }
    ledger.begin();
    Figures figures = method.update(progress, batch, chosen);
    ledger.end();
    return figures;
  }

  /** Draws the steps as the method will. */
  private boolean pinned(Rng rng) {
    if (rollout.draw(rng.fork("generator")) != rollout.grid().size() - 1) {
      return false;
    }
    for (int i = 0; i < fakeUpdates; i++) {
      if (rollout.draw(rng.fork("regulariser").fork(i)) != 0) {
        return false;
      }
    }
    return true;
  }

  @Override
  public List<Role> roles() {
    return method.roles();
  }

  @Override
  public Denoiser generator() {
    return method.generator();
  }

  @Override
  public void close() {
    method.close();
  }
}
