package org.peltast.tensor.parallel;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.peltast.tensor.DType;
import org.peltast.tensor.HostBuffer;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;

/**
 * The processes that train one model together (a communicator), as one of them sees them: its rank,
 * their number, and collective operations.
 *
 * <p>Collective operations are called by all ranks in the same order, by one thread at a time. Each
 * throws a {@link ParallelException} of one sentence, naming the rank, once any rank has failed.
 */
public abstract class ProcessGroup implements AutoCloseable {
  private static final Duration JOINING = Duration.ofMinutes(2);

  ProcessGroup() {}

  /** One process by itself: every operation is trivial and costs nothing. */
  public static ProcessGroup alone() {
    return SingleProcess.ONLY;
  }

  /**
   * The group that torchrun's or {@code peltast launch}'s environment variables describe: RANK,
   * WORLD_SIZE, MASTER_ADDR, MASTER_PORT and, if there, LOCAL_RANK. Without RANK and WORLD_SIZE, or
   * with a WORLD_SIZE of 1, {@link #alone}. Waits until all ranks have joined.
   *
   * @throws ParallelException if a variable is missing or wrong, or a rank does not come within two
   *     minutes
   */
  public static ProcessGroup fromEnvironment() {
    return join(System.getenv(), JOINING);
  }

  static ProcessGroup join(Map<String, String> environment, Duration patience) {
    Membership membership = Membership.of(environment);
    return membership.size() == 1 ? alone() : new JoinedProcesses(membership, patience);
  }

  /** This process's number, from 0. */
  public abstract int rank();

  /** The number of processes. */
  public abstract int size();

  /** This process's number among those on the same machine: which GPU it takes. */
  public abstract int localRank();

  /** Whether this is rank 0, which decides and writes. */
  public final boolean isFirst() {
    return rank() == 0;
  }

  /**
   * Sums a tensor over all ranks, in place and in the order of ranks: the same bits everywhere.
   *
   * @param tensor float32, of the same shape on all ranks
   */
  public final void allReduceSum(Tensor tensor) {
    requireFloat32("allReduceSum", tensor);
    sum(tensor);
  }

  /**
   * Overwrites a tensor by a rank's, bit for bit.
   *
   * @param tensor float32, of the same shape on all ranks
   * @param from the rank that has the values
   */
  public final void broadcast(Tensor tensor, int from) {
    requireFloat32("broadcast", tensor);
    if (from < 0 || from >= size()) {
      throw new TensorException("broadcast: there is no rank " + from + " of " + size());
    }
    spread(tensor, from);
  }

  private static void requireFloat32(String operation, Tensor tensor) {
    if (tensor.dtype() != DType.FLOAT32) {
      throw new TensorException(operation + " needs a float32 tensor, got " + tensor);
    }
  }

  /**
   * What rank 0 decides, on all ranks.
   *
   * @param what is decided: the same on all ranks, for messages
   * @param onRank0 called there alone
   */
  public abstract byte[] decide(String what, Supplier<byte[]> onRank0);

  /** The text that rank 0 decides on, as {@link #decide}. */
  public String decideText(String what, Supplier<String> onRank0) {
    return text(decide(what, () -> bytes(onRank0.get())));
  }

  /** Yes or no, as {@link #decide}. */
  public boolean decideIf(String what, BooleanSupplier onRank0) {
    return decide(what, () -> new byte[] {(byte) (onRank0.getAsBoolean() ? 1 : 0)})[0] == 1;
  }

  /**
   * What each rank has, of any size, on all ranks, in the order of ranks.
   *
   * @param what is gathered: the same on all ranks, for messages
   */
  public abstract List<byte[]> gather(String what, byte[] own);

  /** Each rank's text, as {@link #gather}. */
  public List<String> gatherText(String what, String own) {
    return gather(what, bytes(own)).stream().map(ProcessGroup::text).toList();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /**
   * Waits until all ranks are here.
   *
   * @param what for messages, the same on all ranks
   */
  public void barrier(String what) {
    gather(what, new byte[0]);
  }

  /**
   * Does nothing while all ranks work.
   *
   * @throws ParallelException if one has failed
   */
  public abstract void check();

  /**
   * Ends the work of all ranks because this one cannot go on; each throws an exception of this
   * sentence after "rank N failed: " from its present or next operation. The first failure counts.
   *
   * @param sentence why
   */
  public abstract void abort(String sentence);

  /** The bytes that this rank has sent so far. */
  public abstract long bytesSent();

  /** Leaves the group; the others go on until they need this rank. Closing twice does nothing. */
  @Override
  public abstract void close();

  // ------------------------------------------------------------- for this package

  abstract void sum(Tensor tensor);

  abstract void spread(Tensor tensor, int from);

  /** Numbers for {@link #send} and {@link #receive} that nobody else uses; a collective call. */
  abstract int reserveTags(int count);

  /** Begins to send all of a memory, which is not to be changed until it was awaited. */
  abstract Transfer send(HostBuffer from, int to, int tag);

  /** Begins to receive into a memory what was sent with the same tag. */
  abstract Transfer receive(HostBuffer into, int from, int tag);
}
