package org.peltast.data;

import java.nio.file.Path;
import java.util.Map;

/** Where prepared data is kept. */
public final class CacheFolder {
  private CacheFolder() {}

  /**
   * The user's cache folder: {@code $PELTAST_CACHE}, or else {@code $XDG_CACHE_HOME/peltast}, or
   * else {@code ~/.cache/peltast}. It need not exist yet. The system property {@code peltast.cache}
   * comes before all of them, for programs that cannot choose their environment.
   */
  public static Path standard() {
    String chosen = System.getProperty("peltast.cache", "");
    if (!chosen.isBlank()) {
      return Path.of(chosen).toAbsolutePath();
    }
    return standard(System.getenv(), Path.of(System.getProperty("user.home", ".")));
  }

  static Path standard(Map<String, String> environment, Path home) {
    String own = environment.getOrDefault("PELTAST_CACHE", "");
    if (!own.isBlank()) {
      return Path.of(own).toAbsolutePath();
    }
    String shared = environment.getOrDefault("XDG_CACHE_HOME", "");
    // The XDG specification has relative paths ignored.
    if (!shared.isBlank() && Path.of(shared).isAbsolute()) {
      return Path.of(shared, "peltast");
    }
    return home.resolve(".cache").resolve("peltast").toAbsolutePath();
  }
}
