package org.peltast.data;

/**
 * One drawing of an icon set.
 *
 * @param family the set's name
 * @param name the drawing's name in the set
 * @param body the SVG inside the {@code svg} element
 * @param left of the view box, in the drawing's units, as the next three
 */
record Icon(
    String family,
    String name,
    String body,
    double left,
    double top,
    double width,
    double height) {}
