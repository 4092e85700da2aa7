package org.peltast.data;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Opens prepared pictures, preparing them first if they are missing, damaged or out of date. */
final class PictureCache {
  private static final Logger LOG = LoggerFactory.getLogger(PictureCache.class);

  private PictureCache() {}

  /** What the machine said, without the name of an exception. */
  private static String reason(IOException e) {
    if (e instanceof AccessDeniedException) {
      return "permission denied";
    }
    if (e instanceof FileAlreadyExistsException) {
      return "a file is where its folder should be";
    }
    if (e instanceof NoSuchFileException) {
      return "its folder cannot be made";
    }
    String said = e instanceof FileSystemException f ? f.getReason() : e.getMessage();
    return said == null ? e.getClass().getSimpleName() : said;
  }

  static PictureFile openOrMake(Path path, String definition, PictureFile.Filler filler) {
    try {
      if (Files.exists(path)) {
        try {
          return PictureFile.open(path, definition);
        } catch (PictureFile.Damaged e) {
          LOG.warn("The cache file {} {}; it is made again.", path, e.getMessage());
        }
      }
      PictureFile.write(path, definition, filler);
      return PictureFile.open(path, definition);
    } catch (PictureFile.Damaged e) {
      throw new DataException(
          String.format(
              Locale.ROOT,
              "The cache file %s %s although it was just written; check the disk, or set PELTAST_CACHE to another folder.",
              path,
              e.getMessage()),
          e);
    } catch (IOException e) {
      throw new DataException(
          String.format(
              Locale.ROOT,
              "The cache file %s cannot be written or read (%s); free space there, or set PELTAST_CACHE to another folder.",
              path,
              reason(e)),
          e);
    }
  }
}
