package org.peltast.tensor.parallel;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Supplier;
import org.bytedeco.javacpp.chrono.Milliseconds;
import org.bytedeco.pytorch.TCPStore;
import org.bytedeco.pytorch.TCPStoreOptions;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.HostBuffer;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Several processes: c10d's store to meet at, a {@link ControlChannel} for what is small, and a
 * {@link GlooTransport} for tensors.
 */
final class JoinedProcesses extends ProcessGroup {
  private static final int GREETING = 5000; // ms

  private final Membership membership;
  private final Health health = new Health();
  private final TCPStore store; // serves the others as long as this process lives
  private final ControlChannel control;
  private final GlooTransport transport;
  private int tags;
  private boolean closed;

  JoinedProcesses(Membership membership, Duration patience) {
    this.membership = membership;
    long end = System.nanoTime() + patience.toNanos();
    store = store(patience);
    String key = "peltast/control/" + membership.round();
    try {
      Map<Integer, Socket> sockets = rank() == 0 ? welcome(key, end) : Map.of(0, visit(key, end));
      control = new ControlChannel(rank(), size(), sockets, health);
    } catch (IOException e) {
      throw ParallelException.failed(
          "rank " + rank() + " could not be connected to rank 0: " + e.getMessage(), e);
    }
    Socket any = Objects.requireNonNull(control.socket(rank() == 0 ? 1 : 0));
    transport =
        new GlooTransport(
            store, rank(), size(), any.getLocalAddress().getHostAddress(), health, control);
  }

  private String place() {
    return membership.host() + ":" + membership.port();
  }

  private TCPStore store(Duration patience) {
    boolean serves = rank() == 0 && !membership.agentStore();
    if (!serves) {
      awaitServer(patience);
    }
    try (Milliseconds timeout = new Milliseconds(patience.toMillis());
        TCPStoreOptions options = new TCPStoreOptions()) {
      options.port((short) membership.port()); // unsigned there
      options.isServer(serves);
      options.waitWorkers(false);
      options.timeout(timeout);
      return new TCPStore(membership.host(), options);
    } catch (RuntimeException e) {
      throw ParallelException.failed(
          serves
              ? String.format(
                  Locale.ROOT,
                  "rank 0 cannot serve %s (%s); set MASTER_ADDR to an address of its machine and MASTER_PORT to a free port",
                  place(),
                  GlooTransport.firstLine(e))
              : nobody(patience),
          e);
    }
  }

  /** Waits until somebody serves: c10d, left to wait, prints stack traces. */
  private void awaitServer(Duration patience) {
    long end = System.nanoTime() + patience.toNanos();
    while (true) {
      try (Socket probe = new Socket()) {
        probe.connect(new InetSocketAddress(membership.host(), membership.port()), GREETING);
        return;
      } catch (IOException notYet) {
        if (System.nanoTime() > end) {
          throw ParallelException.failed(nobody(patience), notYet);
        }
      }
      try {
        Thread.sleep(50);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted while rank 0 was waited for", e);
      }
    }
  }

  private String nobody(Duration patience) {
    return String.format(
        Locale.ROOT,
        "rank %d found nobody at %s within %d seconds; does rank 0 run, and are MASTER_ADDR and MASTER_PORT the same?",
        rank(),
        place(),
        patience.toSeconds());
  }

  /** Rank 0 waits for all others. */
  private Map<Integer, Socket> welcome(String key, long end) throws IOException {
    Map<Integer, Socket> joined = new TreeMap<>();
    String token = UUID.randomUUID().toString();
    try (ServerSocket server = new ServerSocket()) {
      try {
        server.bind(new InetSocketAddress(InetAddress.getByName(membership.host()), 0), size());
      } catch (IOException notOurs) {
        server.bind(new InetSocketAddress(0), size());
      }
      store.set(key, server.getLocalPort() + " " + token);
      while (joined.size() < size() - 1) {
        server.setSoTimeout((int) Math.max(1, (end - System.nanoTime()) / 1_000_000));
        Socket socket;
        try {
          socket = server.accept();
        } catch (SocketTimeoutException e) {
          throw ParallelException.failed(missing(joined));
        }
        int who = greeted(socket, token);
        if (who > 0 && who < size() && !joined.containsKey(who)) {
          joined.put(who, socket);
        } else {
          socket.close();
        }
      }
    }
    return joined;
  }

