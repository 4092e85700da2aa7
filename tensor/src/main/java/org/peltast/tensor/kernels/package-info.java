/**
 * Kernels that do in one pass over memory what libtorch's operators do in five or ten, for networks
 * so small that passes, not products, take the time. Written with the JDK's Vector API, which must
 * be switched on ({@code --add-modules jdk.incubator.vector}); {@link
 * org.peltast.tensor.kernels.Fused#obstacle} says whether it is. Products stay {@link
 * org.peltast.tensor.Matrices}' own.
 *
 * <p>Each kernel has its formula in its Javadoc: {@link org.peltast.tensor.kernels.Norms} (what
 * stands between sub-layers: an answer joins the stream, the stream is normed), {@link
 * org.peltast.tensor.kernels.Rotary} (queries' and keys' norm and rotation, by {@link
 * org.peltast.tensor.kernels.RotaryTable}), {@link org.peltast.tensor.kernels.Softmax}, {@link
 * org.peltast.tensor.kernels.Gate} (SwiGLU), {@link org.peltast.tensor.kernels.Modulations} (what
 * time makes of norms' weights). Sizes are checked before anything is read. Results do not depend
 * on what the JVM has compiled when.
 *
 * <p>What products read or write is a matrix in kept memory ({@link
 * org.peltast.tensor.HostBuffer}), float32 or bfloat16 as that says; the stream, statistics and
 * {@link org.peltast.tensor.kernels.Factor}s, which no product sees, are float32 arrays of Java's.
 * Kernels compute in float32: {@code RowBuffer} shows their loops a few rows of a matrix as float32
 * numbers in an array in the nearest cache, and puts back what they changed. So there is one loop
 * for both.
 *
 * <p>The loops over rows are methods called {@code …Rows}, to be compiled one by one: the second
 * compiler gives up inlining after so many nodes and puts vectors in objects then. So nothing but
 * plain numbers and arrays goes in and out of them, and launchers add {@code
 * -XX:CompileCommand=dontinline,org.peltast.tensor.kernels.*::*Rows}; without it the kernels take
 * up to twice the time.
 *
 * <p>Tried on Java 17 and 25, where results are the same bits.
 *
 * <p>They know nothing of gradients' bookkeeping: {@link org.peltast.tensor.CustomGradient} does.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.tensor.kernels;
