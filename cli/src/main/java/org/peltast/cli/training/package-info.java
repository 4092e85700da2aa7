/** Where the rooms meet: recipes become runs of the one trainer. */
@org.jspecify.annotations.NullMarked
package org.peltast.cli.training;
