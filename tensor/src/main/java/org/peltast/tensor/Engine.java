package org.peltast.tensor;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.DeviceType;

/** What the machine and its libtorch can do, and how many threads it may use. */
public final class Engine {
  static {
    // While no other thread can be opening a library.
    Blas.open();
  }

  private Engine() {}

  /**
   * Opens all native libraries of tensors, and looks up what is looked up by name. A program with
   * several threads calls this before it starts the second: opening libraries on one thread while
   * another looks a name up may block both for ever.
   */
  public static void open() {
    torch.get_num_threads();
    OneDnn.obstacle(DType.FLOAT32);
  }

  /** The JDK's module of vectors, which the fused kernels are written with. */
  public static final String VECTOR_MODULE = "jdk.incubator.vector";

  /**
   * One sentence for each JVM flag that this process was started without and should have: it names
   * the flag and says what its absence costs. Nothing is wrong with the results without them. The
   * {@code peltast} command sets them all; a program that starts its own JVM does so itself.
   */
  public static List<String> missingFlags() {
    List<String> missing = new ArrayList<>();
    if (ModuleLayer.boot().findModule(VECTOR_MODULE).isEmpty()) {
      missing.add(
          "Java was started without --add-modules "
              + VECTOR_MODULE
              + ": training uses the plain operators instead of the fused kernels, which are"
              + " faster.");
    }
    List<String> limits = memoryLimits();
    if (!limits.isEmpty()) {
      missing.add(
          "Java was started without "
              + String.join(" ", limits)
              + ": JavaCPP limits this process's memory by the size of the Java heap, and tensors"
              + " beyond that are refused.");
    }
    if (!Boolean.getBoolean("org.bytedeco.javacpp.noPointerGC")) {
      missing.add(
          "Java was started without -Dorg.bytedeco.javacpp.noPointerGC=true: JavaCPP keeps a record"
              + " of every tensor for the garbage collector, which scopes make needless and which"
              + " costs time.");
    }
    return missing;
  }

  /** The flags that would lift limits which JavaCPP sets to memory. */
  static List<String> memoryLimits() {
    List<String> flags = new ArrayList<>();
    if (Pointer.maxPhysicalBytes() > 0) {
      flags.add("-Dorg.bytedeco.javacpp.maxPhysicalBytes=0");
    }
    if (Pointer.maxBytes() > 0) {
      flags.add("-Dorg.bytedeco.javacpp.maxBytes=0");
    }
    return flags;
  }

  /** libtorch's version. */
  public static String version() {
    // The presets' own version starts with libtorch's: "2.10.0-1.5.13".
    return version("pytorch");
  }

  /** The version of oneDNN, whose products the fused blocks use. */
  public static String oneDnnVersion() {
    return version("dnnl");
  }

  private static String version(String artifact) {
    try (java.io.InputStream in =
        torch.class.getResourceAsStream(
            "/META-INF/maven/org.bytedeco/" + artifact + "/pom.properties")) {
      java.util.Properties p = new java.util.Properties();
      if (in != null) {
        p.load(in);
      }
      return p.getProperty("version", "unknown");
    } catch (java.io.IOException e) {
      return "unknown";
    }
  }

  /** Whether a GPU can be used: the GPU natives are on the class path and a driver answers. */
  public static boolean hasCuda() {
    return torch.cuda_is_available();
  }

  /** How many GPUs can be used; 0 where {@link #hasCuda} says no. */
  public static int gpus() {
    return hasCuda() ? torch.cuda_device_count() : 0;
  }

  /** The number of threads that one operation may use. */
  public static int threads() {
    return torch.get_num_threads();
  }

  /**
   * Sets the number of threads that one operation may use.
   *
   * @throws TensorException if it is not between 1 and 1024
   */
  public static void threads(int n) {
    if (n < 1 || n > 1024) {
      throw new TensorException("the number of threads must be between 1 and 1024, got " + n);
    }
    // Asked first: a thread that sets before it ever asked runs with the default all the same.
    torch.get_num_threads();
    torch.set_num_threads(n);
  }

  /**
   * Whether bfloat16 products are worth using on the device. A GPU's always are. A CPU's are
   * measured, once a process, on the product of a small network's linear layer: having the
   * instructions does not make them faster (AVX-512's take twice the time of float32's on
   * processors whose fast path is AMX, if a virtual machine hides that).
   */
  public static boolean prefersBfloat16(Device device) {
    return device.kind() == Device.Kind.CUDA ? hasCuda() : Bfloat16Products.FASTER;
  }

  /**
   * Checks that tensors can be made on a device.
   *
   * @throws TensorException if it is a GPU that is not there, or that nothing here can use
   */
  public static void requireUsable(Device device) {
    if (device.kind() == Device.Kind.CUDA && device.index() >= gpus()) {
      throw new TensorException(
          "there is no GPU " + device + " here; use cpu, or see `peltast doctor`");
    }
  }

  static org.bytedeco.pytorch.Device raw(Device device) {
    return switch (device.kind()) {
      case CPU -> new org.bytedeco.pytorch.Device(DeviceType.CPU);
      case CUDA -> new org.bytedeco.pytorch.Device(DeviceType.CUDA, (byte) device.index());
      case META -> new org.bytedeco.pytorch.Device(DeviceType.Meta);
    };
  }
}
