/**
 * What an update is made of, one operator at a time, under JMH. To measure another operator or
 * kernel, add a constant to {@link org.peltast.bench.kernels.Operator}: name, input, and what it computes.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.bench.kernels;
