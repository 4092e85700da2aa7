/** Distillation: roles, the engine and its regularisers, methods, the trainer, checkpoints. */
@org.jspecify.annotations.NullMarked
package org.peltast.distill;