  /** The rank of whoever has come; -1 of a stranger. */
  private static int greeted(Socket socket, String token) {
    try {
      socket.setSoTimeout(GREETING);
      DataInputStream in = new DataInputStream(socket.getInputStream());
      return token.equals(in.readUTF()) ? in.readInt() : -1;
    } catch (IOException stranger) {
      return -1;
    }
  }

  private String missing(Map<Integer, Socket> joined) {
    List<String> ranks = new ArrayList<>();
    for (int r = 1; r < size(); r++) {
      if (!joined.containsKey(r)) {
        ranks.add(Integer.toString(r));
      }
    }
    return "rank "
        + String.join(", rank ", ranks)
        + " did not come to "
        + place()
        + " in time; were all "
        + size()
        + " processes started?";
  }

  private Socket visit(String key, long end) throws IOException {
    String[] where;
    try {
      where = store.get_to_str(key).split(" ", 2);
    } catch (RuntimeException e) {
      throw ParallelException.failed(
          String.format(
              Locale.ROOT,
              "rank %d heard nothing of rank 0 at %s in time (%s)",
              rank(),
              place(),
              GlooTransport.firstLine(e)),
          e);
    }
    Socket socket = new Socket();
    socket.connect(
        new InetSocketAddress(membership.host(), Integer.parseInt(where[0])),
        (int) Math.max(1000, (end - System.nanoTime()) / 1_000_000));
    DataOutputStream out = new DataOutputStream(socket.getOutputStream());
    out.writeUTF(where[1]);
    out.writeInt(rank());
    out.flush();
    return socket;
  }

  @Override
  public int rank() {
    return membership.rank();
  }

  @Override
  public int size() {
    return membership.size();
  }

  @Override
  public int localRank() {
    return membership.localRank();
  }

  @Override
  public byte[] decide(String what, Supplier<byte[]> onRank0) {
    return control.decide(what, onRank0);
  }

  @Override
  public List<byte[]> gather(String what, byte[] own) {
    return control.gather(what, own);
  }

  @Override
  void sum(Tensor tensor) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      int tag = reserveTags(2);
      HostBuffer own = copied(tensor);
      if (own == null) {
        return;
      }
      if (rank() == 0) {
        HostBuffer other = HostBuffer.allocate(tensor.shape());
        for (int r = 1; r < size(); r++) {
          receive(other, r, tag).await();
          own.tensor().copyFrom(own.tensor().add(other.tensor()));
        }
      } else {
        send(own, 0, tag).await();
      }
      spread(own, 0, tag + 1);
      tensor.copyFrom(own.tensor());
    }
  }

  @Override
  void spread(Tensor tensor, int from) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      int tag = reserveTags(1);
      HostBuffer own = copied(tensor);
      if (own != null) {
        spread(own, from, tag);
        tensor.copyFrom(own.tensor());
      }
    }
  }

  private static @org.jspecify.annotations.Nullable HostBuffer copied(Tensor tensor) {
    if (tensor.count() == 0) {
      return null;
    }
    HostBuffer own = HostBuffer.allocate(tensor.shape());
    own.tensor().copyFrom(tensor);
    return own;
  }

  private void spread(HostBuffer memory, int from, int tag) {
    if (rank() != from) {
      receive(memory, from, tag).await();
      return;
    }
    List<Transfer> sends = new ArrayList<>();
    for (int r = 0; r < size(); r++) {
      if (r != from) {
        sends.add(send(memory, r, tag));
      }
    }
    sends.forEach(Transfer::await);
  }

  @Override
  synchronized int reserveTags(int count) {
    int first = tags;
    tags = Math.floorMod(tags + count, 1 << 30);
    return first;
  }

  @Override
  Transfer send(HostBuffer from, int to, int tag) {
    return transport.send(from, to, tag);
  }

  @Override
  Transfer receive(HostBuffer into, int from, int tag) {
    return transport.receive(into, from, tag);
  }

  @Override
  public void check() {
    health.check();
  }

  @Override
  public void abort(String sentence) {
    control.abort("rank " + rank() + " failed: " + sentence);
  }

  @Override
  public long bytesSent() {
    return control.bytesSent() + transport.bytesSent();
  }

  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    boolean failed = health.isOver();
    health.close();
    control.close(failed);
    transport.close(failed);
  }
}
