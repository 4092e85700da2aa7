package org.peltast.models.files;

import java.util.List;
import java.util.function.Function;

/**
 * A component of a model folder as it lies in a single file for ComfyUI.
 *
 * @param component its folder, such as {@code unet}
 * @param prefix what stands before all names of its tensors in the file
 * @param tensors the tensors of the file from the names of the component's own
 */
public record SingleFilePart(
    String component, String prefix, Function<List<String>, List<ForeignTensor>> tensors) {}
