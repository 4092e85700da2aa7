package org.peltast.tensor.parallel;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Small messages between rank 0 and every other: decisions, gathered bytes, heartbeats, and the
 * news that a rank failed or left. A connection that ends without a farewell is a death.
 */
final class ControlChannel {
  private static final Duration BEAT = Duration.ofSeconds(2);
  private static final Duration SILENCE = Duration.ofSeconds(20);
  private static final Duration FAREWELL = Duration.ofSeconds(2);
  private static final Duration LAST_MESSAGES = Duration.ofSeconds(5);
  private static final int LONGEST = 2000; // of a sentence

  private static final int HEARTBEAT = 1;
  private static final int DATA = 2;
  private static final int FAILED = 3;
  private static final int LEFT = 4;

  private static final class Message {
    final String what;
    final byte[] payload;

    Message(String what, byte[] payload) {
      this.what = what;
      this.payload = payload;
    }
  }

  private final int rank;
  private final int size;
  private final Health health;
  private final Map<Integer, Link> links = new TreeMap<>();
  private final Set<Integer> left = new HashSet<>(); // guarded by health
  private IntConsumer whenLeft = who -> {}; // guarded by health
  private boolean told; // of the failure; guarded by health
  private final AtomicLong sent = new AtomicLong();
  private volatile long lastBeat = System.nanoTime();

  /** A connection to another rank. */
  private final class Link {
    final int peer;
    final Socket socket;
    final DataInputStream in;
    final DataOutputStream out;
    final Queue<Message> inbox = new ArrayDeque<>(); // guarded by health

    Link(int peer, Socket socket) throws IOException {
      this.peer = peer;
      this.socket = socket;
      socket.setTcpNoDelay(true);
      socket.setSoTimeout((int) SILENCE.toMillis());
      in = new DataInputStream(new BufferedInputStream(new Patient(socket.getInputStream())));
      out = new DataOutputStream(new BufferedOutputStream(socket.getOutputStream()));
    }

    void send(int type, String what, byte[] payload) throws IOException {
      synchronized (out) {
        out.writeByte(type);
        if (type != HEARTBEAT) {
          out.writeUTF(what.length() > LONGEST ? what.substring(0, LONGEST) : what);
          out.writeInt(payload.length);
          out.write(payload);
        }
        out.flush();
      }
      sent.addAndGet(1 + (type == HEARTBEAT ? 0 : 6 + what.length() + payload.length));
    }

    /** Sends if possible: whoever is told of a failure may be gone. */
    void trySend(int type, String what, byte[] payload) {
      try {
        send(type, what, payload);
      } catch (IOException gone) {
        // Its reader notices, if it matters.
      }
    }
  }

  /**
   * A time-out only counts if this process itself was running: one that was stopped (Ctrl-Z, a
   * closed lid) hears nothing either.
   */
  private final class Patient extends FilterInputStream {
    Patient(InputStream in) {
      super(in);
    }

    @Override
    public int read(byte[] to, int from, int length) throws IOException {
      while (true) {
        try {
          return super.read(to, from, length);
        } catch (SocketTimeoutException silence) {
          if (System.nanoTime() - lastBeat < 4 * BEAT.toNanos()) {
            throw silence;
          }
        }
      }
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }
  }

  /**
   * @param sockets to rank 0, or on rank 0 to every other
   */
  ControlChannel(int rank, int size, Map<Integer, Socket> sockets, Health health)
      throws IOException {
    this.rank = rank;
    this.size = size;
    this.health = health;
    for (Map.Entry<Integer, Socket> e : sockets.entrySet()) {
      links.put(e.getKey(), new Link(e.getKey(), e.getValue()));
    }
    health.onFailure(this::giveUp);
    for (Link link : links.values()) {
      start("peltast-control-" + link.peer, () -> listen(link));
      start("peltast-heartbeat-" + link.peer, () -> beat(link));
    }
  }

