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
import org.peltast.models.files.LinkedFiles;
import org.peltast.models.text.LanguageModelEncoder;
import org.peltast.models.text.MiniLmEncoder;
import org.peltast.models.text.TextEncoder;
import org.peltast.models.text.TextOutline;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import tools.jackson.databind.node.ObjectNode;

/** Text encoders in model folders: what {@code text_encoder/} holds. */
final class TextEncoders {
  private static final String COMPONENT = "text_encoder";
  private static final String TOKENIZER = "tokenizer";
  private static final String MINILM = "MiniLmEncoder";

  /** The language models of transformers, with or without the head that nobody asks. */
  private static final List<String> LANGUAGE_MODELS =
      List.of("Qwen3Model", "Qwen3ForCausalLM", "Gemma2Model", "Gemma2ForCausalLM");

  private TextEncoders() {}

  /** Whether a model's index names the project's own encoder. */
  static boolean isOwn(JsonConfig index) {
    return MINILM.equals(ModelFolder.componentClass(index, COMPONENT));
  }

  /** The encoder that a model's index names, checked now and opened when it is first needed. */
  static Supplier<TextEncoder> open(
      ModelSource source, JsonConfig index, Device device, Precision precision) {
    Path folder = source.folder();
    String name = ModelFolder.componentClass(index, COMPONENT);
    if (name == null) {
      return () -> {
        throw new ModelException(folder + " has no text encoder, so it cannot read prompts");
      };
    }
    if (LANGUAGE_MODELS.contains(name)) {
      LanguageModelEncoder encoder =
          LanguageModelEncoder.open(
              source.component(COMPONENT), folder.resolve(TOKENIZER), device, precision);
      return () -> encoder;
    }
    if (!name.equals(MINILM)) {
      throw new ModelException(
          index.file()
              + ": the text_encoder is of class "
              + name
              + "; supported are "
              + String.join(", ", LANGUAGE_MODELS)
              + " and "
              + MINILM);
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

  /** See {@link ModelFamily#outlineText}. */
  static TextOutline outline(Path folder, JsonConfig index, Precision precision) {
    String name = ModelFolder.componentClass(index, COMPONENT);
    Path at = folder.resolve(COMPONENT);
    if (name != null && LANGUAGE_MODELS.contains(name)) {
      return LanguageModelEncoder.outline(at, precision);
    }
    if (name == null || !name.equals(MINILM)) {
      TextEncoder opened =
          open(ModelSource.of(folder), index, Device.CPU, precision).get(); // or says why not
      return new TextOutline(opened.maxTokens(), 0, opened.isLarge());
    }
    JsonConfig json = JsonConfig.read(at.resolve("config.json"));
    return new TextOutline(
        json.integer("max_tokens", MiniLmEncoder.DEFAULT_MAX_TOKENS), MiniLmEncoder.bytes(), false);
  }

  /**
   * Writes the text side: a language model's files, as links to those that it was read from where
   * the disk allows, or the id of the project's own encoder; and says the components' classes.
   */
  static Map<String, List<@Nullable String>> write(Path folder, TextEncoder encoder)
      throws IOException {
    Map<String, List<@Nullable String>> components = new TreeMap<>();
    if (encoder instanceof LanguageModelEncoder model) {
      LinkedFiles.put(model.component().files(), folder.resolve(COMPONENT));
      LinkedFiles.put(model.tokenizerFolder(), folder.resolve(TOKENIZER));
      components.put(COMPONENT, List.of("transformers", model.className()));
      components.put(TOKENIZER, List.of("transformers", model.tokenizerClass()));
      return components;
    }
    ObjectNode text = JsonConfig.JSON.createObjectNode();
    text.put("_class_name", MINILM);
    text.put("id", encoder.id());
    text.put("max_tokens", encoder.maxTokens());
    JsonConfig.write(Files.createDirectory(folder.resolve(COMPONENT)).resolve("config.json"), text);
    components.put(COMPONENT, List.of("peltast", MINILM));
    components.put(TOKENIZER, Arrays.asList(null, null));
    return components;
  }
}
