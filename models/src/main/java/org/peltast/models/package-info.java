/**
 * Model families with their networks, text encoders, latent codecs, and the folder layout of
 * diffusers.
 *
 * <p><b>Models.</b> {@link org.peltast.models.ModelFolder} reads and writes a whole model, and
 * opens it as a {@link org.peltast.models.TextToImage}: network, codec, text encoder and the {@link
 * org.peltast.models.GenerationSettings} that the model is meant for. The noise of picture i is a
 * function of (seed, i), so batches do not change pictures.
 *
 * <p><b>Families.</b> Networks are in packages of their own, as {@link org.peltast.models.zimage},
 * and known elsewhere as a {@link org.peltast.models.Backbone}, which tells its {@link
 * org.peltast.models.ItemCost}. A {@link org.peltast.models.ModelFamily} is the plug: it opens,
 * writes, measures and configures them, and its Javadoc says what a new one provides; {@link
 * org.peltast.models.ModelFamilies} finds them. {@link org.peltast.models.NetworkRecipe} is a
 * network to be trained from nothing. {@link org.peltast.models.Schedulers} reads noise path,
 * prediction and shift from the scheduler's file. For a family's own files there are {@link
 * org.peltast.models.JsonConfig}, {@link org.peltast.models.Weights} and {@link
 * org.peltast.models.GoldenFile}.
 *
 * <p><b>Codecs.</b> A {@link org.peltast.models.Codec} turns pictures in [0, 1] into latents and
 * back: {@link org.peltast.models.PixelCodec}, {@link org.peltast.models.Taef2Codec} (its weights
 * come with the project) and {@link org.peltast.models.AutoencoderKl}. Networks see latents
 * normalised by channel; a {@link org.peltast.models.NormalisedCodec} is codec and {@link
 * org.peltast.models.Normalisation} in one, so that training and generation cannot disagree.
 *
 * <p><b>Text.</b> A {@link org.peltast.models.TextEncoder} turns each prompt into {@link
 * org.peltast.models.TokenFeatures}, one vector a token, unpadded, and pooled vectors where it has
 * any; the empty prompt stands for "no condition". {@link org.peltast.models.MiniLmEncoder} is the
 * small one that comes with the project, and runs on the processor, offline. {@link
 * org.peltast.models.CachedTextEncoder} keeps what was encoded, in memory and on disk, under the
 * encoder's id, which names the checksum of its files: a feature is a function of (id, prompt) and
 * of nothing else. {@link org.peltast.models.Captions} makes of them what networks are conditioned
 * on.
 *
 * <p><b>Parity.</b> {@link org.peltast.models.Verification} feeds golden files to a checkpoint's
 * components and compares every output with the reference's. Mistakes in folders and files are told
 * in one sentence, by a {@link org.peltast.models.ModelException}.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.models;
