package org.peltast.models;

/**
 * What one item of a batch costs a network, computed from its shape and not measured.
 *
 * @param trainingBytes memory that an evaluation keeps for its backward pass, in float32; an
 *     estimate from above
 * @param readOperations floating-point operations of reading the caption, without gradients; a
 *     product of matrices is 2 for each multiply-add
 * @param forwardOperations floating-point operations of one evaluation, without gradients
 */
public record ItemCost(long trainingBytes, double readOperations, double forwardOperations) {}
