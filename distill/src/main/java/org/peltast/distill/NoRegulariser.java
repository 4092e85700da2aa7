package org.peltast.distill;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;

/** No shield: the engine alone, to watch it run away (the paper's Fig. 3). */
public record NoRegulariser() implements Regulariser {
  @Override
  public Pull begin(Questions teacher, View view) {
    return new Pull() {
      @Override
      public @Nullable Tensor direction() {
        return null;
      }

      @Override
      public @Nullable Tensor anchor() {
        return null;
      }

      @Override
      public @Nullable Tensor loss() {
        return null;
      }
    };
  }

  @Override
  public List<Role> roles() {
    return List.of();
  }

  @Override
  public int updates() {
    return 0;
  }

  @Override
  public void learn(Tensor images, Batch batch, double share, Rng rng, Figures figures) {
    throw new IllegalStateException("this regulariser learns nothing");
  }

  @Override
  public void step(Method.Progress progress, Figures figures) {
    throw new IllegalStateException("this regulariser learns nothing");
  }

  @Override
  public void close() {}
}
