package org.peltast.models;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.diffusion.RectifiedFlow;
import org.peltast.diffusion.Sampler;
import org.peltast.diffusion.TimeShift;
import org.peltast.models.codec.Codec;
import org.peltast.models.text.CachedTextEncoder;
import org.peltast.models.text.Captions;
import org.peltast.models.text.TextEncoder;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Range;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.WorkerPool;

/**
 * A whole model: text encoder, network, codec, and the settings that it is meant to be used with.
 *
 * <p>Each picture has a random stream of its own ({@link PictureStreams}), and on a CPU it is
 * computed by itself: neither what is drawn beside it nor the size of batches changes a bit of it.
 * Other devices compute a batch at once, where differently batched products round differently.
 */
public final class TextToImage implements AutoCloseable {
  private static final long SMALL_WEIGHTS = 100_000_000;
  private static final long SMALL_AREA = 256 * 256;

  private final Backbone network;
  private final NoiseSchedule schedule;
  private final Codec codec;
  private final Supplier<TextEncoder> encoderSource;
  private @Nullable TextEncoder encoder;
  private final GenerationSettings defaults;
  private final Map<String, String> provenance;
  private final boolean owner;

  private TextToImage(
      Backbone network,
      NoiseSchedule schedule,
      Codec codec,
      Supplier<TextEncoder> encoderSource,
      GenerationSettings defaults,
      Map<String, String> provenance,
      boolean owner) {
    if (codec.channels() != network.channels()) {
      throw new ModelException(
          "the network draws latents of "
              + network.channels()
              + " channels, but the codec "
              + codec.id()
              + " has "
              + codec.channels());
    }
    this.network = network;
    this.schedule = schedule;
    this.codec = codec;
    this.encoderSource = encoderSource;
    this.defaults = defaults;
    this.provenance = Map.copyOf(provenance);
    this.owner = owner;
    requireSize(defaults);
  }

  /**
   * A model of the given parts, which stay the caller's to close.
   *
   * @param schedule that the network was trained with
   * @param codec with its normalisation
   * @param provenance where the weights come from, for the model folder: recipe, seed, versions
   */
  public static TextToImage of(
      Backbone network,
      NoiseSchedule schedule,
      Codec codec,
      TextEncoder encoder,
      GenerationSettings defaults,
      Map<String, String> provenance) {
    return new TextToImage(network, schedule, codec, () -> encoder, defaults, provenance, false);
  }

  /** A model that closes its parts, its text encoder opened when first needed. */
  static TextToImage owning(
      Backbone network,
      NoiseSchedule schedule,
      Codec codec,
      Supplier<TextEncoder> encoder,
      GenerationSettings defaults,
      Map<String, String> provenance) {
    return new TextToImage(network, schedule, codec, encoder, defaults, provenance, true);
  }

  /**
   * Another network of the same kind with this model's other parts, which it shares and does not
   * close: a student beside its teacher. A shift that depends on the pictures' size becomes that of
   * the size in the settings, at which the student was trained.
   */
  public TextToImage with(
      Backbone other, GenerationSettings settings, Map<String, String> otherProvenance) {
    return new TextToImage(
        other,
        schedule(settings.height(), settings.width()),
        codec,
        this::textEncoder,
        settings,
        otherProvenance,
        false);
  }

  /** The same model with another provenance, with parts that it shares and does not close. */
  public TextToImage with(Map<String, String> otherProvenance) {
    return new TextToImage(
        network, schedule, codec, this::textEncoder, defaults, otherProvenance, false);
  }

  /**
   * The same model under another shift of its timesteps, with parts that it shares and does not
   * close.
   *
   * @throws ModelException if its path has none
   */
  public TextToImage withShift(TimeShift shift) {
    if (!(schedule.path() instanceof RectifiedFlow)) {
      throw new ModelException(
          "timesteps are shifted in rectified flow alone, and this model follows another path: leave"
              + " the shift out");
    }
    return new TextToImage(
        network,
        new NoiseSchedule(schedule.path(), schedule.prediction(), shift),
        codec,
        this::textEncoder,
        defaults,
        provenance,
        false);
  }

  /** The network. */
  public Backbone network() {
    return network;
  }

