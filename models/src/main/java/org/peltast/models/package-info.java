/**
 * Model families with their networks, and the folder layout of diffusers.
 *
 * <p><b>Models.</b> {@link org.peltast.models.ModelFolder} reads and writes a whole model, and
 * opens it as a {@link org.peltast.models.TextToImage}: network, codec, text encoder and the {@link
 * org.peltast.models.GenerationSettings} that the model is meant for. Each picture has a random
 * stream of its own ({@link org.peltast.models.PictureStreams}), so what is drawn beside it does
 * not change it.
 *
 * <p><b>Families.</b> Networks are in packages of their own, as {@link org.peltast.models.zimage},
 * and known elsewhere as a {@link org.peltast.models.Backbone}, which tells its {@link
 * org.peltast.models.ItemCost}. A {@link org.peltast.models.ModelFamily} is the plug: it opens,
 * writes, measures and configures them, and its Javadoc says what a new one provides; {@link
 * org.peltast.models.ModelFamilies} finds them. {@link org.peltast.models.NetworkRecipe} is a
 * network to be trained from nothing. {@link org.peltast.models.Schedulers} reads noise path,
 * prediction and shift from the scheduler's file. For a family's own files there are {@link
 * org.peltast.models.files.JsonConfig}, {@link org.peltast.models.files.Weights} and {@link
 * org.peltast.models.GoldenFile}.
 *
 * <p><b>Codecs and text.</b> A {@link org.peltast.models.codec.Codec} turns pictures into latents
 * and back; {@link org.peltast.models.codec} has them all. A {@link
 * org.peltast.models.text.TextEncoder} turns prompts into features; {@link org.peltast.models.text}
 * has them, the cache of features, and the conditions that are made of them.
 *
 * <p><b>Parity.</b> {@link org.peltast.models.Verification} feeds golden files to a checkpoint's
 * components and compares every output with the reference's. Mistakes in folders and files are told
 * in one sentence, by a {@link org.peltast.models.ModelException}.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.models;
