/**
 * The application layer: turns recipes into running teacher trainings and distillations, and knows
 * nothing of command lines.
 *
 * <ul>
 *   <li>Recipes, one record each: {@link org.peltast.training.TeacherRecipe}, {@link
 *       org.peltast.training.DistillRecipe}, {@link org.peltast.training.DataRecipe}.
 *   <li>Runs: {@link org.peltast.training.TeacherTraining}, {@link
 *       org.peltast.training.Distillation}, {@link org.peltast.training.Demo}.
 *   <li>{@link org.peltast.training.Corpus}: the pictures and prompts that a recipe names. {@link
 *       org.peltast.training.Devices}: the device that it names. {@link
 *       org.peltast.training.Origin}: where a run's results come from.
 * </ul>
 */
@org.jspecify.annotations.NullMarked
package org.peltast.training;
