package org.peltast.testing;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.ArgumentsProvider;
import org.junit.jupiter.params.provider.ArgumentsSource;
import org.junit.jupiter.params.support.ParameterDeclarations;

/**
 * A property-based test: a test that takes a {@code long seed} and draws its input from a random
 * stream of that seed. It runs on the seeds 0, 1, …, and the message of a failure begins with the
 * seed that failed.
 */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@ParameterizedTest(name = "seed {0}")
@ArgumentsSource(Seeded.Seeds.class)
@ExtendWith(Seeded.Named.class)
public @interface Seeded {
  /** The number of seeds. */
  int tries();

  /** The seeds of one test. */
  final class Seeds implements ArgumentsProvider {
    @Override
    public Stream<Arguments> provideArguments(
        ParameterDeclarations parameters, ExtensionContext context) {
      int tries = context.getRequiredTestMethod().getAnnotation(Seeded.class).tries();
      return LongStream.range(0, tries).mapToObj(Arguments::of);
    }
  }

  /** Puts the seed before what failed. */
  final class Named implements TestExecutionExceptionHandler {
    @Override
    public void handleTestExecutionException(ExtensionContext context, Throwable failure) {
      throw new AssertionError(context.getDisplayName() + ": " + failure.getMessage(), failure);
    }
  }
}
