package org.peltast.evaluate;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * A judge on disk: {@code config.json} (a {@link JudgeConfig}), {@code model.safetensors} (the
 * weights) and {@code reference.safetensors}, the mean and covariance of its features over real
 * pictures, which carries the checksum of the weights that saw them: statistics of other weights
 * would give distances without meaning.
 */
public final class JudgeFolder {
  private static final String CONFIG = "config.json";
  private static final String WEIGHTS = "model.safetensors";
  private static final String REFERENCE = "reference.safetensors";

  private final Path folder;

  private JudgeFolder(Path folder) {
    this.folder = folder;
  }

  /** A folder, which need not exist yet. */
  public static JudgeFolder at(Path folder) {
    return new JudgeFolder(folder);
  }

  /**
   * Reads the judge.
   *
   * @throws EvaluationException if a file is missing or does not fit
   */
  public Judge load(Device device) {
    Path config = required(CONFIG);
    Path weights = required(WEIGHTS);
    JudgeConfig shape;
    try {
      shape = JsonMapper.builder().build().readValue(config.toFile(), JudgeConfig.class);
    } catch (JacksonException e) {
      throw new EvaluationException(
          String.format(Locale.ROOT, "The judge's %s cannot be read: %s.", config, firstLine(e)),
          e);
    }
    Judge judge = Judge.create(shape, device);
    try (Scope scope = Scope.open()) {
      judge.parameters().load(TensorFiles.read(weights));
      return judge;
    } catch (RuntimeException e) {
      judge.close();
      throw new EvaluationException(
          String.format(
              Locale.ROOT, "The judge's weights %s cannot be used: %s.", weights, firstLine(e)),
          e);
    }
  }

  private static String firstLine(Exception e) {
    String message = e.getMessage() == null ? e.toString() : e.getMessage();
    return message.lines().findFirst().orElse("").replaceAll("\\.$", "");
  }

  /**
   * Writes shape and weights, replacing what was there; reference statistics of other weights go.
   *
   * @param dtype of the file: float32, or bfloat16 at half the size
   */
  public void save(Judge judge, DType dtype) {
    Map<String, Tensor> values = new LinkedHashMap<>();
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      Files.createDirectories(folder);
      Files.deleteIfExists(folder.resolve(REFERENCE));
      judge
          .parameters()
          .values()
          .forEach((n, t) -> values.put(n, t.detach().to(Device.CPU).to(dtype)));
      TensorFiles.write(folder.resolve(WEIGHTS), values, Map.of("format", "pt"));
      Files.writeString(
          folder.resolve(CONFIG),
          JsonMapper.builder()
                  .build()
                  .writerWithDefaultPrettyPrinter()
                  .writeValueAsString(judge.config())
              + "\n");
    } catch (IOException e) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "The judge cannot be written to %s (%s); free space there, or name another folder.",
              folder,
              e),
          e);
    }
  }

  /**
   * Writes the statistics of real pictures beside the weights that saw them.
   *
   * @param pictures what they are the statistics of, in words
   */
  public void saveReference(GaussianStatistics statistics, String pictures) {
    int d = statistics.width();
    try (Scope scope = Scope.open()) {
      // float32: the covariance of a few thousand pictures is known to three digits.
      TensorFiles.write(
          folder.resolve(REFERENCE),
          Map.of(
              "mean", Tensor.of(statistics.mean(), d).to(DType.FLOAT32),
              "covariance", Tensor.of(statistics.covariance(), d, d).to(DType.FLOAT32)),
          new TreeMap<>(
              Map.of(
                  "count", Long.toString(statistics.count()),
                  "pictures", pictures,
                  "weights", checksum())));
    }
  }

  /**
   * Reads the statistics of real pictures.
   *
   * @throws EvaluationException if there are none, or they were computed with other weights
   */
  public GaussianStatistics reference() {
    Path file = required(REFERENCE);
    Map<String, String> metadata = TensorFiles.metadata(file);
    if (!checksum().equals(metadata.get("weights"))) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "The statistics in %s were computed with other weights than %s has; compute them again.",
              file,
              WEIGHTS));
    }
    String count = metadata.getOrDefault("count", "");
    try (Scope scope = Scope.open()) {
      Map<String, Tensor> values = TensorFiles.read(file);
      Tensor mean = values.get("mean");
      Tensor covariance = values.get("covariance");
      if (mean == null || covariance == null || !count.matches("\\d{1,12}")) {
        throw new EvaluationException(
            String.format(
                Locale.ROOT,
                "The statistics in %s lack mean, covariance or count; compute them again.",
                file));
      }
      return new GaussianStatistics(
          Long.parseLong(count),
          mean.to(DType.FLOAT64).toDoubles(),
          covariance.to(DType.FLOAT64).toDoubles());
    }
  }

  /** The SHA-256 of the weights' file, in hexadecimal: names the judge in reports. */
  public String checksum() {
    try {
      byte[] bytes = Files.readAllBytes(required(WEIGHTS)); // a few MB
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (IOException e) {
      throw new EvaluationException(
          String.format(Locale.ROOT, "The judge's weights in %s cannot be read (%s).", folder, e),
          e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JDK has SHA-256
    }
  }

  private Path required(String name) {
    Path file = folder.resolve(name);
    if (!Files.isRegularFile(file)) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "There is no judge in %s (%s is missing): train one with 'peltast train judge', or name its folder.",
              folder,
              name));
    }
    return file;
  }
}