  /** The network under its path and the shift of the pictures that it is meant to draw. */
  public Denoiser denoiser() {
    return denoiser(defaults);
  }

  /** The network under its path and the shift of pictures of a size. */
  private Denoiser denoiser(GenerationSettings settings) {
    return denoisingSchedule(settings).denoiser(network);
  }

  /** The schedule with the shift of pictures of a size. */
  NoiseSchedule denoisingSchedule(GenerationSettings settings) {
    return schedule(settings.height(), settings.width());
  }

  private NoiseSchedule schedule(int height, int width) {
    return schedule.at(
        network
            .family()
            .shiftLength(network.channels(), height / codec.factor(), width / codec.factor()));
  }

  /** Noise path, prediction and shift that the network was trained with. */
  public NoiseSchedule schedule() {
    return schedule;
  }

  /** From pictures to the network's latents and back, normalisation included. */
  public Codec codec() {
    return codec;
  }

  /**
   * The text encoder, opened when first asked for.
   *
   * @throws ModelException if the model folder names none that runs here
   */
  public TextEncoder textEncoder() {
    TextEncoder e = encoder;
    if (e == null) {
      e = encoderSource.get();
      if (e.width() != network.captionWidth()) {
        throw new ModelException(
            "the network reads captions of width "
                + network.captionWidth()
                + ", but the text encoder "
                + e.id()
                + " gives "
                + e.width());
      }
      encoder = e;
    }
    return e;
  }

  /** What it is meant to be used with. */
  public GenerationSettings defaults() {
    return defaults;
  }

  /** Where the weights come from. */
  public Map<String, String> provenance() {
    return provenance;
  }

  /** Where the network lies. */
  public Device device() {
    return network.parameters().device();
  }

  /**
   * Draws one picture for each prompt.
   *
   * @param prompts picture i belongs to prompt i
   * @param seed of the noise; that of picture i is a function of (seed, i)
   * @param settings size, steps, guidance, sampler
   * @param batch how many are drawn between two reports; off the CPU, how many at once
   * @param done told the number of pictures ready so far, after each batch
   * @return [N, 3, height, width] float32 in [0, 1] on the CPU, in the caller's scope
   * @throws ModelException if size or batch do not fit
   */
  public Tensor generate(
      List<String> prompts, long seed, GenerationSettings settings, int batch, IntConsumer done) {
    return generate(prompts, "", null, numbered(seed, prompts), settings, batch, done);
  }

  /**
   * Like the other method, led away from something else than "no condition", or from given noise.
   *
   * @param negative what guidance leads away from; empty for no condition
   * @param start standard normal [N, C, h, w] to start from; null draws it
   * @param streams of the pictures' noise, as {@link PictureStreams} makes them
   */
  public Tensor generate(
      List<String> prompts,
      String negative,
      @Nullable Tensor start,
      List<Rng> streams,
      GenerationSettings settings,
      int batch,
      IntConsumer done) {
    return drawn(prompts, negative, start, streams, settings, batch, done, this::decode);
  }

  /**
   * The latents of what {@link #generate} draws of the same prompts.
   *
   * @return [N, C, h, w] float32 on the CPU, in the caller's scope
   */
  public Tensor generateLatents(
      List<String> prompts, long seed, GenerationSettings settings, int batch, IntConsumer done) {
    UnaryOperator<Tensor> kept = z -> z.to(DType.FLOAT32).to(Device.CPU);
    return drawn(prompts, "", null, numbered(seed, prompts), settings, batch, done, kept);
  }

  private static List<Rng> numbered(long seed, List<String> prompts) {
    return PictureStreams.numbered(seed, 0, prompts.size());
  }

