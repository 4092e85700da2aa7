package org.peltast.models.text;

import ai.onnxruntime.OrtEnvironment;
import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/**
 * ONNX Runtime's native libraries, unpacked once for all processes. Left to itself each process
 * unpacks 21 MB into the folder of temporary files and deletes them as it ends; killed ones do not,
 * and fill the disk.
 *
 * <p>The folder is the system property {@value #FOLDER}. Without it, or where it cannot be written,
 * ONNX Runtime does as it always does.
 */
final class OnnxNatives {
  static final String FOLDER = "peltast.natives";

  /** Where ONNX Runtime looks before it unpacks. */
  static final String PATH = "onnxruntime.native.path";

  private static final List<String> LIBRARIES = List.of("onnxruntime", "onnxruntime4j_jni");

  private OnnxNatives() {}

  /** Sees to it that whole libraries are in the folder; to be called before they are loaded. */
  static synchronized void prepare() {
    String folder = System.getProperty(FOLDER, "");
    if (folder.isBlank() || System.getProperty(PATH) != null) {
      return;
    }
    try {
      Path unpacked = unpack(Path.of(folder));
      if (unpacked != null) {
        System.setProperty(PATH, unpacked.toString());
      }
    } catch (IOException | InvalidPathException e) {
      return; // as the class comment says
    }
  }

  /** The folder with whole libraries below a folder; null if there are none for this machine. */
  static @Nullable Path unpack(Path folder) throws IOException {
    Map<String, URL> sources = new LinkedHashMap<>();
    StringBuilder version = new StringBuilder("onnxruntime");
    for (String library : LIBRARIES) {
      String file = System.mapLibraryName(library);
      URL source =
          OrtEnvironment.class.getResource("/ai/onnxruntime/native/" + platform() + "/" + file);
      if (source == null || !(source.openConnection() instanceof JarURLConnection jar)) {
        return null;
      }
      sources.put(file, source);
      version.append(String.format(Locale.ROOT, "-%08x", jar.getJarEntry().getCrc()));
    }
    Path place = folder.resolve(version.toString()).toAbsolutePath();
    if (areWhole(sources, place)) { // as in a cache that this user may only read
      return place;
    }
    Files.createDirectories(place);
    try (FileChannel one =
        FileChannel.open(
            place.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      one.lock(); // until it is closed: others wait for the library instead of unpacking it, too
      for (Map.Entry<String, URL> source : sources.entrySet()) {
        unpack(source.getValue(), place.resolve(source.getKey()));
      }
    }
    return place;
  }

  private static boolean areWhole(Map<String, URL> sources, Path place) throws IOException {
    for (Map.Entry<String, URL> source : sources.entrySet()) {
      JarURLConnection jar = (JarURLConnection) source.getValue().openConnection();
      if (!isWhole(place.resolve(source.getKey()), jar.getJarEntry())) {
        return false;
      }
    }
    return true;
  }

  private static void unpack(URL source, Path file) throws IOException {
    JarURLConnection jar = (JarURLConnection) source.openConnection();
    if (isWhole(file, jar.getJarEntry())) {
      return;
    }
    Path part = file.resolveSibling(file.getFileName() + ".part");
    try (InputStream in = jar.getInputStream()) {
      Files.copy(in, part, StandardCopyOption.REPLACE_EXISTING);
    }
    Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  private static boolean isWhole(Path file, JarEntry entry) throws IOException {
    if (!Files.isRegularFile(file) || Files.size(file) != entry.getSize()) {
      return false;
    }
    CRC32 sum = new CRC32();
    byte[] block = new byte[1 << 20];
    try (InputStream in = Files.newInputStream(file)) {
      for (int n = in.read(block); n >= 0; n = in.read(block)) {
        sum.update(block, 0, n);
      }
    }
    return sum.getValue() == entry.getCrc();
  }

  /** As ONNX Runtime's jar names it. */
  private static String platform() {
    String os = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
    String arch = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
    return (os.contains("mac") ? "osx" : os.contains("win") ? "win" : "linux")
        + (arch.startsWith("aarch64") || arch.startsWith("arm64") ? "-aarch64" : "-x64");
  }
}
