package org.peltast.models;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.DiffusionException;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.models.codec.AutoencoderKl;
import org.peltast.models.codec.Codec;
import org.peltast.models.codec.Codecs;
import org.peltast.models.codec.Taef2Codec;
import org.peltast.models.files.Component;
import org.peltast.models.files.JsonConfig;
import org.peltast.models.text.ClipTextModel;
import org.peltast.models.text.TextNetwork;
import org.peltast.models.text.TextNetworks;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Parameters;

/**
 * Proves a checkpoint's components equal to their reference: feeds each golden file's inputs to the
 * component that it names, and compares every output by {@code max|a − b| / max|b|}.
 */
public final class Verification {
  /** What became of one output. */
  public enum Verdict {
    /** Within the tolerance. */
    PASS,
    /** Not within the tolerance, or of another shape, or not finite. */
    FAIL,
    /** This build cannot compute it. */
    UNSUPPORTED
  }

  /**
   * One output of one golden file.
   *
   * @param golden the file
   * @param output its name; empty where a whole file cannot be checked
   * @param shape of the expected output
   * @param error relative; NaN where there is none
   * @param note one sentence where a number does not say it all, else empty
   */
  public record Line(
      Path golden,
      String output,
      List<Long> shape,
      double error,
      double tolerance,
      Verdict verdict,
      String note) {
    /** Copies the shape. */
    public Line {
      shape = List.copyOf(shape);
    }

    /** {@code forward.safetensors sample [3, 16, 6, 10] 2.1e-06 1e-04 PASS}. */
    @Override
    public String toString() {
      StringBuilder s = new StringBuilder().append(golden.getFileName());
      if (!output.isEmpty()) {
        s.append("  ").append(output).append(' ').append(shape);
      }
      if (verdict != Verdict.UNSUPPORTED) {
        s.append(String.format(Locale.ROOT, "  %.2e  %.0e", error, tolerance));
      }
      s.append("  ").append(verdict);
      return note.isEmpty() ? s.toString() : s.append("  ").append(note).toString();
    }
  }

  /** All lines, in order. */
  public record Report(List<Line> lines) {
    /** Copies the lines. */
    public Report {
      lines = List.copyOf(lines);
    }

    /** 0 if everything passed, 1 if anything failed, else 2: something could not be checked. */
    public int exitCode() {
      if (lines.stream().anyMatch(l -> l.verdict() == Verdict.FAIL)) {
        return 1;
      }
      return lines.stream().allMatch(l -> l.verdict() == Verdict.PASS) ? 0 : 2;
    }
  }

