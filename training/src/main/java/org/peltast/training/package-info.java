/**
 * The application layer: turns recipes into running teacher trainings and distillations, and knows
 * nothing of command lines.
 *
 * <ul>
 *   <li>Recipes, one record each: {@link org.peltast.training.TeacherRecipe} and {@link
 *       org.peltast.training.DistillRecipe}, made of {@link org.peltast.training.DataRecipe},
 *       {@link org.peltast.training.RoleRecipe}, {@link org.peltast.training.RunRecipe}, {@link
 *       org.peltast.training.GuardRecipe} and, for how a teacher is distilled, {@link
 *       org.peltast.training.MethodRecipe}.
 *   <li>{@code Assembly}: the one place where a recipe's words become networks, roles and a {@link
 *       org.peltast.distill.Method}. A new method is a kind of {@code MethodRecipe} and a case
 *       there.
 *   <li>Runs: {@link org.peltast.training.TeacherTraining}, {@link
 *       org.peltast.training.StudentTraining}, with their {@link org.peltast.training.Events} for
 *       TensorBoard.
 *   <li>Data: {@link org.peltast.training.Corpus}, the pictures and prompts that a recipe names,
 *       with {@link org.peltast.training.Examples} of them to look at; {@link
 *       org.peltast.training.LatentCorpus}, pictures as latents, in a cache; {@link
 *       org.peltast.training.Pictures}, tensors as pictures.
 *   <li>{@link org.peltast.training.Devices}: the device that a recipe names. {@link
 *       org.peltast.training.Origin}: where a run's results come from.
 *   <li>Programs of one's own begin at the façade, {@code org.peltast.api}; their methods are made
 *       from a {@link org.peltast.training.MethodContext}. {@link
 *       org.peltast.training.SettledRecipe}: the recipe that a folder is run with.
 * </ul>
 */
@org.jspecify.annotations.NullMarked
package org.peltast.training;
