/** Reading and writing the safetensors format, single files and sharded checkpoints. */
@org.jspecify.annotations.NullMarked
package org.peltast.safetensors;
