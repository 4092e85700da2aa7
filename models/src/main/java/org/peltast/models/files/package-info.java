/**
 * The files of a model folder's components, of whatever class: {@link
 * org.peltast.models.files.JsonConfig} is a JSON object read key by key, {@link
 * org.peltast.models.files.Weights} reads and writes a network's weights as safetensors.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.models.files;
