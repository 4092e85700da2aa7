package org.peltast.distill;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.AccessMode;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryStream;
import java.nio.file.FileStore;
import java.nio.file.FileSystem;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.StandardOpenOption;
import java.nio.file.WatchService;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileAttributeView;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.nio.file.spi.FileSystemProvider;
import java.util.Iterator;
import java.util.Map;
import java.util.Set;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/**
 * The machine's own file system, on which a chosen write and all after it fail as on a full disk: a
 * file or folder that is made, bytes that are written (half of them arrive), a flush, a rename.
 * Reading and deleting go on.
 */
final class FaultyDisk extends FileSystemProvider {
  private final FileSystemProvider real = FileSystems.getDefault().provider();
  private final Disk disk = new Disk();
  private long writes;
  private long room = Long.MAX_VALUE;

  /** A real folder, seen through this disk. */
  Path at(Path folder) {
    return faulty(folder);
  }

  /** From now on so many writes succeed, and none after them. */
  void room(long more) {
    room = more == Long.MAX_VALUE ? more : writes + more;
  }

  /** Writes asked for so far. */
  long writes() {
    return writes;
  }

  private void write(String file) throws IOException {
    if (writes++ >= room) {
      throw new FileSystemException(file, null, "No space left on device");
    }
  }

  // ------------------------------------------------------------------ paths

