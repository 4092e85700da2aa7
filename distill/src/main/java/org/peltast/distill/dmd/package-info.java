/** Distribution matching distillation: the paper's equation 8 as a list of terms, and DMD2. */
@org.jspecify.annotations.NullMarked
package org.peltast.distill.dmd;
