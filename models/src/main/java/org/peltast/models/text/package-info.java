/**
 * Text encoders: what turns prompts into the features that networks are conditioned on.
 *
 * <p>A {@link org.peltast.models.text.TextEncoder} turns each prompt into {@link
 * org.peltast.models.text.TokenFeatures}, one vector a token, unpadded, and pooled vectors where it
 * has any; the empty prompt stands for "no condition". {@link
 * org.peltast.models.text.MiniLmEncoder} is the small one that comes with the project, and runs on
 * the processor, offline; {@link org.peltast.models.text.LanguageModelEncoder} is a language model,
 * Qwen3 or Gemma 2, behind its tokenizer and a {@link org.peltast.models.text.PromptFormat}. {@link
 * org.peltast.models.text.TextNetworks} opens such networks by themselves. {@link
 * org.peltast.models.text.CachedTextEncoder} keeps what was encoded, in memory and on disk, under
 * the encoder's id, which names the checksum of its files: a feature is a function of (id, prompt)
 * and of nothing else. {@link org.peltast.models.text.Captions} makes of them what networks are
 * conditioned on.
 *
 * <p>{@link org.peltast.models.text.ClipTextModel} and {@link
 * org.peltast.models.text.ClipTokenizer} are CLIP's, as published models hold them.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.models.text;
