/** The mathematics of diffusion: noise paths, predictions, guidance, step grids, samplers. */
@org.jspecify.annotations.NullMarked
package org.peltast.diffusion;
