/** The peltast command. */
@org.jspecify.annotations.NullMarked
package org.peltast.cli;