  private static Thread start(String name, Runnable work) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    thread.start();
    return thread;
  }

  // ------------------------------------------------------------------ what goes on by itself

  private void beat(Link link) {
    try {
      while (!health.isOver()) {
        link.send(HEARTBEAT, "", new byte[0]);
        lastBeat = System.nanoTime();
        health.pause(BEAT, health::isOver);
      }
    } catch (IOException gone) {
      // The reader notices.
    }
  }

  private void listen(Link link) {
    try {
      while (true) {
        int type = link.in.readByte();
        if (type == HEARTBEAT) {
          continue;
        }
        String what = link.in.readUTF();
        byte[] payload = new byte[link.in.readInt()];
        link.in.readFully(payload);
        switch (type) {
          case DATA -> {
            synchronized (health) {
              link.inbox.add(new Message(what, payload));
              health.notifyAll();
            }
          }
          case FAILED -> health.fail(what);
          case LEFT -> left(ByteBuffer.wrap(payload).getInt());
          default -> throw new IOException("a message of unknown type " + type);
        }
      }
    } catch (SocketTimeoutException silence) {
      health.fail(
          "rank " + link.peer + " has not answered for " + SILENCE.toSeconds() + " seconds");
    } catch (EOFException end) {
      ended(link, "it was killed, or ran out of memory");
    } catch (IOException broken) {
      ended(link, "its connection broke: " + broken.getMessage());
    }
  }

  private void ended(Link link, String why) {
    if (!hasLeft(link.peer)) {
      health.fail("rank " + link.peer + " ended without a word (" + why + ")");
    }
  }

  private void left(int who) {
    IntConsumer then;
    synchronized (health) {
      left.add(who);
      then = whenLeft;
      health.notifyAll();
    }
    then.accept(who);
    for (Link link : links.values()) {
      if (rank == 0 && link.peer != who) {
        link.trySend(LEFT, "", number(who));
      }
    }
  }

  private static byte[] number(int n) {
    return ByteBuffer.allocate(Integer.BYTES).putInt(n).array();
  }

  /** Calls something with each rank that says farewell from now on. */
  void onLeft(IntConsumer then) {
    synchronized (health) {
      whenLeft = then;
    }
  }

  /** Whether a rank has said farewell. */
  boolean hasLeft(int who) {
    synchronized (health) {
      return left.contains(who);
    }
  }

  /**
   * Fails the group if a rank has left without what is still waited for; what it sent before may
   * take a moment.
   *
   * @param waiting whether it is still waited for
   */
  void missed(int who, Supplier<Boolean> waiting) {
    health.pause(LAST_MESSAGES, () -> !waiting.get());
    if (waiting.get()) {
      health.fail(leftTooEarly(who));
    }
  }

  static String leftTooEarly(int who) {
    return "rank " + who + " ended while others still worked with it";
  }

  /** Tells everybody that the group failed, and frees whoever waits in a connection. */
  private void giveUp() {
    String sentence;
    try {
      health.check();
      return;
    } catch (ParallelException e) {
      sentence = String.valueOf(e.getMessage());
    }
    List<Thread> telling = new ArrayList<>();
    for (Link link : links.values()) {
      telling.add(start("peltast-failure", () -> link.trySend(FAILED, sentence, new byte[0])));
    }
    awaitAll(telling);
    synchronized (health) {
      told = true;
      health.notifyAll();
    }
    closeSockets();
  }

  /** Fails the group, and waits a moment until everybody was told. */
  void abort(String sentence) {
    health.fail(sentence);
    health.pause(FAREWELL, () -> told);
  }

  private static void awaitAll(List<Thread> threads) {
    long end = System.nanoTime() + FAREWELL.toNanos();
    for (Thread thread : threads) {
      try {
        thread.join(Math.max(1, (end - System.nanoTime()) / 1_000_000));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private void closeSockets() {
    for (Link link : links.values()) {
      try {
        link.socket.shutdownOutput();
      } catch (IOException gone) {
        // So it is shut down.
      }
    }
    // A socket that is closed with something unread resets the connection, and what was sent last
    // is lost: so the others are given the time to read.
    try {
      Thread.sleep(500);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    for (Link link : links.values()) {
      try {
        link.socket.close();
      } catch (IOException gone) {
        // So it is closed.
      }
    }
  }

  // ------------------------------------------------------------------ operations

  byte[] decide(String what, Supplier<byte[]> onRank0) {
    health.check();
    if (rank != 0) {
      return take(0, what);
    }
    byte[] decided = onRank0.get();
    for (Link link : links.values()) {
      send(link, what, decided);
    }
    return decided;
  }

  List<byte[]> gather(String what, byte[] own) {
    health.check();
    if (rank != 0) {
      send(link(0), what, own);
      return split(take(0, what));
    }
    List<byte[]> all = new ArrayList<>();
    all.add(own);
    for (int r = 1; r < size; r++) {
      all.add(take(r, what));
    }
    byte[] joined = joined(what, all);
    for (Link link : links.values()) {
      send(link, what, joined);
    }
    return all;
  }

  private static byte[] joined(String what, List<byte[]> all) {
    long length = all.stream().mapToLong(one -> Integer.BYTES + (long) one.length).sum();
    if (length > Integer.MAX_VALUE - 64) {
      throw ParallelException.failed(
          "all ranks' bytes of " + what + " are more than 2 GiB; gather less at once");
    }
    ByteBuffer joined = ByteBuffer.allocate((int) length);
    all.forEach(one -> joined.putInt(one.length).put(one));
    return joined.array();
  }

  private List<byte[]> split(byte[] joined) {
    ByteBuffer from = ByteBuffer.wrap(joined);
    List<byte[]> all = new ArrayList<>();
    for (int r = 0; r < size; r++) {
      byte[] one = new byte[from.getInt()];
      from.get(one);
      all.add(one);
    }
    return all;
  }

  private Link link(int peer) {
    Link link = links.get(peer);
    if (link == null) {
      throw new IllegalStateException("rank " + rank + " has no connection to rank " + peer);
    }
    return link;
  }

  private void send(Link link, String what, byte[] payload) {
    try {
      link.send(DATA, what, payload);
    } catch (IOException e) {
      throw health.explain(
          hasLeft(link.peer)
              ? leftTooEarly(link.peer)
              : "the connection to rank " + link.peer + " broke: " + e.getMessage(),
          e);
    }
  }

  private byte[] take(int from, String what) {
    Link link = link(from);
    Message message;
    synchronized (health) {
      health.pause(
          Duration.ofDays(1000),
          () -> !link.inbox.isEmpty() || left.contains(from) || health.isOver());
      health.check();
      message = link.inbox.poll();
    }
    if (message == null) {
      throw health.explain(leftTooEarly(from), null);
    }
    if (!message.what.equals(what)) {
      throw health.explain(
          String.format(
              Locale.ROOT,
              "rank %d is at '%s' while rank %d is at '%s'",
              from,
              message.what,
              rank,
              what),
          null);
    }
    return message.payload;
  }

  long bytesSent() {
    return sent.get();
  }

  @Nullable Socket socket(int peer) {
    Link link = links.get(peer);
    return link == null ? null : link.socket;
  }

  /** Says farewell, unless the group failed, and ends the connections. */
  void close(boolean failed) {
    if (failed) { // giveUp ends them
      health.pause(FAREWELL, () -> told);
      return;
    }
    List<Thread> telling = new ArrayList<>();
    for (Link link : links.values()) {
      telling.add(start("peltast-farewell", () -> link.trySend(LEFT, "", number(rank))));
    }
    awaitAll(telling);
    closeSockets();
  }
}
