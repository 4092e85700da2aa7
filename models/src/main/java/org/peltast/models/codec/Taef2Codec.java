package org.peltast.models.codec;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelException;
import org.peltast.models.files.Weights;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Conv2d;
import org.peltast.tensor.nn.GroupNorm;
import org.peltast.tensor.nn.Parameters;

/**
 * TAEF2, a tiny autoencoder for FLUX.2's latent space (Ollin Boer Bohan, MIT): 32 channels, one
 * latent for 8 × 8 pixels, 1.3 million weights each way. It computes in float32.
 *
 * <p>Its weights come with the project. Their names are the places of layers in two sequences, as
 * the original files have them.
 */
public final class Taef2Codec implements Codec {
  /** The two files of weights, in a model folder and among the resources. */
  private static final List<String> FILES = List.of("encoder.safetensors", "decoder.safetensors");

  private static final int CHANNELS = 32;
  private static final int WIDTH = 64;
  private static final int POOL_WIDTH = 256;
  private static final int POOL_GROUPS = 4;

  private final Parameters encoderWeights;
  private final Parameters decoderWeights;
  private final List<UnaryOperator<Tensor>> encoder = new ArrayList<>();
  private final List<UnaryOperator<Tensor>> decoder = new ArrayList<>();

  private final List<Path> files;

  private Taef2Codec(Device device, List<Path> files) {
    this.files = files;
    encoderWeights = Parameters.on(device, Precision.FLOAT32);
    Parameters e = encoderWeights;
    encoder.add(convolution(e.at("0"), 3, WIDTH)::forward);
    encoder.add(new Block(e.at("1"), false)::forward);
    for (int first = 2; first <= 10; first += 4) { // each halves the size
      encoder.add(new Conv2d(e.at("" + first), WIDTH, WIDTH, 3, 2, 1, false)::forward);
      for (int i = 1; i <= 3; i++) {
        encoder.add(new Block(e.at("" + (first + i)), first == 10)::forward);
      }
    }
    encoder.add(convolution(e.at("14"), WIDTH, CHANNELS)::forward);

    decoderWeights = Parameters.on(device, Precision.FLOAT32);
    Parameters d = decoderWeights;
    decoder.add(z -> z.div(3).tanh().mul(3));
    Conv2d in = convolution(d.at("1"), CHANNELS, WIDTH);
    decoder.add(z -> in.forward(z).relu());
    for (int first = 3; first <= 13; first += 5) { // each doubles the size
      for (int i = 0; i < 3; i++) {
        decoder.add(new Block(d.at("" + (first + i)), first == 3)::forward);
      }
      Conv2d after = new Conv2d(d.at("" + (first + 4)), WIDTH, WIDTH, 3, 1, 1, false);
      decoder.add(x -> after.forward(x.upsampleNearest(2 * x.size(2), 2 * x.size(3))));
    }
    decoder.add(new Block(d.at("18"), false)::forward);
    decoder.add(convolution(d.at("19"), WIDTH, 3)::forward);
  }

  /** A 3 × 3 convolution with bias that keeps the size. */
  private static Conv2d convolution(Parameters p, int in, int out) {
    return new Conv2d(p, in, out, 3, 1, 1, true);
  }

  /** The codec with the weights that come with the project. */
  public static Taef2Codec builtIn(Device device) {
    Path folder = null;
    try {
      folder = Files.createTempDirectory("peltast-taef2");
      extract(folder);
      return filled(folder, new Taef2Codec(device, List.of()));
    } catch (IOException e) {
      throw new ModelException(
          "the built-in TAEF2 weights could not be unpacked to a temporary folder ("
              + e.getMessage()
              + "): make room there, or set -Djava.io.tmpdir",
          e);
    } finally {
      remove(folder);
    }
  }

  /** Whether a folder holds a codec's two files of weights. */
  public static boolean isIn(Path folder) {
    return FILES.stream().allMatch(name -> Files.isRegularFile(folder.resolve(name)));
  }

  /**
   * The codec with the weights of a folder.
   *
   * @param folder holds {@code encoder.safetensors} and {@code decoder.safetensors}
   */
  public static Taef2Codec load(Path folder, Device device) {
    List<Path> files = FILES.stream().map(folder::resolve).toList();
    return filled(folder, new Taef2Codec(device, files));
  }

