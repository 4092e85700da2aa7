package org.peltast.report;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Writes a report as one HTML file: styles, curves and pictures are inside it, it asks no server
 * for anything. Its own script opens pictures large and moves them over updates; without it,
 * everything is still there to be seen.
 */
public final class ReportWriter {
  private final ReportData data;
  private final StringBuilder page = new StringBuilder(1 << 20);

  private ReportWriter(ReportData data) {
    this.data = data;
  }

  /**
   * Writes the report, in one step: a reader sees the old file or the new one.
   *
   * @throws IOException if it cannot be written
   */
  public static void write(ReportData data, Path file) throws IOException {
    Path draft = file.resolveSibling("." + file.getFileName() + ".draft");
    try {
      Files.writeString(draft, html(data));
      Files.move(draft, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(draft);
    }
  }

  /** The page. */
  public static String html(ReportData data) {
    return new ReportWriter(data).build();
  }

  private String build() {
    page.append(
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
        <title>%s</title>
        <style>
        %s</style>
        </head>
        <body>
        <header>
        <h1>%s</h1>
        <p class="lead">%s</p>
        """
            .formatted(
                Html.text(data.title()),
                resource("report.css"),
                Html.text(data.title()),
                Html.text(data.lead())));
    headlines();
    page.append("</header>\n<main>\n");
    gallery(data.gallery());
    variety(data.variety());
    figures(data.figures());
    story(data.story());
    charts();
    facts();
    next();
    page.append("</main>\n");
    if (data.gallery() != null || data.story() != null) {
      page.append("<script>\n").append(resource("report.js")).append("</script>\n");
    }
    return page.append("</body>\n</html>\n").toString();
  }

  private void headlines() {
    if (data.headlines().isEmpty()) {
      return;
    }
    page.append("<dl class=\"headlines\">\n");
    for (ReportData.Headline headline : data.headlines()) {
      page.append(
          "<div><dt>%s</dt><dd>%s<small>%s</small></dd></div>\n"
              .formatted(
                  Html.text(headline.value()),
                  Html.text(headline.label()),
                  Html.text(headline.note())));
    }
    page.append("</dl>\n");
  }

  private void gallery(ReportData.@Nullable Gallery gallery) {
    if (gallery == null) {
      return;
    }
    page.append("<section>\n<h2>The same prompts</h2>\n<ul class=\"sources\">\n");
    for (ReportData.Source source : gallery.sources()) {
      page.append(
          "<li class=\"%s\"><b>%s</b> %s</li>\n"
              .formatted(
                  tone(source.tone()), Html.text(source.name()), Html.text(source.explanation())));
    }
    page.append(
        String.format(
            Locale.ROOT,
            "</ul>\n<div class=\"gallery\" style=\"--sources:%d\">\n",
            gallery.sources().size()));
    for (ReportData.Prompt prompt : gallery.prompts()) {
      page.append("<figure>\n<div class=\"pictures\">");
      for (int i = 0; i < gallery.sources().size(); i++) {
        ReportData.Source source = gallery.sources().get(i);
        page.append(
            "<span class=\"%s\"><img alt=\"%s, %s\" src=\"%s\"><i>%s</i></span>"
                .formatted(
                    tone(source.tone()),
                    Html.text(prompt.text()),
                    Html.text(source.name()),
                    Html.dataUri(prompt.pictures().get(i)),
                    Html.text(source.name())));
      }
      page.append(
          "</div>\n<figcaption>%s</figcaption>\n</figure>\n".formatted(Html.text(prompt.text())));
    }
    page.append("</div>\n");
    page.append(
        String.format(
            Locale.ROOT,
            """
            <dialog class="large" style="--sources:%d">
            <h3></h3>
            <p>Seed %d. <span class="place"></span></p>
            <div class="pictures"></div>
            <form method="dialog"><button type="button" class="before">← previous</button><button type="button" class="after">next →</button><button autofocus>close</button></form>
            </dialog>
            </section>
            """,
            gallery.sources().size(),
            gallery.seed()));
  }

  private void variety(ReportData.@Nullable Variety variety) {
    if (variety == null) {
      return;
    }
    page.append(
        String.format(
            Locale.ROOT,
            "<section>\n<h2>One prompt, other noise</h2>\n<p>%d pictures of each prompt: what a model can draw of it, and whether it always draws the same.</p>\n<div class=\"gallery variety\" style=\"--sources:%d\">\n",
            variety.samples(),
            variety.samples()));
    for (ReportData.Prompt prompt : variety.prompts()) {
      page.append("<figure>\n");
      for (int i = 0; i < variety.sources().size(); i++) {
        ReportData.Source source = variety.sources().get(i);
        page.append("<div class=\"pictures %s\">".formatted(tone(source.tone())));
        for (int k = 0; k < variety.samples(); k++) {
          page.append(
              String.format(
                  Locale.ROOT,
                  "<img alt=\"%s, %s, picture %d\" src=\"%s\">",
                  Html.text(prompt.text()),
                  Html.text(source.name()),
                  k + 1,
                  Html.dataUri(prompt.pictures().get(i * variety.samples() + k))));
        }
        page.append("<i>%s</i></div>\n".formatted(Html.text(source.name())));
      }
      page.append("<figcaption>%s</figcaption>\n</figure>\n".formatted(Html.text(prompt.text())));
    }
    page.append("</div>\n</section>\n");
  }

  private void figures(ReportData.@Nullable Table table) {
    if (table == null) {
      return;
    }
    page.append("<section>\n<h2>Figures</h2>\n<p>%s</p>\n".formatted(Html.text(table.caption())));
    page.append("<div class=\"scroll\"><table>\n<thead><tr><th></th>");
    for (ReportData.Column column : table.columns()) {
      page.append(
          "<th>%s%s</th>"
              .formatted(
                  Html.text(column.name()),
                  switch (column.better()) {
                    case LOWER -> " <span title=\"low is good\">↓</span>";
                    case HIGHER -> " <span title=\"high is good\">↑</span>";
                    case NEITHER -> "";
                  }));
    }
    page.append("</tr></thead>\n<tbody>\n");
    for (ReportData.Row row : table.rows()) {
      page.append(
          "<tr class=\"%s\"><th>%s<small>%s</small></th>"
              .formatted(tone(row.tone()), Html.text(row.name()), Html.text(row.note())));
      for (int i = 0; i < table.columns().size(); i++) {
        page.append("<td>%s</td>".formatted(cell(table.columns().get(i), row.cells().get(i))));
      }
      page.append("</tr>\n");
    }
    page.append("</tbody></table></div>\n");
    if (!table.notes().isEmpty()) {
      page.append("<ul class=\"notes\">");
      table.notes().forEach(note -> page.append("<li>%s</li>".formatted(Html.text(note))));
      page.append("</ul>\n");
    }
    page.append("<div class=\"charts\">\n");
    for (int i = 0; i < table.columns().size(); i++) {
      ReportData.Column column = table.columns().get(i);
      if (column.plotted()) {
        page.append(
            "<figure><h3>%s</h3><p>%s</p>%s</figure>\n"
                .formatted(Html.text(column.name()), reading(column), IntervalPlot.svg(table, i)));
      }
    }
    page.append("</div>\n</section>\n");
  }

  private static String reading(ReportData.Column column) {
    String better =
        switch (column.better()) {
          case LOWER -> "Left is good. ";
          case HIGHER -> "Right is good. ";
          case NEITHER -> "";
        };
    return better
        + "Lines are 95 % intervals"
        + (column.floor() == null ? "." : "; the dashed line is real against real.");
  }

  private static String cell(ReportData.Column column, ReportData.@Nullable Estimate estimate) {
    if (estimate == null || Double.isNaN(estimate.value())) {
      return "<span class=\"none\">–</span>";
    }
    String unit = column.unit().isEmpty() ? "" : "<small> " + Html.text(column.unit()) + "</small>";
    String value = IntervalPlot.decimals(estimate.value(), column.decimals()) + unit;
    return estimate.low() == estimate.high()
        ? value
        : value
            + "<small class=\"interval\">%s – %s</small>"
                .formatted(
                    IntervalPlot.decimals(estimate.low(), column.decimals()),
                    IntervalPlot.decimals(estimate.high(), column.decimals()));
  }

  private void story(ReportData.@Nullable Story story) {
    if (story == null) {
      return;
    }
    page.append(
        "<section>\n<h2>Spear and shield</h2>\n<p>%s</p>\n<div class=\"story\">\n"
            .formatted(Html.text(story.lead())));
    for (ReportData.Strand strand : story.strands()) {
      page.append(
          String.format(
              Locale.ROOT,
              "<figure class=\"strand %s\"><h3>%s</h3><p>%s</p><div class=\"now\""
                  + " aria-live=\"polite\"></div><div class=\"scroll\"><div class=\"moments\""
                  + " style=\"--moments:%d\">",
              tone(strand.tone()),
              Html.text(strand.name()),
              Html.text(strand.explanation()),
              strand.moments().size()));
      for (ReportData.Moment moment : strand.moments()) {
        page.append("<div>");
        moment
            .pictures()
            .forEach(
                picture ->
                    page.append(
                        String.format(
                            Locale.ROOT,
                            "<img alt=\"%s, update %d\" src=\"%s\">",
                            Html.text(strand.name()),
                            moment.update(),
                            Html.dataUri(picture))));
        page.append(
            "<i>%s</i></div>"
                .formatted(String.format(Locale.ROOT, "%,d", moment.update()).replace(',', ' ')));
      }
      page.append("</div></div></figure>\n");
    }
    page.append("</div>\n");
    page.append(
        "<label class=\"slider\" hidden>first update <input type=\"range\" min=\"0\" step=\"1\" aria-label=\"updates\"> last update</label>\n");
    page.append("<div class=\"charts\">");
    page.append(
        "<figure class=\"long\"><h3>%s</h3><p>%s</p>%s</figure>"
            .formatted(
                Html.text(story.variance().title()),
                Html.text(story.variance().explanation()),
                LineChart.longSvg(story.variance())));
    page.append("</div>\n</section>\n");
  }

  private void charts() {
    if (data.charts().isEmpty()) {
      return;
    }
    page.append("<section>\n<h2>The run</h2>\n<div class=\"charts\">\n");
    data.charts().forEach(this::chart);
    page.append("</div>\n</section>\n");
  }

  private void chart(ReportData.Chart chart) {
    page.append(
        "<figure><h3>%s</h3><p>%s</p>%s</figure>\n"
            .formatted(
                Html.text(chart.title()), Html.text(chart.explanation()), LineChart.svg(chart)));
  }

  private void facts() {
    if (data.facts().isEmpty() && data.recipe().isEmpty()) {
      return;
    }
    page.append("<section>\n<h2>How it was made</h2>\n");
    for (ReportData.Facts facts : data.facts()) {
      page.append(
          "<details><summary>%s</summary><table class=\"facts\">"
              .formatted(Html.text(facts.title())));
      for (Map.Entry<String, String> fact : facts.values().entrySet()) {
        page.append(
            "<tr><th>%s</th><td>%s</td></tr>"
                .formatted(Html.text(fact.getKey()), Html.text(fact.getValue())));
      }
      page.append("</table></details>\n");
    }
    if (!data.recipe().isEmpty()) {
      page.append(
          "<details><summary>Recipe</summary><pre>%s</pre></details>\n"
              .formatted(Html.text(data.recipe())));
    }
    page.append("</section>\n");
  }

  private void next() {
    if (data.next().isEmpty()) {
      return;
    }
    page.append("<section>\n<h2>Go on</h2>\n<dl class=\"next\">\n");
    for (ReportData.Next next : data.next()) {
      page.append(
          "<dt>%s</dt><dd><pre>%s</pre></dd>\n"
              .formatted(Html.text(next.purpose()), Html.text(next.command())));
    }
    page.append("</dl>\n</section>\n");
  }

  private static String tone(ReportData.Tone tone) {
    return tone.name().toLowerCase(Locale.ROOT);
  }

  private static String resource(String name) {
    try (InputStream in = ReportWriter.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException(name + " is missing from the jar");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
