package org.peltast.runs;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/** SHA-256 checksums, in lower-case hexadecimal: what provenance and manifests name inputs by. */
public final class Checksums {
  private static final int BUFFER = 1 << 20;

  private Checksums() {}

  /**
   * The checksum of a file; or of a folder: that of the lines "checksum␠␠relative/path" of all its
   * files, sorted by path, so it does not depend on the machine or on dates.
   *
   * @throws RunException if the file or folder cannot be read
   */
  public static String sha256(Path path) {
    try {
      if (!Files.isDirectory(path)) {
        return ofFile(path);
      }
      StringBuilder lines = new StringBuilder();
      for (String name : filesUnder(path)) {
        lines.append(ofFile(path.resolve(name))).append("  ").append(name).append('\n');
      }
      return sha256(lines.toString().getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw RunException.of("read " + path, path, e);
    }
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

  /** The relative paths, with slashes, of the regular files below a folder, sorted. */
  static List<String> filesUnder(Path folder) throws IOException {
    try (Stream<Path> walk = Files.walk(folder)) {
      return walk.filter(p -> Files.isRegularFile(p, LinkOption.NOFOLLOW_LINKS))
          .map(p -> folder.relativize(p).toString().replace('\\', '/'))
          .sorted()
          .toList();
    }
  }

  private static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JDK has SHA-256
    }
  }
}
