package org.peltast.distill;

import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.peltast.tensor.Engine;

/** For tests that count evaluations: the whole batch is one thread's share. */
final class OneThread implements BeforeEachCallback, AfterEachCallback {
  private int threads;

  @Override
  public void beforeEach(ExtensionContext context) {
    threads = Engine.threads();
    Engine.threads(1);
  }

  @Override
  public void afterEach(ExtensionContext context) {
    Engine.threads(threads);
  }
}