  private Tensor drawn(
      List<String> prompts,
      String negative,
      @Nullable Tensor start,
      List<Rng> streams,
      GenerationSettings settings,
      int batch,
      IntConsumer done,
      UnaryOperator<Tensor> finish) {
    requireSize(settings);
    if (start != null
        && !start.hasShape(
            prompts.size(),
            codec.channels(),
            settings.height() / codec.factor(),
            settings.width() / codec.factor())) {
      throw new ModelException(
          String.format(
              Locale.ROOT,
              "%d pictures of %d × %d start from latents [%d, %d, %d, %d], got %s",
              prompts.size(),
              settings.height(),
              settings.width(),
              prompts.size(),
              codec.channels(),
              settings.height() / codec.factor(),
              settings.width() / codec.factor(),
              start));
    }
    if (prompts.isEmpty() || batch < 1) {
      throw new ModelException(
          "pictures need at least one prompt and a batch of at least 1, got "
              + prompts.size()
              + " and "
              + batch);
    }
    if (streams.size() != prompts.size()) {
      throw new ModelException(
          prompts.size() + " pictures need a random stream each, got " + streams.size());
    }
    Captions captions = encodedAhead(prompts, settings.guidance().isOn() ? negative : null);
    // Captions and noise of some pictures, ready to be drawn from: encoders are for one thread.
    Function<Range, Supplier<Tensor>> prepared =
        some -> {
          int from = some.from();
          int n = some.count();
          Condition condition = captions.of(prompts.subList(from, from + n));
          Condition empty = settings.guidance().isOn() ? captions.negative(negative, n) : null;
          List<Rng> own = streams.subList(from, from + n);
          Tensor noise =
              start == null ? noise(own, settings, r -> r) : start.narrow(0, from, n).to(device());
          return () -> finish.apply(latents(condition, empty, noise, own, settings));
        };
    return Scope.compute(
        () -> {
          List<Tensor> all = new ArrayList<>();
          for (int first = 0; first < prompts.size(); first += batch) {
            Range some = new Range(first, Math.min(batch, prompts.size() - first));
            all.add(Scope.compute(() -> drawn(some, prepared, settings)));
            done.accept(first + some.count());
          }
          return Tensor.cat(all, 0);
        });
  }

  /** Pictures drawn each by itself on a CPU, elsewhere at once. */
  private Tensor drawn(
      Range some, Function<Range, Supplier<Tensor>> prepared, GenerationSettings settings) {
    if (device().kind() != Device.Kind.CPU) {
      return prepared.apply(some).get();
    }
    List<Supplier<Tensor>> each =
        IntStream.range(some.from(), some.end())
            .mapToObj(i -> prepared.apply(new Range(i, 1)))
            .toList();
    return WorkerPool.rowByRow(
        each.size(), !isSmall(settings), picture -> each.get(picture.from()).get());
  }

  /** Whether a picture is drawn faster beside others, on one thread each, than with all threads. */
  private boolean isSmall(GenerationSettings settings) {
    return network.parameters().count() < SMALL_WEIGHTS
        && (long) settings.height() * settings.width() <= SMALL_AREA;
  }

  /**
   * Captions by the text encoder; a large one has encoded the prompts and rests, so that network
   * and codec have its memory, unless there are more prompts than a quarter of the heap holds the
   * features of.
   */
  private Captions encodedAhead(List<String> prompts, @Nullable String negative) {
    TextEncoder own = textEncoder();
    List<String> all = List.copyOf(new LinkedHashSet<>(prompts));
    long most = (long) own.maxTokens() * own.width() * Float.BYTES * (all.size() + 1);
    long room = Runtime.getRuntime().maxMemory() / 4;
    if (!own.isLarge() || most > room) {
      return new Captions(own, device());
    }
    CachedTextEncoder cached = CachedTextEncoder.inMemory(own, room); // not closed: nor is its own
    Captions captions = new Captions(cached, device());
    captions.prepare(all, negative);
    cached.rest();
    return captions;
  }

  /**
   * Draws latents, the denoising half of {@link #generate}.
   *
   * @param captions of B prompts
   * @param empty of B empty prompts, needed if guidance is on
   * @param first the number of the first picture, which with the seed fixes its noise
   * @return [B, C, h, w] float32 as the codec takes them, in the caller's scope
   */
  public Tensor latents(
      Condition captions,
      @Nullable Condition empty,
      long seed,
      int first,
      GenerationSettings settings) {
    List<Rng> streams = PictureStreams.numbered(seed, first, captions.batch());
    requireSize(settings);
    return latents(captions, empty, noise(streams, settings, r -> r), streams, settings);
  }

