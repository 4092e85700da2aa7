package org.peltast.tensor;

import java.util.List;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.OperatorHandle;
import org.bytedeco.pytorch.TensorList;
import org.bytedeco.pytorch.Type;
import org.jspecify.annotations.Nullable;

/** The native pass behind {@link Internals#adamW}, called by its name through the dispatcher. */
final class FusedAdamW {
  /** Looked up once: the schema lives as long as the process. */
  private static final OperatorHandle HANDLE =
      Dispatcher.singleton().findSchemaOrThrow("aten::_fused_adamw_", "");

  private FusedAdamW() {}

  static void run(Internals.AdamWStep step, List<Internals.AdamWState> states) {
    if (states.isEmpty()) {
      return;
    }
    Device device = states.get(0).weight().device();
    if (device.kind() == Device.Kind.META) {
      return; // the kernel is for tensors with numbers
    }
    try (Scope s = Scope.open();
        Autograd off = Autograd.off();
        Lists weights = new Lists();
        Lists gradients = new Lists();
        Lists first = new Lists();
        Lists second = new Lists();
        Lists none = new Lists();
        Lists counts = new Lists()) {
      // The kernel takes the number of this step beside each weight; it only reads it.
      Tensor count = Tensor.full((double) step.count(), DType.FLOAT32, device);
      for (Internals.AdamWState state : states) {
        weights.add(state.weight());
        gradients.add(state.gradient());
        first.add(state.first());
        second.add(state.second());
        counts.add(count);
      }
      try (IValueVector stack = new IValueVector()) {
        push(
            stack,
            weights.value(),
            gradients.value(),
            first.value(),
            second.value(),
            none.value(),
            counts.value());
        push(
            stack,
            new IValue(step.learningRate()),
            new IValue(step.beta1()),
            new IValue(step.beta2()),
            new IValue(step.weightDecay()),
            new IValue(step.eps()),
            new IValue(false),
            new IValue(false),
            optional(step.divisor()),
            optional(step.skip()));
        Dispatcher.singleton().callBoxed(HANDLE, stack);
      } catch (RuntimeException e) {
        throw Tensor.failure("AdamW", e);
      }
    }
  }

  private static IValue optional(@Nullable Tensor number) {
    return number == null ? new IValue() : new IValue(number.raw());
  }

  private static void push(IValueVector stack, IValue... values) {
    for (IValue v : values) {
      stack.push_back(v);
      v.close();
    }
  }

  /** A list of tensors for the dispatcher. */
  private static final class Lists implements AutoCloseable {
    private final GenericList list;

    Lists() {
      try (TensorList typed = new TensorList();
          Type.TypePtr element = typed.elementType()) {
        list = new GenericList(element);
      }
    }

    void add(Tensor t) {
      try (IValue v = new IValue(t.raw())) {
        list.push_back(v);
      }
    }

    IValue value() {
      return new IValue(list);
    }

    @Override
    public void close() {
      list.close();
    }
  }
}
