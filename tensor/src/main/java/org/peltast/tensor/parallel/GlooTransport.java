package org.peltast.tensor.parallel;

import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.chrono.Milliseconds;
import org.bytedeco.pytorch.GlooDeviceVector;
import org.bytedeco.pytorch.ProcessGroupGloo;
import org.bytedeco.pytorch.Store;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.Work;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.HostBuffer;

/**
 * Messages of float32 host memory between any two ranks through Gloo (c10d's {@code
 * ProcessGroupGloo}). Point to point only: an owner's sum so costs half of Gloo's own all-reduce,
 * its order is ours, and a wait always knows for whom.
 */
final class GlooTransport {
  /** A rank may wait long for one that writes a checkpoint; deaths are noticed otherwise. */
  private static final Duration PATIENCE = Duration.ofDays(7);

  private final ProcessGroupGloo gloo;
  private final Health health;
  private final ControlChannel control;
  private final Set<Message> waiting = new HashSet<>();
  private final AtomicLong sent = new AtomicLong();

  /**
   * Connects all ranks.
   *
   * @param address of this machine, as other ranks reach it
   */
  GlooTransport(
      Store store, int rank, int size, String address, Health health, ControlChannel control) {
    this.health = health;
    this.control = control;
    try (Milliseconds patience = new Milliseconds(PATIENCE.toMillis());
        ProcessGroupGloo.Options options = ProcessGroupGloo.Options.create(patience);
        GlooDeviceVector devices = new GlooDeviceVector()) {
      devices.push_back(ProcessGroupGloo.createDeviceForHostname(address));
      options.devices(devices);
      options.threads(2);
      gloo = new ProcessGroupGloo(store, rank, size, options);
    } catch (RuntimeException e) {
      throw health.explain(
          "rank " + rank + " could not be connected to the others (" + firstLine(e) + ")", e);
    }
    health.onFailure(this::giveUp);
    control.onLeft(this::left);
  }

  private void left(int who) {
    synchronized (waiting) {
      waiting.stream().filter(m -> m.peer == who).forEach(Message::watchForMissing);
    }
  }

  static String firstLine(Throwable e) {
    String message = String.valueOf(e.getMessage());
    String first = message.lines().findFirst().orElse("");
    return first.replaceFirst("^\\[/\\S+:\\d+\\] ", ""); // where in the source it was thrown
  }

  Transfer send(HostBuffer from, int to, int tag) {
    sent.addAndGet(from.bytes().capacity());
    return new Message(from, to, tag, true);
  }

  Transfer receive(HostBuffer into, int from, int tag) {
    return new Message(into, from, tag, false);
  }

  long bytesSent() {
    return sent.get();
  }

  private void giveUp() {
    Set<Message> all;
    synchronized (waiting) {
      all = new HashSet<>(waiting);
    }
    all.forEach(Message::abort);
  }

  void close(boolean failed) {
    if (!failed) {
      gloo.close(); // a failed one may hold what other threads still wait for
    }
  }

  /** A message under way. */
  private final class Message implements Transfer {
    @SuppressWarnings("UnusedVariable") // held, not read
    private final HostBuffer memory; // while libtorch reads or writes it

    private final int peer;
    private final BytePointer pointer;
    private final Tensor tensor;
    private final TensorVector tensors;
    private final Work work;
    private boolean freed;

    Message(HostBuffer memory, int peer, int tag, boolean sends) {
      health.check();
      this.memory = memory;
      this.peer = peer;
      this.pointer = new BytePointer(memory.bytes());
      this.tensor = torch.from_blob(pointer, new long[] {memory.count()});
      this.tensors = new TensorVector(tensor);
      try {
        this.work = sends ? gloo.send(tensors, peer, tag) : gloo.recv(tensors, peer, tag);
      } catch (RuntimeException e) {
        free();
        throw failed(e);
      }
      synchronized (waiting) {
        waiting.add(this);
      }
      if (control.hasLeft(peer)) {
        watchForMissing();
      }
    }

    @Override
    public void await() {
      boolean arrived = false;
      RuntimeException cause = null;
      try {
        if (!health.isOver()) {
          arrived = work._wait();
        }
      } catch (RuntimeException e) {
        cause = e;
      }
      synchronized (waiting) {
        waiting.remove(this);
      }
      synchronized (this) {
        work.close();
        free();
      }
      if (!arrived) {
        throw failed(cause);
      }
    }

    private void watchForMissing() {
      Thread watch =
          new Thread(() -> control.missed(peer, this::isWaiting), "peltast-missing-" + peer);
      watch.setDaemon(true);
      watch.start();
    }

    private boolean isWaiting() {
      synchronized (waiting) {
        return waiting.contains(this);
      }
    }

    private ParallelException failed(@Nullable RuntimeException cause) {
      return health.explain(
          control.hasLeft(peer)
              ? ControlChannel.leftTooEarly(peer)
              : "the connection to rank "
                  + peer
                  + " broke"
                  + (cause == null ? "" : " (" + firstLine(cause) + ")"),
          cause);
    }

    synchronized void abort() {
      if (!freed) {
        work.abort();
      }
    }

    private synchronized void free() {
      freed = true;
      tensors.close();
      tensor.close();
      pointer.close();
    }
  }
}
