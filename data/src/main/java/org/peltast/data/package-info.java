/**
 * Captioned images, prompt lists, and the built-in emoji corpus.
 *
 * <p>{@link org.peltast.data.Prompts} are captions numbered from 0; {@link
 * org.peltast.data.CaptionedImages} add a picture of one common size to each. Three sources give
 * them:
 *
 * <ul>
 *   <li>{@link org.peltast.data.EmojiCorpus}: 10,911 emoji of eight permissively licensed
 *       {@linkplain org.peltast.data.EmojiFamily families}, drawn from a jar on first use. Some
 *       (family, concept) pairs are held out, though both the family and the concept are trained
 *       on.
 *   <li>{@link org.peltast.data.ImageFolder}: any folder of pictures with captions.
 *   <li>{@link org.peltast.data.PromptList}: any file of prompts, without pictures.
 * </ul>
 *
 * <p>What a step trains on is a function of the seed and the step, and of nothing that came before:
 * {@link org.peltast.data.Batches}, or {@link org.peltast.data.BucketBatches} for pictures of
 * several sizes. {@link org.peltast.data.PixelBatches} turns bytes into the floats of a network's
 * input.
 *
 * <p>Prepared pictures lie in the {@linkplain org.peltast.data.CacheFolder cache folder} in
 * memory-mapped files that are written atomically and whose checksum is verified on opening; {@link
 * org.peltast.data.Preparation} hears how far the preparing is. A user's mistake is a {@link
 * org.peltast.data.DataException} whose message is one sentence.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.data;
