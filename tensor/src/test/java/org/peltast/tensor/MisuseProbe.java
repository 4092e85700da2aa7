package org.peltast.tensor;

import java.io.PrintStream;
import java.io.RandomAccessFile;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Proxy;
import java.lang.reflect.Type;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.IntSupplier;
import java.util.stream.Stream;
import org.peltast.safetensors.Checkpoint;
import org.peltast.safetensors.SafetensorsException;
import org.peltast.safetensors.SafetensorsType;
import org.peltast.tensor.nn.AdamW;
import org.peltast.tensor.nn.Adapters;
import org.peltast.tensor.nn.Conv2d;
import org.peltast.tensor.nn.Ema;
import org.peltast.tensor.nn.Embedding;
import org.peltast.tensor.nn.GradientListener;
import org.peltast.tensor.nn.Gradients;
import org.peltast.tensor.nn.GroupNorm;
import org.peltast.tensor.nn.LayerNorm;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.ParameterBuffer;
import org.peltast.tensor.nn.Parameters;
import org.peltast.tensor.nn.RmsNorm;
import org.peltast.tensor.nn.SwiGlu;
import org.peltast.tensor.nn.TimestepEmbedding;

/**
 * Calls every public constructor and method of this module with wrong arguments, in a process of
 * its own ({@link MisuseTest} starts it). It exits with 0 if nothing but our own exceptions came
 * back.
 */
final class MisuseProbe {
  private static final int CALLS = 150;

  /** What callers implement: there is nothing of ours to call. */
  private static final Set<Class<?>> CALLERS =
      Set.of(
          CustomGradient.Backward.class,
          GradientWatch.class,
          GradientListener.class,
          Adapters.class);

  /** What a function that we hand in throws: not the module's fault. */
  private static final class Ours extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private final Path folder;
  private final RandomAccessFile trace;
  private final Map<String, Integer> faults = new TreeMap<>();
  private int calls;
  private int refused;

  private MisuseProbe(Path folder) throws Exception {
    this.folder = folder;
    this.trace = new RandomAccessFile(folder.resolve("last-call").toFile(), "rw");
  }

  /** Arguments: a scratch folder, where {@code last-call} tells the call that was under way. */
  public static void main(String[] args) throws Exception {
    MemoryGuard.limitTo(64 << 20);
    Engine.threads(1);
    MisuseProbe probe = new MisuseProbe(Path.of(args[0]));
    int members = 0;
    for (Class<?> c : publicClasses()) {
      for (Executable member : members(c)) {
        probe.probe(c, member);
        members++;
      }
    }
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    out.println(members + " members, " + probe.calls + " calls, " + probe.refused + " refused");
    probe.faults.forEach((fault, n) -> out.println(n + " × " + fault));
    System.exit(probe.faults.isEmpty() ? 0 : 1);
  }

