/**
 * What a run leaves to look at: one HTML file that needs nothing else, and picture grids.
 *
 * <p>{@link org.peltast.report.ReportData} says what is shown, in plain values; {@link
 * org.peltast.report.ReportWriter} draws it. Nothing here knows where the values come from, so the
 * same page serves the demonstration, an evaluation and any other comparison. {@link
 * org.peltast.report.PictureGrid} draws pictures in rows and columns with captions.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.report;
