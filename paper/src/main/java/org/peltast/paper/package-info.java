/**
 * The paper's experiments: recipes × seeds × measures × published figures, and the verdicts on its
 * claims.
 *
 * <p>{@link org.peltast.paper.Experiments} names the experiments, which are values: recipes as
 * changes to one, and which figure is drawn of them. {@link org.peltast.paper.Reproduction} runs
 * them and writes figures, data, pages and verdicts. The claims, with measures and thresholds, are
 * in the resource {@code claims.yaml} and were registered before the runs.
 *
 * <p>{@link org.peltast.paper.Probe} looks at the engine of anyone's own model: how large CFG
 * augmentation and distribution matching are at each τ, at which frequencies they push, and which
 * settings follow from that.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.paper;
