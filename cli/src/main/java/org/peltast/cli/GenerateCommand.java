package org.peltast.cli;

import java.awt.image.BufferedImage;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.peltast.data.ModelPrompts;
import org.peltast.data.PromptList;
import org.peltast.models.GenerationSettings;
import org.peltast.models.ModelFolder;
import org.peltast.models.PictureStreams;
import org.peltast.models.ScaledLora;
import org.peltast.models.TextToImage;
import org.peltast.report.Formats;
import org.peltast.report.PictureFormat;
import org.peltast.report.PictureGrid;
import org.peltast.runs.Progress;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import org.peltast.training.CutPrompts;
import org.peltast.training.Origin;
import org.peltast.training.PictureTexts;
import org.peltast.training.Pictures;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

@Command(
    name = "generate",
    description = {
      "Draws pictures of prompts with a model folder.",
      "The same model, prompt and seed give the same bytes. What is not said, the model folder says.",
      "PNG files say how they were drawn: prompt, seed, settings, and the recipe that the model comes from; peltast inspect shows it."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast generate --prompt \"a red apple, noto style\"",
      "  peltast generate --model Z-Image --out first.png",
      "  peltast generate --model output/demo/student --prompt \"an owl, twemoji style\" --steps 4 --seed 7 --count 9 --out owls.png",
      "  peltast generate --model weights/teacher --prompts prompts.txt --out pictures/",
      "  peltast generate --model Z-Image --prompt \"a lighthouse in a storm\" --size 1280x720 --guidance 5 --steps 28",
      "  peltast generate --model Z-Image --lora output/run/student/pytorch_lora_weights.safetensors --prompt \"an owl\" --steps 8 --guidance 1 --sampler renoise"
    })
final class GenerateCommand implements Callable<Integer> {
  private static final int MAX_COUNT = 10_000;

  /** What a file's format is called by, in contrast to a version or a date behind a dot. */
  private static final Pattern ENDING = Pattern.compile(".+\\.([A-Za-z][A-Za-z0-9]{1,5})");

