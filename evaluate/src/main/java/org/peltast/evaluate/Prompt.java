package org.peltast.evaluate;

/**
 * What a picture was asked for.
 *
 * @param caption the words
 * @param family the style asked for, by the name that the judge knows it by; empty if none was
 */
public record Prompt(String caption, String family) {}
