package org.peltast.models;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.peltast.models.files.JsonConfig;
import org.peltast.models.text.MiniLmEncoder;
import org.peltast.models.text.TextEncoder;
import tools.jackson.databind.node.ObjectNode;

/** Text encoders in model folders: what {@code text_encoder/} holds. */
final class TextEncoders {
  private static final String COMPONENT = "text_encoder";
  private static final String MINILM = "MiniLmEncoder";

  private TextEncoders() {}

  /** The encoder that a model's index names, checked now and opened when it is first needed. */
  static Supplier<TextEncoder> open(Path folder, JsonConfig index) {
    String name = ModelFolder.componentClass(index, COMPONENT);
    if (name == null) {
      return () -> {
        throw new ModelException(folder + " has no text encoder, so it cannot read prompts");
      };
    }
    if (!name.equals(MINILM)) {
      throw new ModelException(
          index.file() + ": the text_encoder is of class " + name + "; supported is " + MINILM);
    }
    JsonConfig json = JsonConfig.read(folder.resolve(COMPONENT).resolve("config.json"));
    json.requireKnown(Set.of("id", "max_tokens"));
    String id = json.string("id");
    int tokens = json.integer("max_tokens", MiniLmEncoder.DEFAULT_MAX_TOKENS);
    if (tokens < 3 || tokens > 512) {
      throw new ModelException(json.file() + ": max_tokens must be 3 to 512, but is " + tokens);
    }
    return () -> {
      TextEncoder encoder = new MiniLmEncoder(tokens);
      if (!encoder.id().equals(id)) {
        encoder.close();
        throw new ModelException(
            json.file()
                + ": the model was trained with the text encoder "
                + id
                + ", but this build has "
                + encoder.id()
                + "; use the version of Peltast that wrote the model");
      }
      return encoder;
    };
  }

  /** Writes an encoder's id, its weights being the project's, and says the components' classes. */
  static Map<String, List<@Nullable String>> write(Path folder, TextEncoder encoder)
      throws IOException {
    ObjectNode text = JsonConfig.JSON.createObjectNode();
    text.put("_class_name", MINILM);
    text.put("id", encoder.id());
    text.put("max_tokens", encoder.maxTokens());
    JsonConfig.write(Files.createDirectory(folder.resolve(COMPONENT)).resolve("config.json"), text);
    Map<String, List<@Nullable String>> components = new TreeMap<>();
    components.put(COMPONENT, List.of("peltast", MINILM));
    components.put("tokenizer", Arrays.asList(null, null));
    return components;
  }
}
