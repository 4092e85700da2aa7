package org.peltast.bench;

import java.time.Duration;

/**
 * What goes before the updates that are counted: so many, and for so long. The compilers need time
 * and not updates before their last code runs, and small updates are over before that.
 *
 * @param updates at least
 * @param time at least
 */
public record WarmUp(int updates, Duration time) {
  /** Three updates and ten seconds. */
  public static WarmUp standard() {
    return new WarmUp(3, Duration.ofSeconds(10));
  }

  /** So many updates, however long they take. */
  public static WarmUp of(int updates) {
    return new WarmUp(updates, Duration.ZERO);
  }

  Watch begin() {
    return new Watch();
  }

  /** Says when it is over, between two updates. */
  final class Watch {
    private final long began = System.nanoTime();
    private boolean over = updates == 0 && time.isZero();

    private Watch() {}

    /** After so many updates. */
    void after(long done) {
      over = done >= updates && System.nanoTime() - began >= time.toNanos();
    }

    boolean isOver() {
      return over;
    }
  }
}
