package org.peltast.safetensors;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The checkpoints in a folder: safetensors files and indexes of shards, each plain or a variant, as
 * diffusers names them ({@code model.fp16.safetensors}, {@code model.safetensors.index.fp16.json}).
 *
 * <p>What desktops, archives and download caches leave behind is passed over: names that begin with
 * a dot. Weights in other formats are counted, for the sentence where there are no others.
 */
final class CheckpointFolder {
  /** The endings of files, in any case; the second one is ComfyUI's too. */
  private static final Set<String> ENDINGS = Set.of("safetensors", "sft");

  /** The name without its ending, and a variant behind the ending of an index. */
  private static final Pattern INDEX =
      Pattern.compile("(.+)\\.safetensors\\.index(?:\\.([^.]+))?\\.json");

  private static final Pattern SHARD_NUMBER = Pattern.compile("-\\d+-of-\\d+");
  private static final Pattern ONE_OF_SEVERAL = Pattern.compile("-\\d+-of-(?!0*1\\b)\\d+");
  private static final Set<String> PICKLES =
      Set.of("bin", "pt", "pth", "ckpt", "pkl", "pickle", "th");
  private static final Set<String> OTHERS =
      Set.of("msgpack", "h5", "onnx", "onnx_data", "gguf", "npz", "tflite");

  /** A file or an index; its variant is null if it is the plain one. */
  private record Candidate(Path path, @Nullable String variant) {}

  private final Path folder;
  private final List<Candidate> candidates = new ArrayList<>();
  private final List<String> pickles = new ArrayList<>();
  private final List<String> others = new ArrayList<>();

  private CheckpointFolder(Path folder) {
    this.folder = folder;
  }

  /** Whether a file is an index of shards by its name. */
  static boolean isIndex(Path file) {
    String name = file.getFileName().toString();
    return !name.startsWith(".") && INDEX.matcher(name).matches();
  }

  /** Whether a file is safetensors by its name. */
  static boolean isWeights(Path file) {
    String name = file.getFileName().toString();
    return !name.startsWith(".") && ENDINGS.contains(ending(name));
  }

  /** Whether a file has weights in another format by its name. */
  static boolean isOtherFormat(Path file) {
    String name = file.getFileName().toString();
    String ending = ending(name);
    return !name.startsWith(".") && (PICKLES.contains(ending) || OTHERS.contains(ending));
  }

  private static String ending(String name) {
    return name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
  }

  /** Lists a folder. Indexes are read, for what they name is no checkpoint of its own. */
  static CheckpointFolder list(Path folder) {
    CheckpointFolder listed = new CheckpointFolder(folder);
    List<Path> files = new ArrayList<>();
    try (Stream<Path> list = Files.list(folder)) {
      list.sorted().forEach(path -> listed.sort(path, files));
    } catch (IOException e) {
      throw SafetensorsFile.unreadable(folder, e);
    } catch (UncheckedIOException e) {
      throw SafetensorsFile.unreadable(folder, Objects.requireNonNull(e.getCause()));
    }
    for (Candidate index : List.copyOf(listed.candidates)) {
      var shards = ShardedCheckpoint.readIndex(index.path()).values();
      files.removeIf(file -> shards.contains(file.getFileName().toString()));
    }
    files.forEach(file -> listed.candidates.add(new Candidate(file, variantOf(stem(file)))));
    return listed;
  }

  private void sort(Path path, List<Path> files) {
    String name = path.getFileName().toString();
    if (name.startsWith(".") || Files.isDirectory(path)) {
      return;
    }
    Matcher index = INDEX.matcher(name);
    String ending = ending(name);
    if (index.matches()) {
      String behind = index.group(2);
      candidates.add(new Candidate(path, behind != null ? behind : variantOf(index.group(1))));
    } else if (ENDINGS.contains(ending)) {
      files.add(path);
    } else if (PICKLES.contains(ending)) {
      pickles.add(name);
    } else if (OTHERS.contains(ending)) {
      others.add(name);
    }
  }

  private static String stem(Path file) {
    String name = file.getFileName().toString();
    return name.substring(0, name.lastIndexOf('.'));
  }

  /** What stands behind the last dot: {@code fp16} of {@code model.fp16-00001-of-00002}. */
  private static @Nullable String variantOf(String stem) {
    String name = SHARD_NUMBER.matcher(stem).replaceFirst("");
    int dot = name.lastIndexOf('.');
    return dot < 1 || dot == name.length() - 1 ? null : name.substring(dot + 1);
  }

  /** The variants that are here, plain ones left out. */
  Set<String> variants() {
    Set<String> variants = new TreeSet<>();
    for (Candidate candidate : candidates) {
      if (candidate.variant() != null) {
        variants.add(candidate.variant());
      }
    }
    return variants;
  }

  /**
   * The one checkpoint that is meant: of the wanted variant if it is here; else the plain one; else
   * the only one.
   *
   * @throws SafetensorsException if there is none, or it is not clear which
   */
  Path choose(@Nullable String variant) {
    if (candidates.isEmpty()) {
      throw none();
    }
    List<Candidate> wanted =
        candidates.stream().filter(c -> variant != null && variant.equals(c.variant())).toList();
    List<Candidate> plain = candidates.stream().filter(c -> c.variant() == null).toList();
    List<Candidate> left = !wanted.isEmpty() ? wanted : !plain.isEmpty() ? plain : candidates;
    List<String> names =
        left.stream().map(c -> c.path().getFileName().toString()).limit(3).toList();
    String some =
        StrictText.printable(String.join(", ", names)) + (left.size() > names.size() ? ", …" : "");
    if (names.stream().allMatch(name -> ONE_OF_SEVERAL.matcher(name).find())) {
      throw new SafetensorsException(
          folder,
          null,
          "it holds shards (" + some + "), but not the index that says what is in which",
          "fetch the file that ends in .safetensors.index.json, too");
    }
    if (left.size() == 1) {
      return left.get(0).path();
    }
    boolean byVariant = wanted.isEmpty() && plain.isEmpty() && variants().size() == left.size();
    throw new SafetensorsException(
        folder,
        null,
        "the folder holds more than one checkpoint (" + some + ")",
        byVariant
            ? "say which variant is meant: " + String.join(" or ", variants())
            : "name the file or index that you mean, or move the others out of the folder");
  }

  private SafetensorsException none() {
    if (!pickles.isEmpty()) {
      return new SafetensorsException(
          folder,
          null,
          "its weights are pickles ("
              + StrictText.shortened(pickles.get(0), 80)
              + (pickles.size() > 1 ? ", …" : "")
              + "), and there is no safetensors file",
          "convert them in Python, by torch.load(file, weights_only=True) and"
              + " safetensors.torch.save_file, or load the model with the library that wrote it and"
              + " save_pretrained it again");
    }
    if (!others.isEmpty()) {
      return new SafetensorsException(
          folder,
          null,
          "its weights are in another format ("
              + StrictText.shortened(others.get(0), 80)
              + (others.size() > 1 ? ", …" : "")
              + "), and there is no safetensors file",
          "fetch or export the model as safetensors");
    }
    return new SafetensorsException(
        folder,
        null,
        "the folder holds neither a safetensors file nor an index of shards",
        "name the folder of one component, such as transformer/, or a file");
  }
}