  private Tensor latents(
      Condition captions,
      @Nullable Condition empty,
      Tensor start,
      List<Rng> streams,
      GenerationSettings settings) {
    try (Autograd off = Autograd.off()) {
      return WorkerPool.rows(
          captions.batch(),
          device(),
          range -> {
            int from = range.from();
            int n = range.count();
            Sampler.NoiseSource fresh =
                k ->
                    noise(
                        streams.subList(from, from + n), settings, r -> r.fork("renoise").fork(k));
            Network.Text text = network.read(captions.narrow(from, n));
            Network.Text none =
                settings.guidance().isOn() && empty != null
                    ? network.read(empty.narrow(from, n))
                    : null;
            return settings
                .sampler()
                .sample(
                    denoiser(settings),
                    settings.grid(),
                    settings.guidance(),
                    start.narrow(0, from, n),
                    text,
                    none,
                    fresh,
                    null);
          });
    }
  }

  /**
   * The noise that pictures start from.
   *
   * @param seed of the noise
   * @param first the number of the first picture
   * @param count B
   * @return standard normal [B, C, h, w], in the caller's scope
   */
  public Tensor startNoise(long seed, int first, int count, GenerationSettings settings) {
    requireSize(settings);
    return noise(PictureStreams.numbered(seed, first, count), settings, r -> r);
  }

  private Tensor noise(List<Rng> streams, GenerationSettings settings, UnaryOperator<Rng> purpose) {
    return Scope.compute(
        () -> {
          List<Tensor> each = new ArrayList<>();
          for (Rng stream : streams) {
            each.add(
                purpose
                    .apply(stream)
                    .normal(
                        codec.channels(),
                        settings.height() / codec.factor(),
                        settings.width() / codec.factor()));
          }
          return Tensor.stack(each, 0).to(device());
        });
  }

  /**
   * Latents to pictures.
   *
   * @param latents [B, C, h, w] float32
   * @return [B, 3, H, W] float32 clamped to [0, 1], on the CPU, in the caller's scope
   */
  public Tensor decode(Tensor latents) {
    try (Autograd off = Autograd.off()) {
      return WorkerPool.rows(
          (int) latents.size(0),
          device(),
          range ->
              codec
                  .decode(latents.narrow(0, range.from(), range.count()))
                  .clamp(0, 1)
                  .to(Device.CPU)
                  .contiguous());
    }
  }

  /**
   * Refuses sizes that this model cannot draw.
   *
   * @throws ModelException saying which it can
   */
  public void requireSize(GenerationSettings s) {
    int multiple = codec.factor() * network.multiple();
    if (s.height() % multiple != 0 || s.width() % multiple != 0) {
      throw new ModelException(
          "this model draws pictures whose height and width are multiples of "
              + multiple
              + ", not "
              + s.height()
              + " × "
              + s.width());
    }
    long highest = network.maxHeight() * codec.factor();
    long widest = network.maxWidth() * codec.factor();
    if (s.height() > highest || s.width() > widest) {
      throw new ModelException(
          "this model draws pictures of at most "
              + highest
              + " × "
              + widest
              + " pixels, not "
              + s.height()
              + " × "
              + s.width());
    }
  }

  /**
   * Pictures as bytes, red, green, blue for each pixel, row by row.
   *
   * @param images [N, 3, H, W] float32 in [0, 1]
   * @return N arrays of 3·H·W bytes
   */
  public static List<byte[]> rgb(Tensor images) {
    if (images.rank() != 4 || images.size(1) != 3) {
      throw new ModelException("pictures are [N, 3, H, W], got " + images);
    }
    int n = (int) images.size(0);
    float[] values;
    try (Scope s = Scope.open()) {
      values =
          images
              .detach()
              .to(DType.FLOAT32)
              .to(Device.CPU)
              .permute(0, 2, 3, 1)
              .contiguous()
              .toFloats();
    }
    int length = values.length / Math.max(n, 1);
    List<byte[]> out = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      byte[] bytes = new byte[length];
      for (int j = 0; j < length; j++) {
        bytes[j] = (byte) Math.round(255 * Math.min(1f, Math.max(0f, values[i * length + j])));
      }
      out.add(bytes);
    }
    return out;
  }

  /** Closes network, codec and text encoder, if they are this model's own. */
  @Override
  public void close() {
    if (owner) {
      network.close();
      codec.close();
      if (encoder != null) {
        encoder.close();
      }
    }
  }
}
