package org.peltast.models.files;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/**
 * A checksum of files of gigabytes, made without reading them: SHA-256 of the files' names, their
 * lengths and, of each, the whole up to 1 MiB, and of longer ones 4 KiB at 256 places at equal
 * distances. Another model's files, and those of a further training, differ in them; a change of a
 * few numbers by hand may not.
 */
public final class FileSample {
  private static final int WHOLE = 1 << 20;
  private static final int PLACES = 256;
  private static final int PIECE = WHOLE / PLACES;

  private FileSample() {}

  /** Twelve hexadecimal digits. */
  public static String of(List<Path> files) throws IOException {
    MessageDigest sha;
    try {
      sha = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JDK has SHA-256
    }
    for (Path file : files) {
      add(sha, file);
    }
    return HexFormat.of().formatHex(sha.digest(), 0, 6);
  }

  private static void add(MessageDigest sha, Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file)) {
      long size = channel.size();
      sha.update((file.getFileName() + " " + size + "\n").getBytes(StandardCharsets.UTF_8));
      int places = size <= WHOLE ? 1 : PLACES;
      ByteBuffer piece = ByteBuffer.allocate(size <= WHOLE ? (int) size : PIECE);
      for (int i = 0; i < places; i++) {
        piece.clear();
        long at = places == 1 ? 0 : (size - PIECE) / (places - 1) * i;
        while (piece.hasRemaining() && channel.read(piece, at + piece.position()) > 0) {
          // until it is full
        }
        sha.update(piece.flip());
      }
    }
  }
}
