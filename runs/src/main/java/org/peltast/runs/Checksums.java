package org.peltast.runs;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/** SHA-256 checksums, in lower-case hexadecimal: what provenance and manifests name inputs by. */
public final class Checksums {
  private static final int BUFFER = 1 << 20;

  /** What file managers put into folders; others of theirs begin with a dot. */
  private static final Set<String> LEFT_BEHIND = Set.of("Thumbs.db", "desktop.ini", "__MACOSX");

  private Checksums() {}

  /**
   * The checksum of a file; or of a folder: that of the lines "checksum␠␠relative/path" of all its
   * files, sorted by path, so it does not depend on the machine or on dates. Links are followed;
   * what desktops leave behind is passed over.
   *
   * @throws RunException if the file or folder cannot be read
   */
  public static String sha256(Path path) {
    try {
      if (!Files.isDirectory(path)) {
        return ofFile(path);
      }
      Map<String, Path> files = new TreeMap<>();
      filesUnder(path).forEach(name -> files.put(name, path.resolve(name)));
      return sha256(files);
    } catch (IOException e) {
      throw RunException.of("read " + path, path, e);
    }
  }

  /**
   * The checksum of several files: that of the lines "checksum␠␠name", sorted by name.
   *
   * @throws RunException if one cannot be read
   */
  public static String sha256(Map<String, Path> files) {
    StringBuilder lines = new StringBuilder();
    for (Map.Entry<String, Path> file : new TreeMap<>(files).entrySet()) {
      try {
        lines.append(ofFile(file.getValue())).append("  ").append(file.getKey()).append('\n');
      } catch (IOException e) {
        throw RunException.of("read " + file.getValue(), file.getValue(), e);
      }
    }
    return sha256(lines.toString().getBytes(StandardCharsets.UTF_8));
  }

  /** The checksum of some bytes. */
  public static String sha256(byte[] bytes) {
    return HexFormat.of().formatHex(digest().digest(bytes));
  }

  static String ofFile(Path file) throws IOException {
    MessageDigest digest = digest();
    byte[] buffer = new byte[BUFFER];
    try (InputStream in = Files.newInputStream(file)) {
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        digest.update(buffer, 0, n);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /**
   * The relative paths, with slashes, of the files below a folder, sorted, without those that
   * desktops leave behind.
   */
  static List<String> filesUnder(Path folder) throws IOException {
    try (Stream<Path> walk = Files.walk(folder, FileVisitOption.FOLLOW_LINKS)) {
      return walk.filter(Files::isRegularFile)
          .map(folder::relativize)
          .filter(Checksums::isContent)
          .map(p -> p.toString().replace('\\', '/'))
          .sorted()
          .toList();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private static boolean isContent(Path relative) {
    for (Path part : relative) {
      String name = part.toString();
      if (name.startsWith(".") || LEFT_BEHIND.contains(name)) {
        return false;
      }
    }
    return true;
  }

  private static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JDK has SHA-256
    }
  }
}
