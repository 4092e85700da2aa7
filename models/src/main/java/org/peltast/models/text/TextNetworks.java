package org.peltast.models.text;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.peltast.models.ModelException;
import org.peltast.models.files.Component;
import org.peltast.models.files.JsonConfig;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;

/**
 * Opens the networks of text encoders, as transformers writes them, by their {@code model_type}.
 */
public final class TextNetworks {
  private TextNetworks() {}

  /** The values of {@code model_type} that can be opened. */
  public static List<String> modelTypes() {
    List<String> types = new ArrayList<>();
    for (DecoderConfig.Architecture architecture : DecoderConfig.Architecture.values()) {
      types.add(architecture.modelType());
    }
    return types;
  }

  /** The {@code model_type} of a folder's {@code config.json}. */
  public static String modelType(Path folder) {
    return JsonConfig.read(folder.resolve("config.json")).string("model_type", "");
  }

  /**
   * Opens a network.
   *
   * @param folder with {@code config.json} and weights, single or in shards
   * @param precision of products
   * @param storage the dtype that matrices are kept in
   * @throws ModelException if the folder is of another type, or malformed in any way
   */
  public static TextNetwork open(Path folder, Device device, Precision precision, DType storage) {
    return DecoderFiles.open(Component.of(folder)).load(device, precision, storage);
  }
}
