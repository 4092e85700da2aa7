/**
 * Reading and writing the safetensors format, single files and sharded checkpoints.
 *
 * <p>A safetensors file is eight bytes of length, a JSON header, and the values of all tensors one
 * after the other. This module knows the format and nothing of what the tensors mean; it needs the
 * JDK and a JSON parser, and is useful on its own.
 *
 * <p>To read, open a {@link org.peltast.safetensors.Checkpoint}: a file, an index of shards, or a
 * folder that holds one of them. Opening reads the headers; values are mapped, and come from disk
 * when they are touched, whatever the size of the file.
 *
 * <pre>{@code
 * try (Checkpoint checkpoint = Checkpoint.open(Path.of("transformer"))) {
 *   TensorInfo info = checkpoint.require("x_embedder.weight"); // name, type, shape
 *   ByteBuffer values = checkpoint.data(info.name());          // little-endian, read-only
 * }
 * }</pre>
 *
 * <p>To write, say of each tensor what it is and where its bytes come from; {@link
 * org.peltast.safetensors.SafetensorsWriter} asks for them one after the other, so a checkpoint
 * need never be in memory whole. The file appears complete or not at all.
 *
 * <pre>{@code
 * TensorInfo info = TensorInfo.of("x_embedder.weight", SafetensorsType.BF16, 256, 32);
 * SafetensorsWriter.write(file, Map.of("format", "pt"), List.of(TensorData.of(info, () -> values)));
 * }</pre>
 *
 * <ul>
 *   <li>{@link org.peltast.safetensors.Checkpoint}, {@link
 *       org.peltast.safetensors.SafetensorsFile}: tensors on disk, open for reading.
 *   <li>{@link org.peltast.safetensors.TensorInfo}, {@link
 *       org.peltast.safetensors.SafetensorsType}: what a file says of a tensor.
 *   <li>{@link org.peltast.safetensors.SafetensorsWriter}, {@link
 *       org.peltast.safetensors.TensorData}: writing, in one file or in shards.
 *   <li>{@link org.peltast.safetensors.Inspection}: a checkpoint as lines of text.
 *   <li>{@link org.peltast.safetensors.CheckpointSearch}: the checkpoints in a folder.
 *   <li>{@link org.peltast.safetensors.SafetensorsException}: the one exception for every file that
 *       is malformed, missing or cannot be written, with file, tensor, reason and remedy.
 * </ul>
 *
 * <p>Files are laid out byte for byte as the reference library lays them out. An empty metadata map
 * is left out of a file; several entries are written in the map's order, where the library's own
 * order is chance. A header that could be read in two ways is refused: see {@code Header}.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.safetensors;