  private Path faulty(Path path) {
    return (Path)
        Proxy.newProxyInstance(
            FaultyDisk.class.getClassLoader(),
            new Class<?>[] {Faulty.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("real")) {
                return path;
              } else if (method.getName().equals("getFileSystem")) {
                return disk;
              } else if (method.getName().equals("iterator")) {
                return wrapped(path.iterator());
              }
              @Nullable Object[] plain = arguments == null ? new Object[0] : arguments.clone();
              for (int i = 0; i < plain.length; i++) {
                plain[i] = plain[i] instanceof Path p ? real(p) : plain[i];
              }
              try {
                Object result = method.invoke(path, plain);
                return result instanceof Path p ? faulty(p) : result;
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  /** A path of this disk, which knows the real one. */
  interface Faulty extends Path {
    Path real();
  }

  private static Path real(Path path) {
    return path instanceof Faulty faulty ? faulty.real() : path;
  }

  private Iterator<Path> wrapped(Iterator<Path> paths) {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return paths.hasNext();
      }

      @Override
      public Path next() {
        return faulty(paths.next());
      }
    };
  }

  // ------------------------------------------------------------------ what writes

  private static boolean isWriting(Set<? extends OpenOption> options) {
    return options.contains(StandardOpenOption.WRITE)
        || options.contains(StandardOpenOption.APPEND);
  }

  @Override
  public FileChannel newFileChannel(
      Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
      throws IOException {
    boolean makes = isWriting(options) && !Files.exists(real(path));
    if (makes) {
      write(path.toString());
    }
    return new Channel(real.newFileChannel(real(path), options, attributes), path.toString());
  }

  @Override
  public SeekableByteChannel newByteChannel(
      Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
      throws IOException {
    return newFileChannel(path, options, attributes);
  }

  @Override
  public void createDirectory(Path path, FileAttribute<?>... attributes) throws IOException {
    if (Files.exists(real(path))) {
      real.createDirectory(real(path), attributes); // says that it is there
    }
    write(path.toString());
    real.createDirectory(real(path), attributes);
  }

  @Override
  public void move(Path from, Path to, CopyOption... options) throws IOException {
    write(to.toString());
    real.move(real(from), real(to), options);
  }

  @Override
  public void copy(Path from, Path to, CopyOption... options) throws IOException {
    write(to.toString());
    real.copy(real(from), real(to), options);
  }

  /** A file's channel, whose writes and flushes count. */
  private final class Channel extends FileChannel {
    private final FileChannel real;
    private final String file;

    Channel(FileChannel real, String file) {
      this.real = real;
      this.file = file;
    }

    @Override
    public int write(ByteBuffer bytes) throws IOException {
      try {
        FaultyDisk.this.write(file);
      } catch (IOException e) {
        ByteBuffer half = bytes.duplicate();
        half.limit(half.position() + half.remaining() / 2);
        real.write(half); // the last block that there was room for
        throw e;
      }
      return real.write(bytes);
    }

    @Override
    public int write(ByteBuffer bytes, long position) throws IOException {
      FaultyDisk.this.write(file);
      return real.write(bytes, position);
    }

    @Override
    public long write(ByteBuffer[] bytes, int offset, int length) throws IOException {
      FaultyDisk.this.write(file);
      return real.write(bytes, offset, length);
    }

    @Override
    public long transferFrom(ReadableByteChannel from, long position, long count)
        throws IOException {
      FaultyDisk.this.write(file);
      return real.transferFrom(from, position, count);
    }

    @Override
    public void force(boolean metaData) throws IOException {
      if (!Files.isDirectory(Path.of(file))) {
        FaultyDisk.this.write(file);
      }
      // The device itself is not waited for: nobody cuts the power of a test.
    }

    @Override
    public int read(ByteBuffer bytes) throws IOException {
      return real.read(bytes);
    }

    @Override
    public int read(ByteBuffer bytes, long position) throws IOException {
      return real.read(bytes, position);
    }

    @Override
    public long read(ByteBuffer[] bytes, int offset, int length) throws IOException {
      return real.read(bytes, offset, length);
    }

    @Override
    public long transferTo(long position, long count, WritableByteChannel to) throws IOException {
      return real.transferTo(position, count, to);
    }

    @Override
    public long position() throws IOException {
      return real.position();
    }

    @Override
    public FileChannel position(long position) throws IOException {
      real.position(position);
      return this;
    }

    @Override
    public long size() throws IOException {
      return real.size();
    }

    @Override
    public FileChannel truncate(long size) throws IOException {
      real.truncate(size);
      return this;
    }

    @Override
    public MappedByteBuffer map(MapMode mode, long position, long size) throws IOException {
      return real.map(mode, position, size);
    }

    @Override
    public FileLock lock(long position, long size, boolean shared) throws IOException {
      return real.lock(position, size, shared);
    }

    @Override
    public @Nullable FileLock tryLock(long position, long size, boolean shared) throws IOException {
      return real.tryLock(position, size, shared);
    }

    @Override
    protected void implCloseChannel() throws IOException {
      real.close();
    }
  }

  // ------------------------------------------------------------------ what does not

  @Override
  public DirectoryStream<Path> newDirectoryStream(
      Path folder, DirectoryStream.Filter<? super Path> filter) throws IOException {
    DirectoryStream<Path> entries =
        real.newDirectoryStream(real(folder), path -> filter.accept(faulty(path)));
    return new DirectoryStream<>() {
      @Override
      public Iterator<Path> iterator() {
        return wrapped(entries.iterator());
      }

      @Override
      public void close() throws IOException {
        entries.close();
      }
    };
  }

  @Override
  public void delete(Path path) throws IOException {
    real.delete(real(path));
  }

  @Override
  public boolean isSameFile(Path a, Path b) throws IOException {
    return real.isSameFile(real(a), real(b));
  }

  @Override
  public boolean isHidden(Path path) throws IOException {
    return real.isHidden(real(path));
  }

  @Override
  public FileStore getFileStore(Path path) throws IOException {
    return real.getFileStore(real(path));
  }

  @Override
  public void checkAccess(Path path, AccessMode... modes) throws IOException {
    real.checkAccess(real(path), modes);
  }

  @Override
  public <V extends FileAttributeView> V getFileAttributeView(
      Path path, Class<V> type, LinkOption... options) {
    return real.getFileAttributeView(real(path), type, options);
  }

  @Override
  public <A extends BasicFileAttributes> A readAttributes(
      Path path, Class<A> type, LinkOption... options) throws IOException {
    return real.readAttributes(real(path), type, options);
  }

  @Override
  public Map<String, Object> readAttributes(Path path, String names, LinkOption... options)
      throws IOException {
    return real.readAttributes(real(path), names, options);
  }

  @Override
  public void setAttribute(Path path, String name, Object value, LinkOption... options)
      throws IOException {
    real.setAttribute(real(path), name, value, options);
  }

  @Override
  public String getScheme() {
    return "faulty";
  }

  @Override
  public FileSystem newFileSystem(URI uri, Map<String, ?> environment) {
    throw new UnsupportedOperationException();
  }

  @Override
  public FileSystem getFileSystem(URI uri) {
    return disk;
  }

  @Override
  public Path getPath(URI uri) {
    throw new UnsupportedOperationException();
  }

  private final class Disk extends FileSystem {
    private final FileSystem real = FileSystems.getDefault();

    @Override
    public FileSystemProvider provider() {
      return FaultyDisk.this;
    }

    @Override
    public Path getPath(String first, String... more) {
      return faulty(real.getPath(first, more));
    }

    @Override
    public Iterable<Path> getRootDirectories() {
      return StreamSupport.stream(real.getRootDirectories().spliterator(), false)
          .map(FaultyDisk.this::faulty)
          .toList();
    }

    @Override
    public void close() {
      throw new UnsupportedOperationException();
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public boolean isReadOnly() {
      return false;
    }

    @Override
    public String getSeparator() {
      return real.getSeparator();
    }

    @Override
    public Iterable<FileStore> getFileStores() {
      return real.getFileStores();
    }

    @Override
    public Set<String> supportedFileAttributeViews() {
      return real.supportedFileAttributeViews();
    }

    @Override
    public PathMatcher getPathMatcher(String syntaxAndPattern) {
      PathMatcher matcher = real.getPathMatcher(syntaxAndPattern);
      return path -> matcher.matches(FaultyDisk.real(path));
    }

    @Override
    public UserPrincipalLookupService getUserPrincipalLookupService() {
      return real.getUserPrincipalLookupService();
    }

    @Override
    public WatchService newWatchService() {
      throw new UnsupportedOperationException();
    }
  }
}
