package org.peltast.models.text;

/**
 * What a text encoder takes, known without its weights.
 *
 * @param tokens that a prompt gives at most
 * @param bytes of its weights as they are kept while it encodes
 * @param rests whether it gives them back before training begins
 */
public record TextOutline(int tokens, long bytes, boolean rests) {}
