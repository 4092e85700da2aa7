package org.peltast.tensor;

import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.OperatorHandle;

/** The operation behind {@link Internals#softmaxGradient}, called by its name. */
final class SoftmaxGradient {
  /** Looked up once: the schema lives as long as the process. */
  private static final OperatorHandle HANDLE =
      Dispatcher.singleton().findSchemaOrThrow("aten::_softmax_backward_data", "");

  private SoftmaxGradient() {}

  static Tensor of(Tensor gradient, Tensor weights) {
    return Tensor.op(
        "softmaxGradient",
        () -> {
          try (IValueVector stack = new IValueVector();
              IValue dp = new IValue(gradient.raw());
              IValue p = new IValue(weights.raw());
              IValue dim = new IValue(-1L);
              IValue dtype = new IValue((long) weights.dtype().raw().intern().value)) {
            stack.push_back(dp);
            stack.push_back(p);
            stack.push_back(dim);
            stack.push_back(dtype);
            Dispatcher.singleton().callBoxed(HANDLE, stack);
            try (IValue answer = stack.get(0)) {
              return new org.bytedeco.pytorch.Tensor(
                  answer.toTensor()); // that is a part of the stack
            }
          }
        });
  }
}
