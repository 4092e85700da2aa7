/**
 * The façade: open a teacher, distil it, save the student, from a Java program of one's own.
 *
 * <pre>{@code
 * try (Teacher teacher = Peltast.open(Path.of("Z-Image"))) {
 *   Distillation run =
 *       Distiller.of(teacher)
 *           .recipe(Recipes.decoupledDmd().steps(4).guidance(4))
 *           .prompts(prompts)
 *           .into(Path.of("output/mine"));
 *   run.onUpdate(u -> System.out.println(u.metric("variance")))
 *       .start()
 *       .student()
 *       .save(Path.of("student"));
 * }
 * }</pre>
 *
 * <ul>
 *   <li>{@link org.peltast.api.Peltast} opens a model folder; {@link org.peltast.api.Teacher} and
 *       {@link org.peltast.api.Student} draw pictures.
 *   <li>{@link org.peltast.api.Recipes} begins a {@link org.peltast.api.Recipe}; {@link
 *       org.peltast.api.Distiller} puts teacher, recipe, data, folder and, if wanted, a method of
 *       one's own together.
 *   <li>{@link org.peltast.api.Distillation} runs, or goes on, in its folder, and reports an {@link
 *       org.peltast.api.Update} after each update.
 * </ul>
 *
 * <p>Mistakes are exceptions whose message is one sentence that names the thing and the mend:
 * {@link org.peltast.runs.RunException} of recipes and runs, {@link
 * org.peltast.models.ModelException} of model folders, {@link org.peltast.data.DataException} of
 * prompts and pictures, {@link org.peltast.tensor.TensorException} of tensors, memory and devices.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.api;
