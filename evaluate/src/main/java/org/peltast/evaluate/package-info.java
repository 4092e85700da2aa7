/** Measures: the contrastive judge, Frechet distance, alignment, diversity, benchmarks. */
@org.jspecify.annotations.NullMarked
package org.peltast.evaluate;
