package org.peltast.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Makes up for what a bare machine does not give to Java: a home folder for a user without an entry
 * among the users, places for native libraries, arguments in a locale without characters beyond
 * ASCII. To be called before any library is loaded, for libraries ask once.
 */
final class JvmSetup {
  /** Where native libraries are unpacked, if not below the home folder. */
  static final String NATIVES = "PELTAST_NATIVES";

  private static final String HOME = "user.home";

  /** Commands that keep nothing anywhere. */
  private static final Set<String> KEEPING_NOTHING =
      Set.of("inspect", "recipes", "-h", "--help", "-V", "--version", "help");

  private JvmSetup() {}

  /**
   * Sets the system properties that say where things are kept.
   *
   * @return what to tell the user if there is no place; null if there is
   */
  static @Nullable String prepare(Map<String, String> environment, String... arguments) {
    String home = System.getProperty(HOME, "");
    if (!isFolder(home) && isFolder(environment.getOrDefault("HOME", ""))) {
      home = environment.getOrDefault("HOME", "");
      System.setProperty(HOME, home);
    }
    String chosen = environment.getOrDefault(NATIVES, "");
    if (!chosen.isBlank()) {
      keepNatives(Path.of(chosen).toAbsolutePath());
    } else if (!isWritable(home)) {
      boolean kept =
          !System.getProperty("peltast.cache", "").isBlank()
              || !environment.getOrDefault("PELTAST_CACHE", "").isBlank()
              || isFolder(environment.getOrDefault("XDG_CACHE_HOME", ""));
      if (kept) {
        keepNatives(Places.unpacked());
      } else if (arguments.length == 0 || KEEPING_NOTHING.contains(arguments[0])) {
        return null;
      } else if (!isFolder(home)) {
        return "this user has no home folder to keep caches in; set HOME, or PELTAST_CACHE, to a"
            + " folder that it may write to.";
      } else {
        Path own = ownTemporary();
        if (own != null) {
          keepNatives(own);
        }
      }
    }
    return null;
  }

  /** Whether names of files are read as UTF-8: the locale decides, and no flag can change it. */
  static boolean namesAreUtf8() {
    return System.getProperty("sun.jnu.encoding", "UTF-8").equalsIgnoreCase("UTF-8");
  }

  /** Java says "?" where the system knows no home folder. */
  private static boolean isFolder(String home) {
    try {
      return !home.isBlank() && Path.of(home).isAbsolute();
    } catch (InvalidPathException e) {
      return false;
    }
  }

  private static boolean isWritable(String home) {
    return isFolder(home) && Files.isWritable(Path.of(home));
  }

  /**
   * A folder for this user alone among the temporary files, for libraries' own have the user's name
   * in theirs, and users without an entry all have the same. Null if it is another's.
   */
  private static @Nullable Path ownTemporary() {
    try {
      Object user = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
      Path folder = Path.of(System.getProperty("java.io.tmpdir"), "peltast-natives-" + user);
      if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
        Files.createDirectory(
            folder,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      }
      boolean own =
          Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)
              && user.equals(Files.getAttribute(folder, "unix:uid", LinkOption.NOFOLLOW_LINKS));
      return own ? folder : null;
    } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
      return null; // another system, or nowhere to write
    }
  }

  /** All libraries' natives below one folder; what was set by hand stays. */
  private static void keepNatives(Path folder) {
    setIfAbsent("org.bytedeco.javacpp.cachedir", folder.resolve("javacpp"));
    setIfAbsent("ENGINE_CACHE_DIR", folder.resolve("djl"));
    setIfAbsent("DJL_CACHE_DIR", folder.resolve("djl"));
    setIfAbsent("peltast.natives", folder);
  }

  private static void setIfAbsent(String property, Path value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value.toString());
    }
  }

  /**
   * The arguments as they were typed, in UTF-8. Java reads them in the locale's character set, and
   * what that does not have is lost; the system still knows the bytes, on Linux.
   */
  static String[] arguments(String... arguments) {
    boolean lost = false;
    for (String argument : arguments) {
      lost |= argument.indexOf('\ufffd') >= 0;
    }
    if (!lost) {
      return arguments;
    }
    try {
      List<String> all = split(Files.readAllBytes(Path.of("/proc/self/cmdline")));
      return all.size() < arguments.length
          ? arguments
          : all.subList(all.size() - arguments.length, all.size()).toArray(String[]::new);
    } catch (IOException e) { // another system, or not UTF-8
      return arguments;
    }
  }

  private static List<String> split(byte[] bytes) throws CharacterCodingException {
    List<String> all = new ArrayList<>();
    int begin = 0;
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] == 0) {
        ByteBuffer one = ByteBuffer.wrap(bytes, begin, i - begin);
        all.add(StandardCharsets.UTF_8.newDecoder().decode(one).toString());
        begin = i + 1;
      }
    }
    return all;
  }
}
