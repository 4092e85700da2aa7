package org.peltast.tensor;

import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Storage;
import org.jspecify.annotations.Nullable;

/**
 * Counts the bytes that tensors on the {@linkplain Device#META meta device} would hold: those that
 * this thread has made since this was opened and that somebody still holds, a {@link Scope} or a
 * graph that waits for its backward pass. Memory that several tensors share counts once.
 *
 * <p>Who holds what is libtorch's own count of references, which is asked when the sum of all that
 * was made exceeds the largest sum known by a hundredth; so {@link #peak} is exact to that, and
 * costs little. What libtorch makes and frees inside of one operation or of a backward pass is not
 * seen.
 */
public final class MetaMemory implements AutoCloseable {
  private static final ThreadLocal<@Nullable MetaMemory> CURRENT = new ThreadLocal<>();

  /** Where and how much of the sum may be unknown. */
  private static final double TOLERANCE = 1.01;

  /**
   * What somebody held when it was last asked.
   *
   * @param own a handle, which keeps the address from being used again
   * @param storage what the handle refers to; not an owner
   */
  private record Held(org.bytedeco.pytorch.Tensor own, Storage storage, long bytes) {}

  private final Map<Long, Held> held = new HashMap<>(); // by address
  private long sum; // of what is held, and of what was since the last count
  private long peak;
  private long mostAgain; // at once, while one was computed again

  private final Device standsFor;

  private MetaMemory(Device standsFor) {
    this.standsFor = standsFor;
  }

  /**
   * Begins to count what this thread makes.
   *
   * @param standsFor where the tensors would really lie: networks made meanwhile keep what they
   *     keep there, also where they have kernels of their own
   * @throws IllegalStateException if it is being counted already
   */
  public static MetaMemory open(Device standsFor) {
    if (CURRENT.get() != null) {
      throw new IllegalStateException("this thread's meta tensors are counted already");
    }
    MetaMemory memory = new MetaMemory(standsFor);
    CURRENT.set(memory);
    return memory;
  }

  /** What a device stands for: itself, but for the meta device while this thread is counted. */
  public static Device standsFor(Device device) {
    MetaMemory memory = CURRENT.get();
    return memory == null || device.kind() != Device.Kind.META ? device : memory.standsFor;
  }

  /** A tensor was made, perhaps a view of another. */
  static void made(org.bytedeco.pytorch.Tensor raw) {
    MetaMemory memory = CURRENT.get();
    if (memory != null) {
      memory.add(raw);
    }
  }

  private void add(org.bytedeco.pytorch.Tensor raw) {
    Storage storage = raw.storage();
    long address = storage.unsafeGetStorageImpl().address();
    if (held.containsKey(address)) {
      return;
    }
    org.bytedeco.pytorch.Tensor own = raw.detach();
    long bytes = storage.nbytes();
    held.put(address, new Held(own, own.storage(), bytes));
    sum += bytes;
    if (sum > peak * TOLERANCE) {
      live();
    }
  }

  /** Computes a block a second time, for the backward pass, and notes the most that it takes. */
  public static Tensor again(Supplier<Tensor> body) {
    MetaMemory memory = CURRENT.get();
    if (memory == null) {
      return Scope.compute(body);
    }
    long before = memory.live();
    long peak = memory.peak;
    memory.peak = 0;
    Tensor answer = Scope.compute(body);
    memory.mostAgain = Math.max(memory.mostAgain, memory.peak() - before);
    memory.peak = Math.max(memory.peak, peak);
    return answer;
  }

  /**
   * The most that computing one block {@linkplain #again again} took, since the last {@link
   * #begin}.
   */
  public long mostAgain() {
    return mostAgain;
  }

  /** The bytes that are held now. */
  public long live() {
    Iterator<Held> all = held.values().iterator();
    while (all.hasNext()) {
      Held one = all.next();
      if (one.storage().use_count() == 1) { // this alone
        sum -= one.bytes();
        one.own().close();
        all.remove();
      }
    }
    peak = Math.max(peak, sum);
    return sum;
  }

  /** The most that was held at once, since the beginning or the last {@link #begin}. */
  public long peak() {
    live();
    return peak;
  }

  /** Looks for a peak anew. */
  public void begin() {
    peak = 0;
    mostAgain = 0;
    live();
  }

  @Override
  public void close() {
    held.values().forEach(one -> one.own().close());
    held.clear();
    CURRENT.remove();
  }
}
