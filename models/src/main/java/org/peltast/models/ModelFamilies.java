package org.peltast.models;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The model families of this build: those that {@code META-INF/services} names, in the order of
 * their ids.
 */
public final class ModelFamilies {
  /** The family of the models that come with the project, and of recipes that name none. */
  public static final String STANDARD = "z-image";

  private static final class All {
    static final List<ModelFamily> FAMILIES = load();

    private static List<ModelFamily> load() {
      List<ModelFamily> families = new ArrayList<>();
      ServiceLoader.load(ModelFamily.class, ModelFamily.class.getClassLoader())
          .forEach(families::add);
      families.sort(Comparator.comparing(ModelFamily::id));
      return List.copyOf(families);
    }
  }

  private ModelFamilies() {}

  /** All of them. */
  public static List<ModelFamily> all() {
    return All.FAMILIES;
  }

  /**
   * The family of an id.
   *
   * @throws ModelException naming those there are, if it is none of them
   */
  public static ModelFamily named(String id) {
    return all().stream()
        .filter(f -> f.id().equals(id))
        .findFirst()
        .orElseThrow(
            () ->
                new ModelException(
                    "unknown model family '"
                        + id
                        + "'; use "
                        + all().stream().map(ModelFamily::id).collect(Collectors.joining(" or "))));
  }

  /** The {@link #STANDARD} family. */
  public static ModelFamily standard() {
    return named(STANDARD);
  }

  /** The family that reads networks of a class in a component's folder; null if none does. */
  static @Nullable ModelFamily reading(String component, @Nullable String className) {
    return all().stream()
        .filter(f -> f.networkComponent().equals(component) && f.networkClass().equals(className))
        .findFirst()
        .orElse(null);
  }

  /** The folders in which families keep their networks. */
  static List<String> networkComponents() {
    return all().stream().map(ModelFamily::networkComponent).distinct().toList();
  }

  /** The networks' classes of all families that keep theirs in a folder. */
  static List<String> networkClasses(String component) {
    return all().stream()
        .filter(f -> f.networkComponent().equals(component))
        .map(ModelFamily::networkClass)
        .toList();
  }
}
