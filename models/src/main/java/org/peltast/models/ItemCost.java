package org.peltast.models;

/**
 * What one item of a batch costs a network, computed from its shape and not measured.
 *
 * @param readOperations floating-point operations of reading the caption, without gradients; a
 *     product of matrices is 2 for each multiply-add
 * @param forwardOperations floating-point operations of one evaluation, without gradients
 */
public record ItemCost(double readOperations, double forwardOperations) {}
