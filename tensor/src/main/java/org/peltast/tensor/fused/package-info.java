/**
 * Kernels that do in one pass over memory what libtorch's operators do in five or ten, for networks
 * so small that passes, not products, take the time. Written with the JDK's Vector API, which must
 * be switched on ({@code --add-modules jdk.incubator.vector}); {@link
 * org.peltast.tensor.fused.Fused#obstacle} says whether it is. Products stay libtorch's.
 *
 * <p>Each kernel has its formula in its Javadoc, and works on {@link org.peltast.tensor.Floats}:
 * {@link org.peltast.tensor.fused.Norms} (root-mean-square norm, factor, residual), {@link
 * org.peltast.tensor.fused.Rotary} (queries' and keys' norm, rotation and layout), {@link
 * org.peltast.tensor.fused.Softmax}, {@link org.peltast.tensor.fused.Gate} (SwiGLU). Sizes are
 * checked before anything is read. Results do not depend on what the JVM has compiled when.
 *
 * <p>Rows are float32 or bfloat16, each matrix as its memory says; factors, their gradients and
 * statistics are float32. Kernels compute in float32: {@code Window} shows their loops a few rows
 * as float32 numbers in an array in the nearest cache, and puts back what they changed. So there is
 * one loop for both.
 *
 * <p>The loops over rows are methods called {@code …Rows}, to be compiled one by one: the second
 * compiler gives up inlining after so many nodes and puts vectors in objects then. So nothing but
 * plain numbers and arrays goes in and out of them, and launchers add {@code
 * -XX:CompileCommand=dontinline,org.peltast.tensor.fused.*::*Rows}; without it the kernels take up
 * to twice the time.
 *
 * <p>Tried on Java 17 and 25, where results are the same bits.
 *
 * <p>They know nothing of gradients' bookkeeping: {@link org.peltast.tensor.CustomGradient} does.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.tensor.fused;
