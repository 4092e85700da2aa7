package org.peltast.tensor.fused;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
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

  static {
    try {
      Class<?> segment = Class.forName("java.lang.foreign.MemorySegment");
      MethodHandles.Lookup lookup = MethodHandles.publicLookup();
      MethodHandle load =
          lookup.findStatic(
              FloatVector.class,
              "fromMemorySegment",
              MethodType.methodType(
                  FloatVector.class, VectorSpecies.class, segment, long.class, ByteOrder.class));
      MethodHandle store =
          lookup.findVirtual(
              FloatVector.class,
              "intoMemorySegment",
              MethodType.methodType(void.class, segment, long.class, ByteOrder.class));
      LOAD = load.asType(load.type().changeParameterType(1, Object.class));
      STORE = store.asType(store.type().changeParameterType(1, Object.class));
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private Segments() {}

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

  /** What the two throw is unchecked. */
  private static RuntimeException thrown(Throwable e) {
    if (e instanceof Error error) {
      throw error;
    }
    return e instanceof RuntimeException unchecked ? unchecked : new IllegalStateException(e);
  }
}
