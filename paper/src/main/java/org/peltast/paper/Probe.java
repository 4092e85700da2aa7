package org.peltast.paper;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Denoiser;
import org.peltast.distill.Batch;
import org.peltast.distill.FlowMatching;
import org.peltast.distill.LearningRate;
import org.peltast.distill.Role;
import org.peltast.distill.UpdateExecutor;
import org.peltast.evaluate.RadialSpectrum;
import org.peltast.models.Backbone;
import org.peltast.models.TextToImage;
import org.peltast.models.text.Captions;
import org.peltast.report.figure.Figure;
import org.peltast.report.figure.FigureWriter;
import org.peltast.runs.Progress;
import org.peltast.runs.RunException;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.AdamW;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * The anatomy of the engine for a model of one's own: how large CFG augmentation (and, with a
 * student, distribution matching) is at each τ, at which spatial frequencies it pushes, what it
 * would be divided by, and which settings follow.
 *
 * <p>Images are the student's, or the teacher's samples without one. Distribution matching needs a
 * fake model, which is trained for a moment on the student's images.
 *
 * <p><b>Recommendations</b> are rules of thumb, not optima:
 *
 * <ul>
 *   <li>τ of CFG augmentation: the shortest central interval that holds 90 % of ‖CA‖ over τ;
 *   <li>τ of distribution matching: from the first to the last τ at which ‖DM‖ is a tenth of its
 *       largest value or more, all of [0, 1] if there is no student;
 *   <li>α: the largest one at which the guided prediction's standard deviation is, averaged over τ,
 *       at most {@value #WIDER} times the conditional one's;
 *   <li>the floor: the residuals' 5 % quantile over images and τ, so that only the smallest
 *       divisors are raised.
 * </ul>
 */
public final class Probe {
  /**
   * What is looked at.
   *
   * @param prompts to draw, at least two
   * @param alphas guidance scales that are tried, rising
   * @param fakeUpdates of the fake model, if there is a student
   * @param seed of all noise
   */
  public record Settings(List<String> prompts, List<Double> alphas, int fakeUpdates, long seed) {
    /** Copies the lists and checks the ranges. */
    public Settings {
      prompts = List.copyOf(prompts);
      alphas = List.copyOf(alphas);
      if (prompts.size() < 2 || alphas.isEmpty() || fakeUpdates < 1) {
        throw new IllegalArgumentException(
            "a probe needs two prompts, a guidance scale and an update of the fake model or more");
      }
    }

    /** α from 1.5 to 10, and a hundred updates. */
    public static Settings of(List<String> prompts) {
      return new Settings(
          prompts, List.of(1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0), 100, 1);
    }
  }

  /**
   * What is seen at one τ; means over images.
   *
   * @param tau pre-shift, 0 is noise
   * @param ca the root mean square of x₀(c) − x₀(∅), before it is multiplied by α − 1
   * @param caCentroid its mean spatial frequency, as a share of Nyquist's
   * @param residual mean |x̂ − x₀(c)|, the conditional normaliser
   * @param dm the root mean square of x₀_real(c) − x₀_fake(c); NaN without a student
   * @param dmCentroid its mean spatial frequency; NaN without a student
   * @param cosine between the two; NaN without a student
   */
  public record Row(
      double tau,
      double ca,
      double caCentroid,
      double residual,
      double dm,
      double dmCentroid,
      double cosine) {}

  /**
   * What follows from it.
   *
   * @param ca the interval of τ for CFG augmentation
   * @param dm that for distribution matching
   * @param alpha the guidance scale
   * @param floor of the conditional normaliser
   */
  public record Advice(List<Double> ca, List<Double> dm, double alpha, double floor) {
    /** It as changes to a recipe. */
    public List<String> sets() {
      return List.of(
          String.format(Locale.ROOT, "method.alpha=%s", alpha),
          String.format(Locale.ROOT, "method.ca.tau=[%.2f, %.2f]", ca.get(0), ca.get(1)),
          String.format(Locale.ROOT, "method.dm.tau=[%.2f, %.2f]", dm.get(0), dm.get(1)),
          String.format(Locale.ROOT, "method.ca.normaliser.floor=%.3g", floor),
          String.format(Locale.ROOT, "method.dm.normaliser.floor=%.3g", floor));
    }
  }

  /**
   * All that was seen.
   *
   * @param rows by rising τ
   * @param spread by α, how much wider the guided prediction is than the conditional one
   * @param advice what follows
   */
  public record Anatomy(List<Row> rows, Map<Double, Double> spread, Advice advice) {}

  /** So much wider guided predictions may be; beyond it colours saturate. */
  static final double WIDER = 1.15;

  private static final int POINTS = 19;
  private static final double INSIDE = 0.9;
  private static final double FAINT = 0.1;
  private static final double QUANTILE = 0.05;
  private static final int BATCH = 8;
  private static final int POOL = 64;

  private Probe() {}

  /**
   * Looks.
   *
   * @param student whose images are looked at; null for the teacher's samples
   */
  public static Anatomy look(
      TextToImage teacher, @Nullable TextToImage student, Settings settings, Progress progress) {
    Captions captions = new Captions(teacher.textEncoder(), teacher.device());
    long all = (long) POINTS + (student == null ? 0 : settings.fakeUpdates());
    try (Scope scope = Scope.open()) {
      TextToImage drawing = student == null ? teacher : student;
      Tensor images =
          drawing
              .generateLatents(
                  settings.prompts(), settings.seed(), drawing.defaults(), 32, done -> {})
              .to(teacher.device());
      Condition condition = captions.of(settings.prompts());
      Condition empty = captions.empty(settings.prompts().size());
      if (student == null) {
        return seen(
            teacher.denoiser(),
            null,
            images,
            condition,
            empty,
            settings,
            done -> progress.step(done, all, Map.of()));
      }
      try (Backbone network = teacher.network().copy()) {
        Denoiser fake = teacher.denoiser().with(network);
        learn(fake, student, captions, settings, done -> progress.step(done, all, Map.of()));
        return seen(
            teacher.denoiser(),
            fake,
            images,
            condition,
            empty,
            settings,
            done -> progress.step(settings.fakeUpdates() + done, all, Map.of()));
      }
    }
  }

  /** Trains the fake model on images of the student. */
  private static void learn(
      Denoiser fake,
      TextToImage student,
      Captions captions,
      Settings settings,
      java.util.function.IntConsumer done) {
    Role.Settings trained =
        new Role.Settings(
            new LearningRate(4e-4, 10, 0), new AdamW.Settings(0, 0.95, 1e-8, 0), 1, 0);
    List<String> prompts = new ArrayList<>();
    for (int i = 0; i < POOL; i++) {
      prompts.add(settings.prompts().get(i % settings.prompts().size()));
    }
    try (Scope scope = Scope.open();
        Role role = new Role("fake", fake.network(), trained);
        FlowMatching method = new FlowMatching(fake, role, new FlowMatching.Settings(0, 0, 1))) {
      Tensor pool =
          student
              .generateLatents(prompts, settings.seed() + 1, student.defaults(), 32, drawn -> {})
              .to(student.device());
      UpdateExecutor executor = new UpdateExecutor(method, 1);
      List<Integer> latent = List.of((int) pool.size(1), (int) pool.size(2), (int) pool.size(3));
      for (int update = 0; update < settings.fakeUpdates(); update++) {
        int from = update * BATCH % (POOL - BATCH + 1);
        try (Scope each = Scope.open()) {
          Batch batch =
              new Batch(
                  captions.of(prompts.subList(from, from + BATCH)),
                  captions.empty(BATCH),
                  pool.narrow(0, from, BATCH),
                  latent,
                  0);
          executor.update(
              update,
              settings.fakeUpdates(),
              List.of(batch),
              Rng.of(settings.seed()).fork("fake").fork(update),
              () -> {});
        }
        done.accept(update + 1);
      }
    }
  }

  /**
   * Looks at images.
   *
   * @param fake null without a student
   * @param images x̂ [n, C, h, w]
   */
  static Anatomy seen(
      Denoiser teacher,
      @Nullable Denoiser fake,
      Tensor images,
      Condition condition,
      Condition empty,
      Settings settings,
      java.util.function.IntConsumer done) {
    List<Row> rows = new ArrayList<>();
    double[] wider = new double[settings.alphas().size()];
    List<Double> residuals = new ArrayList<>();
    for (int i = 0; i < POINTS; i++) {
      double tau = (i + 1.0) / (POINTS + 1);
      try (Scope scope = Scope.open();
          Autograd off = Autograd.off()) {
        long seed = settings.seed();
        Tensor c = Artefact.predicted(teacher, images, condition, tau, seed);
        Tensor u = Artefact.predicted(teacher, images, empty, tau, seed);
        Tensor ca = c.sub(u);
        double[] each = images.sub(c).abs().mean(false, 1, 2, 3).toDoubles();
        Arrays.stream(each).forEach(residuals::add);
        double plain = deviation(c);
        for (int a = 0; a < wider.length; a++) {
          wider[a] += deviation(u.addScaled(ca, settings.alphas().get(a))) / plain / POINTS;
        }
        double dmSize = Double.NaN;
        double dmCentroid = Double.NaN;
        double cosine = Double.NaN;
        if (fake != null) {
          Tensor dm = c.sub(Artefact.predicted(fake, images, condition, tau, seed));
          dmSize = size(dm);
          dmCentroid = RadialSpectrum.of(dm).centroid();
          cosine = cosine(ca, dm);
        }
        rows.add(
            new Row(
                tau,
                size(ca),
                RadialSpectrum.of(ca).centroid(),
                Arrays.stream(each).average().orElse(Double.NaN),
                dmSize,
                dmCentroid,
                cosine));
      }
      done.accept(i + 1);
    }
    Map<Double, Double> spread = new LinkedHashMap<>();
    for (int a = 0; a < wider.length; a++) {
      spread.put(settings.alphas().get(a), wider[a]);
    }
    return new Anatomy(rows, spread, advise(rows, spread, residuals));
  }

  private static double deviation(Tensor images) {
    return images.variance(false, 1, 2, 3).sqrt().mean().item();
  }

  private static double size(Tensor direction) {
    return direction.square().mean(false, 1, 2, 3).sqrt().mean().item();
  }

  private static double cosine(Tensor a, Tensor b) {
    Tensor x = a.flatten(1, -1);
    Tensor y = b.flatten(1, -1);
    return x.mul(y)
        .sum(false, 1)
        .div(x.norm(false, 1).mul(y.norm(false, 1)).add(1e-12))
        .mean()
        .item();
  }

  /** The rules above. */
  static Advice advise(List<Row> rows, Map<Double, Double> spread, List<Double> residuals) {
    double alpha =
        spread.entrySet().stream()
            .filter(e -> e.getValue() <= WIDER)
            .mapToDouble(Map.Entry::getKey)
            .max()
            .orElse(spread.keySet().stream().mapToDouble(a -> a).min().orElse(1));
    List<Double> sorted = residuals.stream().sorted().toList();
    double floor = sorted.get((int) (QUANTILE * (sorted.size() - 1)));
    boolean student = rows.stream().noneMatch(row -> Double.isNaN(row.dm()));
    return new Advice(
        central(rows), student ? present(rows, Row::dm) : List.of(0.0, 1.0), alpha, floor);
  }

  /** The shortest interval around neighbouring τ that holds most of ‖CA‖. */
  private static List<Double> central(List<Row> rows) {
    double half = rows.size() > 1 ? (rows.get(1).tau() - rows.get(0).tau()) / 2 : 0.5;
    double all = rows.stream().mapToDouble(Row::ca).sum();
    int first = 0;
    int last = rows.size() - 1;
    for (int from = 0; from < rows.size() && all > 0; from++) {
      double sum = 0;
      for (int to = from; to < rows.size(); to++) {
        sum += rows.get(to).ca();
        if (sum >= INSIDE * all) {
          if (to - from < last - first) {
            first = from;
            last = to;
          }
          break;
        }
      }
    }
    return interval(rows, first, last, half);
  }

  private static List<Double> present(List<Row> rows, ToDoubleFunction<Row> of) {
    double half = rows.size() > 1 ? (rows.get(1).tau() - rows.get(0).tau()) / 2 : 0.5;
    double most = rows.stream().mapToDouble(of).max().orElse(0);
    int[] there =
        IntStream.range(0, rows.size())
            .filter(i -> of.applyAsDouble(rows.get(i)) >= FAINT * most)
            .toArray();
    return interval(rows, there[0], there[there.length - 1], half);
  }

  /** To the ends, where the first or the last τ is within. */
  private static List<Double> interval(List<Row> rows, int first, int last, double half) {
    return List.of(
        first == 0 ? 0.0 : rows.get(first).tau() - half,
        last == rows.size() - 1 ? 1.0 : rows.get(last).tau() + half);
  }

  /**
   * Writes {@code probe.svg}, {@code probe.png}, {@code probe.csv} and {@code probe.json}.
   *
   * @throws RunException if a file cannot be written
   */
  public static void write(Anatomy anatomy, String title, Path folder) {
    StringBuilder csv = new StringBuilder("tau,ca,caCentroid,residual,dm,dmCentroid,cosine\n");
    for (Row r : anatomy.rows()) {
      csv.append(
          String.join(
                  ",",
                  List.of(
                      Double.toString(r.tau()),
                      Double.toString(r.ca()),
                      Double.toString(r.caCentroid()),
                      Double.toString(r.residual()),
                      Double.toString(r.dm()),
                      Double.toString(r.dmCentroid()),
                      Double.toString(r.cosine())))
              + "\n");
    }
    JsonMapper json = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
    try {
      FigureWriter.write(figure(anatomy, title), folder, "probe");
    } catch (IOException e) {
      throw new RunException("cannot write the figure (" + e.getMessage() + ")", e);
    }
    PictureSheet.write(
        folder.resolve("probe.csv"), csv.toString().getBytes(StandardCharsets.UTF_8));
    PictureSheet.write(folder.resolve("probe.json"), json.writeValueAsBytes(anatomy));
  }

  private static Figure figure(Anatomy anatomy, String title) {
    boolean student = anatomy.rows().stream().noneMatch(r -> Double.isNaN(r.dm()));
    List<Figure.Panel> panels = new ArrayList<>();
    List<Figure.Series> sizes = new ArrayList<>(List.of(series(anatomy, "‖CA‖", 0, Row::ca)));
    List<Figure.Series> centroids =
        new ArrayList<>(List.of(series(anatomy, "CA", 0, Row::caCentroid)));
    if (student) {
      sizes.add(series(anatomy, "‖DM‖", 1, Row::dm));
      centroids.add(series(anatomy, "DM", 1, Row::dmCentroid));
    }
    sizes.add(series(anatomy, "residual |x̂ − x₀(c)|", 2, Row::residual));
    panels.add(new Figure.Curves("Size of the directions", "τ", "root mean square", true, sizes));
    panels.add(
        new Figure.Curves(
            "Where they push", "τ", "mean frequency, share of Nyquist's", false, centroids));
    if (student) {
      panels.add(
          new Figure.Curves(
              "Cosine of CA and DM",
              "τ",
              "cosine",
              false,
              List.of(series(anatomy, "cosine", 3, Row::cosine))));
    }
    List<Figure.Point> wider = new ArrayList<>();
    anatomy.spread().forEach((alpha, ratio) -> wider.add(new Figure.Point(alpha, ratio)));
    panels.add(
        new Figure.Curves(
            "Width of guided predictions",
            "α",
            "deviation ÷ the conditional one's",
            false,
            List.of(new Figure.Series("guided", 4, wider))));
    return new Figure(title, 2, panels);
  }

  private static Figure.Series series(
      Anatomy anatomy, String name, int style, ToDoubleFunction<Row> of) {
    return new Figure.Series(
        name,
        style,
        anatomy.rows().stream()
            .map(row -> new Figure.Point(row.tau(), of.applyAsDouble(row)))
            .toList());
  }
}