  /** Three floats, three bytes and an int. */
  private static final int BYTES_PER_PIXEL = 12 + 3 + 4;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      description = "the model folder (default: the shipped student)")
  private @Nullable Path model;

  @Mixin private SourceOptions source;

  @Mixin private LoraFiles loras;

  @ArgGroup(exclusive = true)
  private @Nullable Asked asked;

  /** What to draw. */
  static final class Asked {
    @Option(
        names = "--prompt",
        paramLabel = "TEXT",
        description =
            "what to draw; may be given several times (default: the first prompt of the list that lies with the model, or an example)")
    private @Nullable List<String> prompts;

    @Option(
        names = "--prompts",
        paramLabel = "FILE",
        description = "a .txt file with a prompt on each line, or a .jsonl file")
    private @Nullable Path file;
  }

  @Option(
      names = "--count",
      paramLabel = "N",
      description = "pictures of each prompt (default: ${DEFAULT-VALUE})")
  private int count = 1;

  @Option(
      names = "--out",
      paramLabel = "PATH",
      description =
          "a .png, .jpg, .jpeg or .webp file for all pictures in a grid, a folder for 0000.png, 0001.png, …, or a .safetensors file for a tensor image [N, 3, H, W] of numbers from 0 to 1 (default: ${DEFAULT-VALUE})")
  private String named = "generated.png";

  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "of the noise (default: ${DEFAULT-VALUE})")
  private long seed = 1;

  @Option(names = "--steps", paramLabel = "N", description = "steps of equal length")
  private @Nullable Integer steps;

  @Option(
      names = "--guidance",
      paramLabel = "ALPHA",
      description = "α of u + α(c − u); 1 is none and halves the cost")
  private @Nullable Double guidance;

  @Option(names = "--sampler", paramLabel = "NAME", description = "euler, ddim or renoise")
  private @Nullable String sampler;

  @Option(
      names = "--negative-prompt",
      paramLabel = "TEXT",
      description =
          "what guidance leads away from, in place of no prompt at all; it needs guidance above 1")
  private String negative = "";

  @Option(
      names = "--size",
      paramLabel = "SIZE",
      description =
          "of the pictures, WIDTHxHEIGHT or one number of pixels for both, if not the size that the model was trained for")
  private @Nullable String size;

  @Option(
      names = "--latents",
      paramLabel = "FILE",
      description =
          "a safetensors file with the noise to start from in place of the seed's: a tensor latents or input.latents of standard normal numbers, one item a picture")
  private @Nullable Path latents;

  @Option(
      names = "--batch",
      paramLabel = "N",
      description =
          "pictures between two lines of progress; off the CPU, how many are drawn at once (default: ${DEFAULT-VALUE})")
  private int batch = 16;

  @Option(
      names = "--scale",
      paramLabel = "N",
      description = "in a grid, enlarge each pixel to N × N (default: ${DEFAULT-VALUE})")
  private int scale = 2;

  @Option(names = "--captions", description = "in a grid, write the prompts under the pictures")
  private boolean captions;

  @Option(
      names = "--device",
      paramLabel = "NAME",
      description = "cpu, cuda or cuda:N (default: cpu)")
  private String device = "cpu";

  @Option(
      names = "--precision",
      paramLabel = "NAME",
      description =
          "auto (measured, so it may change from day to day), float32 or bf16 (default: float32 on a CPU, bf16 on a GPU)")
  private @Nullable String precision;

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  GenerateCommand() {}

  @Override
  public Integer call() throws IOException {
    require(count >= 1 && count <= MAX_COUNT, "--count must be from 1 to " + MAX_COUNT + ".");
    require(batch >= 1, "--batch must be at least 1.");
    require(scale >= 1 && scale <= 32, "--scale must be from 1 to 32.");
    require(steps == null || (steps >= 1 && steps <= 1000), "--steps must be from 1 to 1000.");
    require(
        guidance == null || (Double.isFinite(guidance) && guidance >= 0),
        "--guidance must be a number of 0 or more.");
    edges();
    Path out = place();
    requirePlace(out);
    Path folder = model == null ? Places.shipped("student") : model;
    List<ScaledLora> added = loras.all();
    List<String> prompts = new ArrayList<>();
    asked(folder)
        .forEach(
            prompt -> {
              for (int i = 0; i < count; i++) {
                prompts.add(prompt);
              }
            });
    NativeLibraries.open();
    Device on = Device.parse(device);
    long begin = System.nanoTime();
    List<BufferedImage> pictures = List.of();
    PictureTexts texts;
    GenerationSettings settings;
    try (TextToImage opened =
            ModelFolder.open(
                source.in(folder),
                on,
                Precision.parse(
                    precision != null
                        ? precision
                        : on.kind() == Device.Kind.CPU ? "float32" : "bf16",
                    on));
        Scope scope = Scope.open();
        Progress progress = Display.progress("drawing")) {
      ScaledLora.mergeInto(opened.network(), added);
      settings = settings(opened.defaults());
      opened.requireSize(settings);
      texts =
          new PictureTexts(
              settings, negative.strip(), seed, ScaledLora.provenance(opened.provenance(), added));
      requireRoom(prompts.size(), settings);
      CutPrompts.of(opened.textEncoder(), prompts).ifPresent(Display::notice);
      require(
          negative.isBlank() || settings.guidance().isOn(),
          "--negative-prompt needs guidance: set --guidance above 1.");
      Tensor images =
          opened.generate(
              prompts,
              negative.strip(),
              latents == null ? null : start(latents),
              PictureStreams.ofPrompts(seed, prompts),
              settings,
              batch,
              done -> progress.step(done, prompts.size(), Map.of()));
      if (isTensor(out)) {
        ModelFolder.makeFolderOf(out);
        TensorFiles.write(out, Map.of("image", images), Map.of());
      } else {
        pictures = Pictures.of(images);
      }
    }
    if (isTensor(out)) {
      // Written already.
    } else if (isGrid(out)) {
      boolean rowOfEach = count > 1 && count < prompts.size();
      int columns = rowOfEach ? count : (int) Math.ceil(Math.sqrt(pictures.size()));
      PictureGrid.write(
          PictureGrid.draw(pictures, captions ? prompts : List.of(), columns, scale), out);
      texts.put(out, prompts);
    } else {
      List<Path> files = Pictures.writeAll(out, pictures);
      for (int i = 0; i < files.size(); i++) {
        String prompt = prompts.get(i);
        texts.put(files.get(i), prompt, Collections.frequency(prompts.subList(0, i), prompt));
      }
    }
    System.err.printf(
        Locale.ROOT,
        "Wrote %s: %d picture%s, %d network evaluations each, %s.%n",
        out,
        prompts.size(),
        prompts.size() == 1 ? "" : "s",
        settings.evaluations(),
        Formats.seconds((System.nanoTime() - begin) / 1e9));
    return ExitCode.OK;
  }

  /** What is to be drawn, as the data module cleans it; an empty prompt is one of its own. */
  private List<String> asked(Path folder) {
    if (asked == null) {
      String example = ModelPrompts.example(folder, Origin.images(ModelFolder.provenance(folder)));
      Display.notice("Nobody said what to draw: \"" + example + "\". Say it with --prompt.");
      return List.of(example);
    }
    if (asked.file != null) {
      PromptList list = PromptList.read(asked.file);
      list.notes().forEach(Display::notice);
      return list.prompts();
    }
    List<String> all = new ArrayList<>();
    for (String prompt : asked.prompts == null ? List.<String>of() : asked.prompts) {
      if (prompt.isBlank()) {
        all.add("");
        continue;
      }
      PromptList one = PromptList.of("the command line", List.of(prompt));
      one.notes().forEach(Display::notice);
      all.addAll(one.prompts());
    }
    return all;
  }

  private Path place() {
    try {
      return Main.path(named);
    } catch (TypeConversionException e) {
      throw new CommandException("--out: " + e.getMessage() + ".");
    }
  }

  /** The noise of a file, in float32, in the current scope. */
  private static Tensor start(Path file) {
    Map<String, Tensor> tensors = TensorFiles.read(file);
    Tensor found = tensors.getOrDefault("latents", tensors.get("input.latents"));
    if (found == null || !found.dtype().isFloating()) {
      throw new CommandException(
          "there is no tensor latents or input.latents of floating-point numbers in " + file + ".");
    }
    return found.to(DType.FLOAT32);
  }

  private static boolean isTensor(Path out) {
    return out.toString().toLowerCase(Locale.ROOT).endsWith(".safetensors");
  }

  private boolean isGrid(Path out) {
    return PictureFormat.of(out).isPresent() && !endsWithSlash();
  }

  private boolean endsWithSlash() {
    return named.endsWith("/") || named.endsWith(File.separator);
  }

  /** Before minutes of drawing: that the pictures will find their place, in a known format. */
  private void requirePlace(Path out) {
    if (isGrid(out) || isTensor(out)) {
      Places.requireFile(out, "--out");
      return;
    }
    Matcher ending = ENDING.matcher(String.valueOf(out.getFileName()));
    if (ending.matches()
        && !endsWithSlash()
        && !Files.isDirectory(out)
        && !ending.group(1).matches("[vV][0-9]+")) {
      throw new CommandException(
          String.format(
              Locale.ROOT,
              "--out names %s, but pictures are not written as .%s; end it with .png, .jpg, .jpeg or .webp, or with a slash if it is a folder.",
              out,
              ending.group(1)));
    }
    Places.requireFolder(out, "--out");
  }

  /** All pictures of a call are in memory at once, as numbers and as bytes. */
  private static void requireRoom(int pictures, GenerationSettings settings) {
    double bytes = (double) pictures * settings.height() * settings.width() * BYTES_PER_PIXEL;
    double room = Runtime.getRuntime().maxMemory() * 0.75;
    require(
        bytes <= room,
        String.format(
            Locale.ROOT,
            "%d × %d pixels, %d times, need about %s of memory at once, more than the %s there is; draw fewer or smaller ones, or give more as in PELTAST_JAVA_OPTS=-Xmx4g.",
            settings.width(),
            settings.height(),
            pictures,
            Formats.bytes((long) Math.min(bytes, 9e18)),
            Formats.bytes((long) room)));
  }

  private GenerationSettings settings(GenerationSettings defaults) {
    GenerationSettings settings = defaults;
    settings = steps == null ? settings : settings.withSteps(steps);
    settings = guidance == null ? settings : settings.withGuidance(guidance);
    settings =
        sampler == null ? settings : settings.withSampler(GenerationSettings.sampler(sampler));
    int[] edges = edges();
    return edges.length == 0 ? settings : settings.withSize(edges[1], edges[0]);
  }

  /** Width and height that were asked for; none if they were not. */
  private int[] edges() {
    if (size == null) {
      return new int[0];
    }
    Matcher asked = Pattern.compile("(\\d{1,5})(?:[xX×](\\d{1,5}))?").matcher(size.strip());
    require(
        asked.matches(),
        "--size must be pixels or WIDTHxHEIGHT, as 512 or 768x512, but is " + size + ".");
    int width = Integer.parseInt(asked.group(1));
    return new int[] {width, asked.group(2) == null ? width : Integer.parseInt(asked.group(2))};
  }

  private static void require(boolean condition, String sentence) {
    if (!condition) {
      throw new CommandException(sentence);
    }
  }
}
