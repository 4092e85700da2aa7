/**
 * The {@code peltast} command: one small class for each subcommand, and what they show.
 *
 * <p>This module may use all others, and none uses it. A command reads its options, calls a module
 * and prints; what it computes itself would be in the wrong place. {@link org.peltast.cli.Launch}
 * is the only public type: the launcher script starts it.
 *
 * <ul>
 *   <li><b>Mistakes.</b> Whatever a user can mend arrives as a module's own unchecked exception
 *       whose message is a sentence; {@code Failures} prints that sentence on standard error.
 *       Anything else is a defect: its trace goes to a file, which is named.
 *   <li><b>Exit codes</b> are in {@code ExitCode}, and the same for every command.
 *   <li><b>Starting fast.</b> {@code --help} loads no native library: a command touches libtorch
 *       when it runs, not when it is described.
 * </ul>
 */
@org.jspecify.annotations.NullMarked
package org.peltast.cli;
