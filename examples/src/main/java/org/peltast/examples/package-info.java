/** Programs that use Peltast as a library; each begins in a {@code main} of its own. */
@org.jspecify.annotations.NullMarked
package org.peltast.examples;
