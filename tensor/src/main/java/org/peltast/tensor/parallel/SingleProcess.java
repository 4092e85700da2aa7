package org.peltast.tensor.parallel;

import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.peltast.tensor.HostBuffer;
import org.peltast.tensor.Tensor;

/** A process group of one. */
final class SingleProcess extends ProcessGroup {
  static final ProcessGroup ONLY = new SingleProcess();

  private SingleProcess() {}

  @Override
  public int rank() {
    return 0;
  }

  @Override
  public int size() {
    return 1;
  }

  @Override
  public int localRank() {
    return 0;
  }

  @Override
  public byte[] decide(String what, Supplier<byte[]> onRank0) {
    return onRank0.get();
  }

  @Override
  public String decideText(String what, Supplier<String> onRank0) {
    return onRank0.get();
  }

  @Override
  public boolean decideIf(String what, BooleanSupplier onRank0) {
    return onRank0.getAsBoolean();
  }

  @Override
  public List<byte[]> gather(String what, byte[] own) {
    return List.of(own);
  }

  @Override
  public List<String> gatherText(String what, String own) {
    return List.of(own);
  }

  @Override
  public void barrier(String what) {}

  @Override
  public void check() {}

  @Override
  public void abort(String sentence) {}

  @Override
  public long bytesSent() {
    return 0;
  }

  @Override
  public void close() {}

  @Override
  void sum(Tensor tensor) {}

  @Override
  void spread(Tensor tensor, int from) {}

  @Override
  int reserveTags(int count) {
    return 0;
  }

  @Override
  Transfer send(HostBuffer from, int to, int tag) {
    throw new IllegalStateException("one process alone sends nothing");
  }

  @Override
  Transfer receive(HostBuffer into, int from, int tag) {
    throw new IllegalStateException("one process alone receives nothing");
  }
}
