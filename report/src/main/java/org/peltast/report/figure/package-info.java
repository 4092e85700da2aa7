/**
 * Figures for print: panels of curves, of values with intervals and of pictures, written as SVG and
 * as PNG from one description.
 *
 * <p>{@link org.peltast.report.figure.Figure} says what is shown; {@link
 * org.peltast.report.figure.FigureWriter} draws it. Series are told apart by colour (Okabe and Ito,
 * 2008, which all kinds of colour vision tell apart), by dashes and by markers, so that a figure
 * can be read in grey too.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.report.figure;
