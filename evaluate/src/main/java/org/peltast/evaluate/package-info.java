/**
 * Measures of generated pictures: a judge network, distances and scores in its features, intervals,
 * and speed.
 *
 * <p><b>The judge.</b> The networks that the literature measures with (Inception for FID, CLIP) do
 * not come with this project, and were not made for 64-pixel drawings. {@link
 * org.peltast.evaluate.Judge} is our own contrastive image–text network of a {@link
 * org.peltast.evaluate.JudgeConfig}, trained on the training split ({@link
 * org.peltast.evaluate.JudgeTraining}, a {@link org.peltast.distill.Method} of one phase that sees
 * the whole batch; {@link org.peltast.evaluate.JudgeRun} runs it) and kept in a {@link
 * org.peltast.evaluate.JudgeFolder}. Its figures carry its name ("Fréchet, emoji-clip") and are
 * never called FID or CLIP score.
 *
 * <p>Captions are read by a text encoder, either a generator's or the judge's own {@link
 * org.peltast.evaluate.HashedNGrams}.
 *
 * <p><b>Measuring.</b> An {@link org.peltast.evaluate.Evaluation} holds one judge, one reference
 * ({@link org.peltast.evaluate.GaussianStatistics} over real pictures) and one seed, and turns
 * pictures with their {@link org.peltast.evaluate.Prompt}s into a {@link
 * org.peltast.evaluate.Measurement}, whose {@link org.peltast.evaluate.Scores} are the {@link
 * org.peltast.evaluate.Measure}s: Fréchet distance raw and bias-free, KID, alignment, retrieval@10,
 * family accuracy, diversity, and {@link org.peltast.evaluate.ColourStatistics}, each with an
 * {@link org.peltast.evaluate.Interval}. Measurements on the same prompts have paired {@link
 * org.peltast.evaluate.Difference}s, which decide whether one may be called better, and several
 * seeds of a recipe a {@link org.peltast.evaluate.SeedSpread}. Beside them belongs the {@linkplain
 * org.peltast.evaluate.Evaluation#noiseFloor noise floor}, real pictures against real ones. {@link
 * org.peltast.evaluate.Throughput} measures speed, denoising apart from decoding.
 *
 * <pre>{@code
 * JudgeFolder folder = JudgeFolder.at(Path.of("weights/judge"));
 * try (Judge judge = folder.load(Device.CPU); TextEncoder encoder = new MiniLmEncoder()) {
 *   Evaluation evaluation = new Evaluation(judge, encoder, folder.reference(), 0);
 *   Scores student = evaluation.score(pictures, prompts); // the same prompts for every set
 * }
 * }</pre>
 *
 * <p>The measures work on plain {@link org.peltast.evaluate.FeatureTable}s, so that each is a few
 * lines that its test compares with a closed form. Mistakes are {@link
 * org.peltast.evaluate.EvaluationException}s. The definitions are in {@code docs/evaluation.md}.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.evaluate;
