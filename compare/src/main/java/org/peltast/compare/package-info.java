/**
 * Models measured alike, and compared.
 *
 * <ul>
 *   <li>{@link org.peltast.compare.Comparison}: a model, or several seeds of one, beside real
 *       pictures and other models, in tables and JSON; what {@code peltast evaluate} prints.
 *   <li>{@link org.peltast.compare.Trial}: what all are measured on, prompts with their real
 *       pictures.
 *   <li>{@link org.peltast.compare.Candidate}: a model with settings, and its figures in a trial.
 *   <li>{@link org.peltast.compare.Differences} between two, prompt by prompt.
 * </ul>
 */
@org.jspecify.annotations.NullMarked
package org.peltast.compare;
