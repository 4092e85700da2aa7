package org.peltast.cli;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.peltast.tensor.parallel.LocalProcesses;

/**
 * Turns the first Ctrl-C into a question that a loop can ask between updates; the second ends the
 * process at once. Until {@link #listen} is called, Ctrl-C ends the process as usual.
 */
final class Interrupts implements BooleanSupplier {
  private static final long TWICE = 1_000_000_000; // ns

  private final AtomicInteger count = new AtomicInteger();
  private final AtomicLong last = new AtomicLong();

  private Interrupts() {}

  /**
   * From now on Ctrl-C (SIGINT) and SIGTERM ask to stop.
   *
   * @param what is finished before, as in "this update"
   */
  static Interrupts listen(String what) {
    Interrupts interrupts = new Interrupts();
    for (String signal : new String[] {"INT", "TERM"}) {
      interrupts.handle(
          signal,
          () -> {
            if (interrupts.isRepeated()) {
              return;
            }
            if (interrupts.count.getAndIncrement() == 0) {
              System.err.println(
                  String.format(
                      Locale.ROOT, "\nStopping after %s; Ctrl-C again stops at once.", what));
            } else {
              System.err.println(
                  "\nStopped at once; the same command goes on from the last checkpoint.");
              Runtime.getRuntime().halt(ExitCode.INTERRUPTED);
            }
          });
    }
    return interrupts;
  }

  /**
   * Whether this signal is the one before once more: a launched process has a Ctrl-C from the
   * terminal and from its launcher.
   */
  private boolean isRepeated() {
    long now = System.nanoTime();
    long before = last.getAndSet(now);
    return count.get() > 0
        && now - before < TWICE
        && System.getenv(LocalProcesses.LAUNCHER) != null;
  }

  /**
   * From now on Ctrl-C and SIGTERM are passed on, as "INT" and "TERM".
   *
   * @param to decides what to do
   */
  static void forward(Consumer<String> to) {
    Interrupts interrupts = new Interrupts();
    for (String signal : new String[] {"INT", "TERM"}) {
      interrupts.handle(signal, () -> to.accept(signal));
    }
  }

  /** Whether it was asked to stop. */
  @Override
  public boolean getAsBoolean() {
    return count.get() > 0;
  }

  /**
   * Through reflection: {@code sun.misc.Signal} is in every JDK, but naming it in code is a warning
   * that cannot be switched off. Where it is missing, Ctrl-C simply ends the process.
   */
  private void handle(String signal, Runnable handler) {
    try {
      Class<?> type = Class.forName("sun.misc.Signal");
      Class<?> handlerType = Class.forName("sun.misc.SignalHandler");
      InvocationHandler calls =
          (proxy, method, arguments) ->
              switch (method.getName()) {
                case "handle" -> {
                  handler.run();
                  yield null;
                }
                case "equals" -> proxy == arguments[0];
                case "hashCode" -> System.identityHashCode(proxy);
                default -> "peltast's handler of " + signal;
              };
      type.getMethod("handle", type, handlerType)
          .invoke(
              null,
              type.getConstructor(String.class).newInstance(signal),
              Proxy.newProxyInstance(
                  handlerType.getClassLoader(), new Class<?>[] {handlerType}, calls));
    } catch (ReflectiveOperationException | IllegalArgumentException unavailable) {
      // No such class or signal here: the default stays.
    }
  }
}
