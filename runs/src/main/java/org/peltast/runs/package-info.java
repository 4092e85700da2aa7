/**
 * A run, without its tensors: recipe, folder, checkpoints, log, progress.
 *
 * <p>What a trainer needs in order to be repeatable, to survive a kill and to leave something to
 * look at, and what knows nothing of networks. The trainer ({@code org.peltast.distill}) owns the
 * loop and says what a checkpoint contains; this package says how it gets to the disk and back.
 *
 * <ul>
 *   <li>{@link org.peltast.runs.Recipes}: YAML ↔ a tree of records, with defaults in one place,
 *       {@code --set a.b=c}, and a sentence for every mistake. {@link org.peltast.runs.Durations}
 *       and {@link org.peltast.runs.ByteSize} are its units.
 *   <li>{@link org.peltast.runs.RunFolder}: the layout of a run, and its lock. {@link
 *       org.peltast.runs.Checkpoints}: atomic, checksummed, kept or dropped; a damaged one is named
 *       and passed over ({@link org.peltast.runs.TrainingCheckpoint}).
 *   <li>{@link org.peltast.runs.Provenance}, {@link org.peltast.runs.Checksums}: where a result
 *       comes from.
 *   <li>{@link org.peltast.runs.MetricsLog}: {@code metrics.jsonl}, cut back on resuming. {@link
 *       org.peltast.runs.TensorBoardWriter}: the same for TensorBoard, and pictures.
 *   <li>{@link org.peltast.runs.Progress}: how far it is; {@link org.peltast.runs.PlainProgress}
 *       prints lines.
 *   <li>{@link org.peltast.runs.RunException}: a mistake that the user can mend, in one sentence.
 * </ul>
 *
 * <p><b>In the order of a trainer's life.</b> Resolve the recipe; open the folder (a second process
 * is refused); if it has a recipe, go on from {@code checkpoints().latest()}, else store recipe and
 * provenance; open the log at the checkpoint's update; loop: append, and every few minutes {@code
 * log.sync()}, then {@code checkpoints().save(…)}. After any kill, the files are those of an
 * uninterrupted run up to the last checkpoint, and what came after it is written again.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.runs;
