package org.peltast.tensor;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.openblas.presets.openblas_nolapack;

/**
 * The number of threads of the BLAS library that libtorch multiplies with, one for the process.
 *
 * <p>JavaCPP's own setter looks the library's function up at each call, by {@code dl_iterate_phdr}
 * with a callback that closes libraries: it takes the dynamic linker's two locks in the order in
 * which {@code dlopen} does not, so a thread that opens a library at that moment and the one that
 * sets the number wait for each other for ever. Here the function is looked up once, when this
 * class is initialised, which {@link Engine} sees to before anything is computed.
 */
final class Blas {
  private static final List<Setter> SETTERS = setters();

  private Blas() {}

  /** Looks the functions up, if they were not. */
  static void open() {
    // initialising the class does it
  }

  /** Sets the number; without effect on a library that has no such function. */
  static void threads(int n) {
    for (Setter setter : SETTERS) {
      setter.call(n);
    }
  }

  private static List<Setter> setters() {
    Loader.load(openblas_nolapack.class);
    List<Setter> found = new ArrayList<>();
    for (String name : List.of("openblas_set_num_threads", "MKL_Set_Num_Threads")) {
      Pointer function = Loader.addressof(name);
      if (function != null) {
        found.add(new Setter(function));
      }
    }
    return List.copyOf(found);
  }

  /** A function {@code void (int)} at an address. */
  private static final class Setter extends openblas_nolapack.SetNumThreads {
    Setter(Pointer function) {
      put(function);
    }
  }
}