  private static List<Class<?>> publicClasses() throws Exception {
    Path root = Path.of(Tensor.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    List<Class<?>> found = new ArrayList<>();
    for (String name : List.of(Tensor.class.getPackageName(), Parameters.class.getPackageName())) {
      try (Stream<Path> files = Files.list(root.resolve(name.replace('.', '/')))) {
        for (Path f : files.sorted(Comparator.comparing(Path::toString)).toList()) {
          String file = f.getFileName().toString();
          if (file.endsWith(".class") && !file.equals("package-info.class")) {
            Class<?> c = Class.forName(name + "." + file.substring(0, file.length() - 6));
            if (isPublic(c) && !isOurs(c) && !CALLERS.contains(c)) {
              found.add(c);
            }
          }
        }
      }
    }
    return found;
  }

  /**
   * What this module's packages share checks nothing, and other modules may not call it. What
   * counts meta tensors is of a whole thread, and would count what the probe itself makes.
   */
  private static boolean isOurs(Class<?> c) {
    return c == Internals.class
        || c.getEnclosingClass() == Internals.class
        || c == MetaMemory.class;
  }

  private static boolean isPublic(Class<?> c) {
    return Modifier.isPublic(c.getModifiers())
        && !c.isSynthetic()
        && (c.getEnclosingClass() == null || isPublic(c.getEnclosingClass()));
  }

  private static List<Executable> members(Class<?> c) {
    List<Executable> all = new ArrayList<>();
    for (Constructor<?> k : c.getDeclaredConstructors()) {
      if (Modifier.isPublic(k.getModifiers())
          && !c.isEnum()
          && !Throwable.class.isAssignableFrom(c)) {
        all.add(k);
      }
    }
    for (Method m : c.getDeclaredMethods()) {
      boolean ofObject = m.getName().equals("equals") || m.getName().equals("hashCode");
      // valueOf of an enum is the compiler's.
      boolean ofEnum = c.isEnum() && m.getName().equals("valueOf");
      if (Modifier.isPublic(m.getModifiers()) && !m.isSynthetic() && !ofObject && !ofEnum) {
        all.add(m);
      }
    }
    all.sort(Comparator.comparing(Executable::toGenericString));
    return all;
  }

  private void probe(Class<?> c, Executable member) throws Exception {
    Random random = new Random(member.toGenericString().hashCode());
    boolean fixed = member instanceof Constructor || Modifier.isStatic(member.getModifiers());
    int n = member.getParameterCount() == 0 && fixed ? 1 : CALLS;
    for (int i = 0; i < n; i++) {
      try (Scope scope = Scope.open()) {
        Pool pool = new Pool(random, scope);
        Object receiver = fixed ? null : pool.some(c, c, false);
        Type[] types = member.getGenericParameterTypes();
        Class<?>[] raw = member.getParameterTypes();
        Object[] arguments = new Object[raw.length];
        for (int a = 0; a < raw.length; a++) {
          arguments[a] = pool.some(raw[a], types.length == raw.length ? types[a] : raw[a], true);
        }
        call(member, receiver, arguments, pool);
        pool.close();
      }
    }
  }

  private void call(Executable member, Object receiver, Object[] arguments, Pool pool)
      throws Exception {
    String told = told(member, receiver, arguments);
    byte[] line = Arrays.copyOf((told + "\n").getBytes(StandardCharsets.UTF_8), 2000);
    trace.seek(0);
    trace.write(line);
    calls++;
    try {
      Object result =
          member instanceof Constructor<?> k
              ? k.newInstance(arguments)
              : ((Method) member).invoke(receiver, arguments);
      use(result, receiver);
    } catch (InvocationTargetException e) {
      judge(told, e.getCause(), pool.gaveNull);
    } catch (TensorException | IllegalStateException e) {
      judge(told, e, pool.gaveNull);
    }
  }

  /** A result that native code would choke on must be found out here. */
  private static void use(Object result, Object receiver) {
    if (result instanceof Tensor t && t.isOpen()) {
      if (t.count() < 1000 && t.dtype() != DType.COMPLEX64) {
        t.toDoubles();
      }
    } else if (result instanceof AutoCloseable c && result != receiver) {
      try {
        c.close();
      } catch (IllegalStateException e) {
        throw e;
      } catch (Exception e) {
        throw new AssertionError(e);
      }
    }
  }

  private void judge(String told, Throwable thrown, boolean gaveNull) {
    boolean ours =
        thrown instanceof TensorException
            || thrown instanceof IllegalStateException
            || thrown instanceof SafetensorsException
            || thrown instanceof Ours
            || (thrown instanceof NullPointerException && gaveNull);
    String message = thrown.getMessage();
    boolean sentence =
        thrown instanceof NullPointerException
            || thrown instanceof Ours
            || (message != null && message.length() > 10 && message.indexOf('\n') < 0);
    if (ours && sentence) {
      refused++;
      return;
    }
    StackTraceElement[] at = thrown.getStackTrace();
    faults.merge(told + " gave " + thrown + (at.length > 0 ? " at " + at[0] : ""), 1, Integer::sum);
  }

  private static String told(Executable member, Object receiver, Object[] arguments) {
    List<String> all = new ArrayList<>();
    for (Object a : arguments) {
      all.add(told(a));
    }
    return member.getDeclaringClass().getSimpleName()
        + "."
        + member.getName()
        + " of "
        + told(receiver)
        + " with "
        + all;
  }

  private static String told(Object o) {
    if (o != null && o.getClass().isArray()) {
      List<Object> items = new ArrayList<>();
      for (int i = 0; i < Math.min(8, Array.getLength(o)); i++) {
        items.add(Array.get(o, i));
      }
      return items.toString();
    }
    if (o == null || o instanceof Tensor || o instanceof Number || o instanceof List) {
      return String.valueOf(o);
    }
    return o instanceof Record || o instanceof Enum || o instanceof String
        ? o.toString()
        : o.getClass().getSimpleName();
  }

  /** Arguments of any type of the module's signatures, most of them wrong. */
  private final class Pool {
    private final Random random;
    private final Scope scope;
    private final List<AutoCloseable> made = new ArrayList<>();
    boolean gaveNull;

    Pool(Random random, Scope scope) {
      this.random = random;
      this.scope = scope;
    }

    void close() throws Exception {
      for (AutoCloseable c : made) {
        c.close();
      }
    }

    @SafeVarargs
    private <T> T pick(T... of) {
      return of[random.nextInt(of.length)];
    }

    Object some(Class<?> raw, Type type, boolean nulls) throws Exception {
      if (nulls && !raw.isPrimitive() && random.nextInt(12) == 0) {
        gaveNull = true;
        return null;
      }
      if (raw == boolean.class) {
        return random.nextBoolean();
      }
      if (raw == int.class) {
        return pick(Integer.MIN_VALUE, -2, -1, 0, 1, 2, 3, 4, Integer.MAX_VALUE);
      }
      if (raw == long.class) {
        return pick(Long.MIN_VALUE, -1L, 0L, 1L, 2L, 3L, 4L, 1L << 33, 1L << 58, Long.MAX_VALUE);
      }
      if (raw == double.class) {
        return pick(
            Double.NaN,
            Double.POSITIVE_INFINITY,
            Double.NEGATIVE_INFINITY,
            -1.0,
            0.0,
            0.5,
            1.0,
            3.0,
            1e-320,
            Double.MAX_VALUE);
      }
      if (raw == String.class) {
        return pick("", "a", "w", "cpu", "cuda:7", "cuda:99999", "bf16", "float33", "\ud800", "\0");
      }
      if (raw == Object.class) {
        return pick("text", 3);
      }
      if (raw == float[].class) {
        return new float[pick(0, 1, 6, 24)];
      }
      if (raw == short[].class) {
        return new short[pick(0, 1, 6, 24)];
      }
      if (raw == double[].class) {
        return new double[pick(0, 1, 6, 24)];
      }
      if (raw == int[].class) {
        return pick(
            new int[0],
            new int[] {0},
            new int[] {-1},
            new int[] {0, 0},
            new int[] {1, 0},
            new int[] {0, 1, 2},
            new int[] {3, 2, 1, 0},
            new int[] {Integer.MAX_VALUE},
            new int[] {Integer.MIN_VALUE, 1},
            new int[100]);
      }
      if (raw == long[].class) {
        long[] many = new long[100];
        Arrays.fill(many, 1);
        return pick(
            new long[0],
            new long[] {0},
            new long[] {-1},
            new long[] {2, 3},
            new long[] {6},
            new long[] {3, -1},
            new long[] {-1, -1},
            new long[] {0, -1},
            new long[] {2, 0, 3},
            new long[] {1, 2, 4, 4},
            new long[] {Long.MAX_VALUE},
            new long[] {Long.MIN_VALUE, 2},
            new long[] {1L << 40, 1L << 40},
            new long[] {1L << 40, 0, 1L << 40},
            new long[] {1L << 35},
            many);
      }
      if (raw == ByteBuffer.class) {
        return pick(ByteBuffer.allocate(0), ByteBuffer.allocate(24), ByteBuffer.allocateDirect(7));
      }
      if (raw == Path.class) {
        return path();
      }
      if (raw == List.class) {
        return list(type);
      }
      if (raw == Map.class) {
        return map(type);
      }
      if (raw.isEnum()) {
        return pick(raw.getEnumConstants());
      }
      return made(raw);
    }

    private Object made(Class<?> raw) throws Exception {
      if (raw == Tensor.class) {
        return tensor();
      }
      if (raw == Device.class) {
        return pick(Device.CPU, Device.CPU, Device.cuda(0), Device.cuda(127), Device.cuda(1 << 20));
      }
      if (raw == SafetensorsType.class) {
        return pick(SafetensorsType.values());
      }
      if (raw == Rng.class) {
        return pick(Rng.of(1), Rng.restore(1, 2, Long.MAX_VALUE));
      }
      if (raw == Scope.class) {
        Scope closed = Scope.detached();
        closed.close();
        return pick(scope, Scope.detached(), closed);
      }
      if (raw == Autograd.class) {
        return kept(Autograd.on());
      }
      if (raw == Parameters.class) {
        return parameters();
      }
      if (raw == Parameter.class) {
        return weights().all().get(0);
      }
      if (raw == Parameters.Init.class) {
        return pick(
            Parameters.Init.zeros(),
            Parameters.Init.fanIn(3),
            new Parameters.Init.Normal(Double.NaN),
            new Parameters.Init.Uniform(-1),
            new Parameters.Init.Parts(List.of()),
            new Parameters.Init.Parts(List.of(1.0, 2.0, 3.0)));
      }
      if (raw == ParameterBuffer.class) {
        return new ParameterBuffer(weights().all());
      }
      if (raw == Parameters.Init.Constant.class) {
        return new Parameters.Init.Constant(1);
      }
      if (raw == Parameters.Init.Normal.class) {
        return new Parameters.Init.Normal(1);
      }
      if (raw == Parameters.Init.Uniform.class) {
        return new Parameters.Init.Uniform(1);
      }
      if (raw == Parameters.Init.Parts.class) {
        return new Parameters.Init.Parts(List.of(1.0));
      }
      if (raw == AdamW.Settings.class) {
        return AdamW.Settings.defaults();
      }
      if (raw == AdamW.class) {
        Parameters p = weights();
        AdamW optimiser = kept(new AdamW(p, AdamW.Settings.defaults()));
        if (random.nextBoolean()) {
          p.find("w").value().sum().backward();
        }
        return optimiser;
      }
      if (raw == Ema.class) {
        return kept(new Ema(weights(), 0.9));
      }
      if (raw == Checkpoint.class) {
        Checkpoint checkpoint = kept(Checkpoint.open(valid()));
        if (random.nextInt(3) == 0) {
          checkpoint.close();
        }
        return checkpoint;
      }
      if (raw == Linear.class) {
        return new Linear(unused(), 3, 2, true);
      }
      if (raw == RmsNorm.class) {
        return new RmsNorm(unused(), 3, 1e-5);
      }
      if (raw == LayerNorm.class) {
        return new LayerNorm(unused(), 3, 1e-5);
      }
      if (raw == GroupNorm.class) {
        return new GroupNorm(unused(), 2, 2, 1e-5);
      }
      if (raw == Conv2d.class) {
        return new Conv2d(unused(), 2, 3, 3, 1, 1, true);
      }
      if (raw == Embedding.class) {
        return new Embedding(unused(), 4, 3);
      }
      if (raw == SwiGlu.class) {
        return new SwiGlu(unused(), 3, 4);
      }
      if (raw == TimestepEmbedding.class) {
        return new TimestepEmbedding(unused(), 4, 3, 2);
      }
      if (raw == HostBuffer.class) {
        return HostBuffer.allocate(2, 3);
      }
      if (raw == Range.class) {
        return pick(new Range(0, 0), new Range(1, 2), new Range(Integer.MAX_VALUE, 1));
      }
      if (raw == Gradients.Clip.class) {
        return pick(
            new Gradients.Clip(Tensor.scalar(3), 1), new Gradients.Clip(Tensor.arange(1), 2));
      }
      if (raw == Adapters.Size.class) {
        return pick(new Adapters.Size(1, 1), new Adapters.Size(Integer.MAX_VALUE, 0));
      }
      if (raw == Linear[].class) {
        Linear one = new Linear(unused(), 3, 2, true);
        return pick(new Linear[0], new Linear[] {one}, new Linear[] {one, one});
      }
      if (raw == Matrices.class) {
        Matrices m = Matrices.byHead(HostBuffer.allocate(2, 3), 1, 2, 1, 3);
        return pick(m, m.transposed(), Matrices.byRow(HostBuffer.allocate(2, 3), 2, 1, 1, 3));
      }
      if (raw == WeightMatrix.class) {
        return new WeightMatrix(Tensor.ones(2, 3), () -> 1);
      }
      if (raw == Tensor[].class) {
        return pick(new Tensor[0], new Tensor[] {Tensor.ones(2)}, new Tensor[] {null, null});
      }
      if (raw == TensorFiles.Fill.class) {
        return new TensorFiles.Fill("w", random.nextInt(3) - 1, Tensor.ones(2), null);
      }
      if (raw == TruncatedSvd.class) {
        return new TruncatedSvd(tensor(), tensor(), tensor());
      }
      if (raw == AdamW.Keeping.class) {
        return AdamW.Keeping.PLAIN;
      }
      if (raw == IntSupplier.class) {
        int version = random.nextInt();
        return (IntSupplier) () -> version;
      }
      if (raw.isInterface()) {
        return function(raw);
      }
      throw new AssertionError("no wrong arguments are known of type " + raw + ": add some");
    }

    private <T extends AutoCloseable> T kept(T closeable) {
      made.add(closeable);
      return closeable;
    }

    private Parameters unused() {
      return kept(
          Parameters.on(Device.CPU, random.nextBoolean() ? Precision.BF16 : Precision.FLOAT32));
    }

    private Parameters weights() {
      Parameters p = unused();
      p.declare("w", Parameters.Init.ones(), 2, 3);
      return p.trainable(true);
    }

    private Parameters parameters() {
      Parameters closed = weights();
      closed.close();
      return pick(unused(), weights(), weights().at("sub"), closed);
    }

    private Path path() {
      return pick(
          folder,
          folder.resolve("none/none.safetensors"),
          folder.resolve("garbage.safetensors"),
          folder.resolve("out.safetensors"),
          folder.resolve("last-call"),
          valid());
    }

    private Path valid() {
      Path file = folder.resolve("valid.safetensors");
      if (!Files.exists(file)) {
        TensorFiles.write(file, Map.of("a", Tensor.ones(2, 3)), Map.of());
        try {
          Files.write(
              folder.resolve("garbage.safetensors"), new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9});
        } catch (java.io.IOException e) {
          throw new AssertionError(e);
        }
      }
      return file;
    }

    private Tensor tensor() {
      Tensor f = Rng.of(1).normal(2, 3);
      return switch (random.nextInt(26)) {
        case 0 -> Scope.detached().keep(Tensor.ones(2, 3));
        case 1 -> {
          Scope gone = Scope.open();
          Tensor t = Tensor.ones(2, 3);
          gone.close();
          yield t;
        }
        case 2 -> Tensor.scalar(2);
        case 3 -> Tensor.zeros(0);
        case 4 -> Tensor.zeros(0, 3);
        case 5 -> Tensor.zeros(2, 0, 4, 4);
        case 6 -> f.to(DType.FLOAT64);
        case 7 -> f.to(DType.BFLOAT16);
        case 8 -> f.to(DType.FLOAT16);
        case 9 -> f.to(DType.INT64);
        case 10 -> Tensor.of(new long[] {0, 1, 99, -5}, 4);
        case 11 -> Tensor.of(new long[] {0, 1}, 2);
        case 12 -> f.lessThan(0);
        case 13 -> Tensor.zeros(2, 4).asComplex();
        case 14 -> Tensor.full(Double.NaN, DType.FLOAT32, Device.CPU, 2, 3);
        case 15 -> Rng.of(2).normal(1, 2, 4, 4);
        case 16 -> Rng.of(2).normal(1, 2, 4, 4).to(DType.BFLOAT16);
        case 17 -> Tensor.ones(1, 1, 1, 1, 1, 1);
        case 18 -> Tensor.ones(1).expand(1L << 50);
        case 19 -> Tensor.ones(2, 1).expand(2, 1L << 40);
        case 20 -> Tensor.ones(2, 3).requireGrad(true);
        case 21 -> Tensor.ones(2, 3).requireGrad(true).mul(2);
        case 22 -> Tensor.ones(2, 3).requireGrad(true).sum();
        case 23 -> f.transpose(0, 1);
        case 24 -> Tensor.zeros(DType.UINT8, Device.CPU, 2, 3);
        default -> f;
      };
    }

    private static Type argument(Type type, int i) {
      return type instanceof ParameterizedType p ? p.getActualTypeArguments()[i] : Object.class;
    }

    private static Class<?> raw(Type type) {
      return type instanceof ParameterizedType p
          ? (Class<?>) p.getRawType()
          : type instanceof Class<?> c ? c : Object.class;
    }

    private List<Object> list(Type type) throws Exception {
      Type of = argument(type, 0);
      if (of == Double.class) {
        return pick(List.of(), List.of(Double.NaN), List.of(1.0, 2.0));
      }
      List<Object> all = new ArrayList<>();
      int n = random.nextInt(4);
      for (int i = 0; i < n; i++) {
        all.add(some(raw(of), of, true));
      }
      if (n > 0 && random.nextBoolean()) { // the same tensor again: shapes that fit
        all.add(all.get(0));
      }
      return all;
    }

    private Map<Object, Object> map(Type type) throws Exception {
      Map<Object, Object> all = new LinkedHashMap<>();
      Type value = argument(type, 1);
      String[] names = {"a", "w", "__metadata__", "exp_avg.w", "exp_avg_sq.w", "\ud800", ""};
      for (String name : names) {
        if (random.nextInt(3) == 0) {
          all.put(name, some(raw(value), value, true));
        }
      }
      return random.nextBoolean() ? all : new HashMap<>(all);
    }

    /** A function that gives its first argument back, or null, or fails. */
    private Object function(Class<?> type) {
      int kind = random.nextInt(4);
      gaveNull |= kind == 1;
      return Proxy.newProxyInstance(
          MisuseProbe.class.getClassLoader(),
          new Class<?>[] {type},
          (proxy, method, args) -> {
            if (method.getDeclaringClass() == Object.class) {
              return method.getName().equals("toString") ? "function" : 0;
            }
            if (method.isDefault()) {
              return InvocationHandler.invokeDefault(proxy, method, args);
            }
            if (method.getReturnType() == boolean.class) {
              if (kind == 0) {
                throw new Ours();
              }
              return kind != 1;
            }
            return switch (kind) {
              case 0 -> throw new Ours();
              case 1 -> null;
              case 2 ->
                  method.getReturnType() == List.class && !(args[0] instanceof List)
                      ? Arrays.asList(args)
                      : args == null
                              || args.length == 0
                              || args[0] instanceof Range
                              || args[0] instanceof List
                          ? tensor()
                          : args[0];
              default -> method.getReturnType() == List.class ? Collections.emptyList() : tensor();
            };
          });
    }
  }
}