  private static Taef2Codec filled(Path folder, Taef2Codec codec) {
    try {
      if (codec.encoderWeights.device().kind() == Device.Kind.META) {
        return codec; // which holds no numbers
      }
      Weights.load(folder.resolve(FILES.get(0)), codec.encoderWeights);
      Weights.load(folder.resolve(FILES.get(1)), codec.decoderWeights);
      return codec;
    } catch (RuntimeException e) {
      codec.close();
      throw e;
    }
  }

  /** The files that the weights were read from; none if they are the project's own. */
  List<Path> files() {
    return files;
  }

  private static void extract(Path folder) throws IOException {
    for (String name : FILES) {
      try (InputStream in = Taef2Codec.class.getResourceAsStream("taef2/" + name)) {
        if (in == null) {
          throw new ModelException(
              "the built-in weights taef2/" + name + " are not on the class path: build again");
        }
        Files.copy(in, folder.resolve(name), StandardCopyOption.REPLACE_EXISTING);
      }
    }
  }

  private static void remove(@Nullable Path folder) {
    if (folder == null) {
      return;
    }
    try {
      for (String name : FILES) {
        Files.deleteIfExists(folder.resolve(name));
      }
      Files.deleteIfExists(folder);
    } catch (IOException e) {
      // Mapped files cannot be deleted on every system; the folder is a temporary one.
      folder.toFile().deleteOnExit();
    }
  }

  @Override
  public String id() {
    return "taef2";
  }

  @Override
  public int channels() {
    return CHANNELS;
  }

  @Override
  public int factor() {
    return 8;
  }

  @Override
  public Tensor encode(Tensor images) {
    CodecInputs.requireImages(this, images);
    return through(encoder, images);
  }

  @Override
  public Tensor decode(Tensor latents) {
    CodecInputs.requireLatents(this, latents);
    return through(decoder, latents);
  }

  private static Tensor through(List<UnaryOperator<Tensor>> layers, Tensor x) {
    return Scope.compute(
        () -> {
          Tensor y = x;
          for (UnaryOperator<Tensor> layer : layers) {
            Tensor in = y;
            y = Scope.compute(() -> layer.apply(in));
          }
          return y;
        });
  }

  @Override
  public void close() {
    encoderWeights.close();
    decoderWeights.close();
  }

  /**
   * Three convolutions and a skip, {@code relu(y + conv(relu(conv(relu(conv(y))))))}; at the lowest
   * resolution on {@code y = x + pool(x)}, where pool is two 1 × 1 convolutions around a group
   * norm.
   */
  private static final class Block {
    private final List<Conv2d> convolutions = new ArrayList<>();
    private final @Nullable Pool pool;

    Block(Parameters p, boolean pooled) {
      for (int i = 0; i < 3; i++) {
        convolutions.add(convolution(p.at("conv").at("" + 2 * i), WIDTH, WIDTH));
      }
      pool = pooled ? new Pool(p.at("pool")) : null;
    }

    Tensor forward(Tensor x) {
      Tensor y = pool == null ? x : x.add(pool.forward(x));
      Tensor out = convolutions.get(0).forward(y).relu();
      out = convolutions.get(1).forward(out).relu();
      return convolutions.get(2).forward(out).add(y).relu();
    }
  }

  /** Two 1 × 1 convolutions, 64 → 256 → 64, around a group norm and ReLU. */
  private static final class Pool {
    private final Conv2d in;
    private final GroupNorm norm;
    private final Conv2d out;

    Pool(Parameters p) {
      in = new Conv2d(p.at("0"), WIDTH, POOL_WIDTH, 1, 1, 0, false);
      norm = new GroupNorm(p.at("1"), POOL_GROUPS, POOL_WIDTH, 1e-5);
      out = new Conv2d(p.at("3"), POOL_WIDTH, WIDTH, 1, 1, 0, false);
    }

    Tensor forward(Tensor x) {
      return out.forward(norm.forward(in.forward(x)).relu());
    }
  }
}
