/**
 * Tensors, scoped native memory, random streams, layers and optimisers: the one room that sees
 * libtorch.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.tensor;
