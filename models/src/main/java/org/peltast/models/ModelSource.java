package org.peltast.models;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.peltast.models.files.Component;
import org.peltast.safetensors.Checkpoint;
import org.peltast.safetensors.SafetensorsException;
import org.peltast.tensor.DType;

/**
 * Where a model is read from: a model folder, and which of its files.
 *
 * @param folder that holds {@code model_index.json}
 * @param variant of the checkpoints, as {@code fp16}, in the components that have it; null for the
 *     plain ones
 * @param network a checkpoint that has the network's weights instead of those in the folder, such
 *     as a single file of ComfyUI; null for the folder's own
 * @param kept the dtype that the network's weights are kept in once they are read
 */
public record ModelSource(
    Path folder, @Nullable String variant, @Nullable Path network, DType kept) {
  private static final String VAE = "vae";

  /** A source whose weights are kept in float32. */
  public ModelSource(Path folder, @Nullable String variant, @Nullable Path network) {
    this(folder, variant, network, DType.FLOAT32);
  }

  /** A folder with its plain checkpoints. */
  public static ModelSource of(Path folder) {
    return new ModelSource(folder, null, null);
  }

  /** The same of another folder. */
  public ModelSource in(Path other) {
    return new ModelSource(other, variant, network, kept);
  }

  /**
   * The same, kept in another dtype.
   *
   * @param dtype FLOAT32 or BFLOAT16
   */
  public ModelSource keptIn(DType dtype) {
    return new ModelSource(folder, variant, network, dtype);
  }

  /**
   * The family of the folder's network.
   *
   * @throws ModelException if the folder is no model folder, or no family reads it
   */
  public ModelFamily family() {
    return ModelFolder.family(ModelFolder.index(folder));
  }

  /** The network's component. */
  public Component network(ModelFamily family) {
    return new Component(folder.resolve(family.networkComponent()), variant, network, kept);
  }

  /** The component in a folder of that name, any but the {@linkplain #network network's}. */
  public Component component(String name) {
    return new Component(folder.resolve(name), variant, null);
  }

  /** The codec's component. */
  Component vae() {
    return component(VAE);
  }

  /**
   * Refuses a variant that no component has, and a network's file that is none.
   *
   * @throws ModelException naming the variants there are
   */
  void require(ModelFamily family) {
    if (network != null && !Files.isRegularFile(network)) {
      throw new ModelException(
          network
              + (Files.isDirectory(network) ? " is a folder" : " does not exist")
              + "; name a safetensors file, or an index of shards, with the network's weights");
    }
    if (variant == null) {
      return;
    }
    Set<String> there = new TreeSet<>();
    for (String component : componentsOf(family)) {
      there.addAll(Component.of(folder.resolve(component)).variants());
    }
    if (!there.contains(variant)) {
      throw new ModelException(
          folder
              + " has no weights of the variant "
              + variant
              + (there.isEmpty()
                  ? ", nor of any other; leave the variant out"
                  : "; it has " + String.join(", ", there)));
    }
  }

  private static List<String> componentsOf(ModelFamily family) {
    List<String> all = new ArrayList<>(ModelFolder.COMPONENT_FOLDERS);
    all.removeAll(ModelFamilies.networkComponents());
    all.add(family.networkComponent());
    return all;
  }

  /**
   * The files whose content decides what the model computes, links followed: configurations,
   * vocabularies, and the chosen checkpoints. Not among them is what lies beside: other variants,
   * weights in other formats, cards, what desktops and download caches leave behind.
   *
   * @return each file by a name that does not depend on where it lies
   * @throws ModelException if the folder is no model folder
   */
  public Map<String, Path> files() {
    ModelFamily family = ModelFolder.family(ModelFolder.index(folder));
    Map<String, Path> files = new TreeMap<>();
    for (String name : ModelFolder.FILES) {
      if (Files.isRegularFile(folder.resolve(name))) {
        files.put(name, folder.resolve(name));
      }
    }
    for (String component : componentsOf(family)) {
      Path at = folder.resolve(component);
      boolean isNetwork = component.equals(family.networkComponent());
      if (Files.isDirectory(at)) {
        texts(at).forEach(file -> files.put(component + "/" + file.getFileName(), file));
        List<Path> weights = weights(new Component(at, variant, isNetwork ? network : null));
        for (int i = 0; i < weights.size(); i++) {
          files.put(String.format(Locale.ROOT, "%s/weights-%05d", component, i), weights.get(i));
        }
      }
    }
    return files;
  }

  /** Configurations and vocabularies; an index of shards says nothing that shards do not. */
  private static List<Path> texts(Path component) {
    try (Stream<Path> list = Files.list(component)) {
      return list.filter(ModelSource::isText).sorted().toList();
    } catch (IOException e) {
      throw new ModelException(component + " cannot be read (" + e.getMessage() + ")", e);
    }
  }

  private static boolean isText(Path file) {
    String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
    return !name.startsWith(".")
        && (name.endsWith(".json") || name.endsWith(".txt") || name.endsWith(".model"))
        && !name.contains(".index.")
        && Files.isRegularFile(file);
  }

  /** The files of the chosen checkpoint; all that there are where a codec has several. */
  private static List<Path> weights(Component component) {
    List<Path> all = List.of();
    if (component.checkpoint() == null) {
      try (Stream<Path> list = Files.list(component.folder())) {
        all = list.filter(Checkpoint::isWeights).sorted().toList();
      } catch (IOException e) {
        throw new ModelException(
            component.folder() + " cannot be read (" + e.getMessage() + ")", e);
      }
      if (all.isEmpty()) {
        return all; // of a codec that has none, or whose weights come with the project
      }
    }
    try {
      return component.shards();
    } catch (SafetensorsException e) {
      return all; // if it is a mistake, opening the model tells it
    }
  }
}
