package org.peltast.tensor;

import java.util.Objects;

/** Where a tensor's memory lies: {@link #CPU}, one GPU, or nowhere ({@link #META}). */
public record Device(Kind kind, int index) {
  /** The kinds of device that libtorch's builds for the JVM know. */
  public enum Kind {
    CPU,
    CUDA,
    META
  }

  /** The host's own memory and cores. */
  public static final Device CPU = new Device(Kind.CPU, 0);

  /**
   * No memory at all: a tensor here has a shape, a dtype and gradients, and no numbers. Networks of
   * any size are computed here in seconds, to see whether shapes fit and what memory they would
   * take ({@link MetaMemory}). Numbers can be brought here and never read: {@link Tensor#item} and
   * its like are refused.
   */
  public static final Device META = new Device(Kind.META, 0);

  /** Checks that the index makes sense. */
  public Device {
    Objects.requireNonNull(kind, "kind");
    if (index < 0 || (kind != Kind.CUDA && index != 0)) {
      throw new TensorException("there is no device " + kind + ":" + index);
    }
  }

  /** The GPU of that number, counted from 0. */
  public static Device cuda(int index) {
    return new Device(Kind.CUDA, index);
  }

  /**
   * Reads "cpu", "cuda" or "cuda:1".
   *
   * @throws TensorException if the name is none of these
   */
  public static Device parse(String name) {
    if (name.equals("cpu")) {
      return CPU;
    }
    if (name.equals("cuda")) {
      return cuda(0);
    }
    if (name.matches("cuda:\\d{1,3}")) {
      return cuda(Integer.parseInt(name.substring(5)));
    }
    throw new TensorException("unknown device '" + name + "'; use cpu, cuda or cuda:N");
  }

  @Override
  public String toString() {
    return switch (kind) {
      case CPU -> "cpu";
      case CUDA -> "cuda:" + index;
      case META -> "meta";
    };
  }
}
