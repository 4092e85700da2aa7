package org.peltast.tensor.fused;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Loads and stores of vectors since Java 19, which has them on {@code
 * java.lang.foreign.MemorySegment}. That class is unknown to the Java that this is compiled for, so
 * the methods are looked up by name; the compilers see through handles that are constants, and
 * nothing is left of them in a loop.
 */
final class Segments {
  private static final MethodHandle LOAD; // (species, memory, byte, order) -> vector
  private static final MethodHandle STORE; // (vector, memory, byte, order)
  private static final MethodHandle LOAD_SHORTS;
  private static final MethodHandle STORE_SHORTS;

  static {
    try {
      Class<?> segment = Class.forName("java.lang.foreign.MemorySegment");
      LOAD = load(FloatVector.class, segment);
      STORE = store(FloatVector.class, segment);
      LOAD_SHORTS = load(ShortVector.class, segment);
      STORE_SHORTS = store(ShortVector.class, segment);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private Segments() {}

  private static MethodHandle load(Class<?> vector, Class<?> segment)
      throws ReflectiveOperationException {
    MethodHandle load =
        MethodHandles.publicLookup()
            .findStatic(
                vector,
                "fromMemorySegment",
                MethodType.methodType(
                    vector, VectorSpecies.class, segment, long.class, ByteOrder.class));
    return load.asType(load.type().changeParameterType(1, Object.class));
  }

  private static MethodHandle store(Class<?> vector, Class<?> segment)
      throws ReflectiveOperationException {
    MethodHandle store =
        MethodHandles.publicLookup()
            .findVirtual(
                vector,
                "intoMemorySegment",
                MethodType.methodType(void.class, segment, long.class, ByteOrder.class));
    return store.asType(store.type().changeParameterType(1, Object.class));
  }

  /** Does nothing but what happens before: the methods are found, or an error says that not. */
  static void link() {}

  static FloatVector load(Object from, long at) {
    try {
      return (FloatVector) LOAD.invokeExact(Lanes.SPECIES, from, at, Lanes.ORDER);
    } catch (Throwable e) {
      throw thrown(e);
    }
  }

  static void store(FloatVector v, Object to, long at) {
    try {
      STORE.invokeExact(v, to, at, Lanes.ORDER);
    } catch (Throwable e) {
      throw thrown(e);
    }
  }

  static ShortVector loadShorts(Object from, long at) {
    try {
      return (ShortVector) LOAD_SHORTS.invokeExact(Lanes.SHORTS, from, at, Lanes.ORDER);
    } catch (Throwable e) {
      throw thrown(e);
    }
  }

  static void storeShorts(ShortVector v, Object to, long at) {
    try {
      STORE_SHORTS.invokeExact(v, to, at, Lanes.ORDER);
    } catch (Throwable e) {
      throw thrown(e);
    }
  }

  /** What they throw is unchecked. */
  private static RuntimeException thrown(Throwable e) {
    if (e instanceof Error error) {
      throw error;
    }
    return e instanceof RuntimeException unchecked ? unchecked : new IllegalStateException(e);
  }
}