  /** Says in one sentence why something cannot be computed here. */
  static final class Unsupported extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Unsupported(String sentence) {
      super(sentence);
    }
  }

  private Verification() {}

  /**
   * Checks a checkpoint.
   *
   * @param folder in the diffusers layout; only the components that the golden files name are read
   * @param goldens their format is told in {@code oracles/README.md}
   * @param each told every line as soon as it is known
   * @throws ModelException if the checkpoint or a golden file is malformed
   */
  public static Report run(Path folder, List<Path> goldens, Device device, Consumer<Line> each) {
    return run(folder, goldens, null, device, each);
  }

  /**
   * Checks a checkpoint with a LoRA.
   *
   * @param lora the file that golden files with the metadata {@code lora} were made with, strong as
   *     their {@code lora_scale} says; null for the one that they name, beside them
   * @throws ModelException also if a LoRA is given that no golden file was made with
   */
  public static Report run(
      Path folder, List<Path> goldens, @Nullable Path lora, Device device, Consumer<Line> each) {
    if (goldens.isEmpty()) {
      throw new ModelException("name at least one golden file to verify " + folder + " against");
    }
    List<Line> lines = new ArrayList<>();
    boolean used = false;
    for (Path path : goldens) {
      try (Scope s = Scope.open()) {
        GoldenFile golden = GoldenFile.read(path, lora, device);
        used |= golden.lora() != null;
        List<Line> some;
        try {
          some = check(folder, golden, device);
        } catch (Unsupported e) {
          some = List.of(unsupported(golden, "", List.of(), String.valueOf(e.getMessage())));
        } catch (DiffusionException e) {
          throw new ModelException(path + ": " + e.getMessage(), e);
        }
        some.forEach(each);
        lines.addAll(some);
      }
    }
    if (lora != null && !used) {
      throw new ModelException(
          "none of the golden files was made with a LoRA (they lack the metadata lora), so "
              + lora
              + " was not loaded");
    }
    return new Report(lines);
  }

  private static List<Line> check(Path folder, GoldenFile golden, Device device) {
    String what = golden.text("component") + " " + golden.text("operation");
    String component = golden.text("component");
    String operation = golden.text("operation");
    boolean network =
        component.equals(ModelFamilies.standard().networkComponent())
            || (ModelFamilies.networkComponents().contains(component)
                && Files.exists(folder.resolve(component)));
    if (network && (operation.equals("forward") || operation.equals("backward"))) {
      return network(folder, component, golden, device, operation.equals("backward"));
    }
    boolean text = List.of("text_encoder", "text_encoder_2").contains(component);
    if (text && operation.equals("forward") && isClip(folder.resolve(component))) {
      return clip(folder.resolve(component), golden, device);
    }
    if (text && (operation.equals("forward") || operation.equals("backward"))) {
      return text(folder.resolve(component), golden, device, operation.equals("backward"));
    }
    return switch (what) {
      case "vae encode" -> encode(folder, golden, device);
      case "vae decode" -> decode(folder, golden, device);
      case "vae encode,decode" -> reconstruct(folder, golden, device);
      case "pipeline encode" -> compare(golden, family(folder).reference().encode(folder, golden));
      case "pipeline sample" ->
          compare(golden, family(folder).reference().sample(folder, golden, device));
      default ->
          throw new Unsupported(
              "The operation "
                  + what
                  + " cannot be checked yet; supported are forward and backward of transformer,"
                  + " unet, text_encoder and text_encoder_2, vae encode, decode, and both in turn,"
                  + " and pipeline encode and sample.");
    };
  }

  /** The class that a component's own configuration names. */
  private static String className(Path folder, String component) {
    return JsonConfig.read(folder.resolve(component).resolve("config.json"))
        .string("_class_name", "");
  }

  /** The family of a checkpoint's network, wherever it lies. */
  private static ModelFamily family(Path folder) {
    return family(
        folder,
        ModelFamilies.networkComponents().stream()
            .filter(c -> Files.isDirectory(folder.resolve(c)))
            .findFirst()
            .orElse(ModelFamilies.standard().networkComponent()));
  }

  private static ModelFamily family(Path folder, String component) {
    String name = className(folder, component);
    ModelFamily family = ModelFamilies.reading(component, name);
    if (family == null) {
      throw new Unsupported(
          (component.equals("transformer") ? "Transformers" : "Networks")
              + " of class "
              + name
              + " cannot be computed yet, only "
              + String.join(", ", ModelFamilies.networkClasses(component))
              + ".");
    }
    return family;
  }

  private static List<Line> network(
      Path folder, String component, GoldenFile golden, Device device, boolean backward) {
    int patch = golden.has("patch_size") ? golden.integer("patch_size") : 0;
    ModelFamily family = family(folder, component);
    ModelFamily.Reference reference = family.reference();
    NoiseSchedule any = family.recipe().schedule(); // raw answers do not depend on it
    try (Backbone opened =
            family.open(
                Component.of(folder.resolve(component)), any, patch, device, golden.precision());
        Backbone network = golden.adapted(opened)) {
      Map<String, Tensor> leaves = new LinkedHashMap<>();
      for (String name : reference.leaves()) {
        leaves.put(name, golden.input(name).detach().requireGrad(backward));
      }
      if (golden.precision() == Precision.BF16) {
        round(opened.parameters()); // the reference keeps weights in that dtype, norms' too
      }
      opened.parameters().trainable(backward);
      network.parameters().trainable(backward);
      Tensor sample = reference.forward(network, golden, leaves);
      Map<String, Tensor> answers = new LinkedHashMap<>();
      answers.put("sample", sample);
      if (backward) {
        sample.backward(golden.input("cotangent"));
        leaves.forEach((name, leaf) -> answers.put("grad." + name, gradient(leaf)));
        for (Backbone each : List.of(opened, network)) { // one network, but for adapters
          each.parameters()
              .values()
              .forEach((name, weight) -> answers.put("grad.weights." + name, gradient(weight)));
        }
      }
      return compare(golden, answers);
    }
  }

  /**
   * A text encoder's states, and the gradients of its weights: of {@code last_hidden_state} by
   * {@code cotangent} if the file has a gradient of the norm that makes it, else of the state that
   * conditions pictures, the one before the last layer.
   */
  private static List<Line> text(Path folder, GoldenFile golden, Device device, boolean backward) {
    String type = TextNetworks.modelType(folder);
    if (!TextNetworks.modelTypes().contains(type)) {
      throw new Unsupported(
          "Text encoders of type "
              + type
              + " cannot be computed yet, only "
              + String.join(", ", TextNetworks.modelTypes())
              + ".");
    }
    DType storage = backward ? DType.FLOAT32 : golden.precision().products();
    try (TextNetwork network = TextNetworks.open(folder, device, golden.precision(), storage);
        Autograd recording = backward ? Autograd.on() : Autograd.off()) {
      network.parameters().trainable(backward);
      Map<String, Tensor> answers =
          new LinkedHashMap<>(
              network.outputs(
                  golden.raw("input_ids").to(DType.INT64),
                  golden.hasInput("attention_mask") ? golden.raw("attention_mask") : null));
      if (backward) {
        boolean last =
            golden.outputs().keySet().stream()
                .anyMatch(name -> name.matches("grad\\.weights\\.(model\\.)?norm\\.weight"));
        Tensor of = answers.get(last ? TextNetwork.LAST : TextNetwork.PENULTIMATE);
        if (of == null) {
          throw new Unsupported("Text encoders of type " + type + " have no such state.");
        }
        of.backward(golden.input("cotangent"));
        network
            .parameters()
            .values()
            .forEach(
                (name, weight) -> {
                  answers.put("grad.weights." + name, gradient(weight));
                  answers.put("grad.weights.model." + name, gradient(weight));
                });
      }
      return compare(golden, answers);
    }
  }

  private static void round(Parameters parameters) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      parameters.values().values().forEach(w -> w.copyFrom(w.to(DType.BFLOAT16)));
    }
    parameters.changed();
  }

  /** A leaf's gradient; zeros if the answer does not depend on it. */
  private static Tensor gradient(Tensor leaf) {
    Tensor g = leaf.grad();
    return g == null ? Tensor.zeros(leaf.dtype(), leaf.device(), leaf.shape()) : g;
  }

  /** The codec of a checkpoint, without its normalisation: golden files hold raw latents. */
  private static Codec codec(Path folder, Device device) {
    if (Taef2Codec.isIn(folder)) { // as its weights are handed round, without a model about them
      return Taef2Codec.load(folder, device);
    }
    String name = className(folder, "vae");
    if (!Codecs.CLASSES.contains(name)) {
      throw new Unsupported(
          "Codecs of class "
              + name
              + " cannot be computed yet, only "
              + String.join(", ", Codecs.CLASSES)
              + ".");
    }
    return Codecs.load(folder.resolve("vae"), device).codec();
  }

  private static boolean isClip(Path folder) {
    List<@Nullable String> classes =
        JsonConfig.read(folder.resolve("config.json")).strings("architectures");
    return classes.size() == 1 && ClipTextModel.CLASSES.contains(classes.get(0));
  }

  /** The hidden states of a CLIP text encoder, under transformers' names. */
  private static List<Line> clip(Path folder, GoldenFile golden, Device device) {
    try (ClipTextModel model = ClipTextModel.open(Component.of(folder), device)) {
      ClipTextModel.Output output =
          model.forward(
              golden.raw("input_ids").to(DType.INT64),
              golden.hasInput("attention_mask")
                  ? golden.raw("attention_mask").to(DType.INT64)
                  : null);
      return compare(
          golden,
          Map.of(
              "hidden_states.-2", output.penultimate(),
              "last_hidden_state", output.last(),
              "pooled", output.pooled()));
    }
  }

  private static List<Line> encode(Path folder, GoldenFile golden, Device device) {
    try (Codec codec = codec(folder, device);
        Autograd off = Autograd.off()) {
      Tensor images = golden.input("sample");
      Map<String, Tensor> answers = new LinkedHashMap<>();
      if (codec instanceof AutoencoderKl kl) { // its golden files are in its own range, [−1, 1]
        List<Tensor> posterior = kl.posterior(images);
        answers.put("mean", posterior.get(0));
        answers.put("logvar", posterior.get(1));
      } else {
        answers.put("mean", codec.encode(images));
      }
      return compare(golden, answers);
    }
  }

  private static List<Line> decode(Path folder, GoldenFile golden, Device device) {
    try (Codec codec = codec(folder, device);
        Autograd off = Autograd.off()) {
      Tensor latents = golden.input("latents");
      Tensor images =
          codec instanceof AutoencoderKl kl ? kl.picture(latents) : codec.decode(latents);
      return compare(golden, Map.of("sample", images));
    }
  }

  /** There and back: of {@code image} in [0, 1] the {@code latents}, and of these the image. */
  private static List<Line> reconstruct(Path folder, GoldenFile golden, Device device) {
    try (Codec codec = codec(folder, device);
        Autograd off = Autograd.off()) {
      Tensor latents = codec.encode(golden.input("image"));
      return compare(golden, Map.of("latents", latents, "image", codec.decode(latents)));
    }
  }

  // ------------------------------------------------------------------ comparing

  private static List<Line> compare(GoldenFile golden, Map<String, Tensor> answers) {
    List<Line> lines = new ArrayList<>();
    golden
        .outputs()
        .forEach((name, expected) -> lines.add(compare(golden, name, answers.get(name), expected)));
    return lines;
  }

  private static Line compare(
      GoldenFile golden, String name, @Nullable Tensor actual, Tensor expected) {
    List<Long> shape = Arrays.stream(expected.shape()).boxed().toList();
    if (actual == null) {
      return unsupported(golden, name, shape, "This output is not computed here.");
    }
    if (!Arrays.equals(actual.shape(), expected.shape())) {
      String note = "The shape here is " + Arrays.toString(actual.shape()) + ".";
      return new Line(
          golden.path(), name, shape, Double.NaN, golden.tolerance(), Verdict.FAIL, note);
    }
    double error = relativeError(actual, expected);
    Verdict verdict = error <= golden.tolerance() ? Verdict.PASS : Verdict.FAIL; // NaN fails
    String note = Double.isNaN(error) ? "There are values that are not finite." : "";
    return new Line(golden.path(), name, shape, error, golden.tolerance(), verdict, note);
  }

  private static Line unsupported(
      GoldenFile golden, String name, List<Long> shape, String sentence) {
    return new Line(
        golden.path(), name, shape, Double.NaN, golden.tolerance(), Verdict.UNSUPPORTED, sentence);
  }

  /** {@code max|a − b| / max|b|}; of zeros, whether they are zeros here too. */
  private static double relativeError(Tensor actual, Tensor expected) {
    if (expected.count() == 0) {
      return 0;
    }
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      Tensor a = actual.detach().to(Device.CPU).to(DType.FLOAT64).reshape(expected.count());
      Tensor b = expected.to(Device.CPU).to(DType.FLOAT64).reshape(expected.count());
      if (!a.allFinite() || !b.allFinite()) {
        return Double.NaN;
      }
      double difference = a.sub(b).abs().max(false, 0).item();
      double largest = b.abs().max(false, 0).item();
      if (largest == 0) {
        return difference == 0 ? 0 : Double.POSITIVE_INFINITY;
      }
      return difference / largest;
    }
  }
}
